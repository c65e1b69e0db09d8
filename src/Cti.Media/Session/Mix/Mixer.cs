using System.Numerics;

namespace Cti.Media.Session.Mix;

/// <summary>The arithmetic of mixing on frames of linear sound: sums of 32 bits, saturated only where they become sound again.</summary>
internal static class Mixer
{
    /// <summary>A gain of 0 dB; gains are factors of 1/4096.</summary>
    public const int Unity = 1 << GainBits;

    private const int GainBits = 12;

    /// <summary>What both laws' silence decodes to at most: a frame that stays within it says nothing.</summary>
    private const short SilencePeak = 8;

    /// <summary>Squares are summed of a sixteenth of the samples, so that a frame's sum fits into 32 bits a lane.</summary>
    private const int EnergyShift = 4;

    /// <summary>The factor of a volume; beyond -20..20 dB it is cut to that.</summary>
    public static int Gain(double decibels) => (int)Math.Round(Unity * Math.Pow(10, Math.Clamp(decibels, -20, 20) / 20));

    /// <summary>Adds a frame to a sum.</summary>
    public static void Add(Span<int> sum, ReadOnlySpan<short> frame)
    {
        var i = 0;
        if (Vector.IsHardwareAccelerated)
        {
            for (; i <= frame.Length - Vector<short>.Count; i += Vector<short>.Count)
            {
                Vector.Widen(new Vector<short>(frame[i..]), out var low, out var high);
                var at = sum[i..];
                (new Vector<int>(at) + low).CopyTo(at);
                at = at[Vector<int>.Count..];
                (new Vector<int>(at) + high).CopyTo(at);
            }
        }
        for (; i < frame.Length; i++) sum[i] += frame[i];
    }

    /// <summary>The sum as sound, saturated.</summary>
    public static void Saturate(ReadOnlySpan<int> sum, Span<short> frame)
    {
        var i = 0;
        if (Vector.IsHardwareAccelerated)
        {
            for (; i <= frame.Length - Vector<short>.Count; i += Vector<short>.Count)
                Narrow(new Vector<int>(sum[i..]), new Vector<int>(sum[(i + Vector<int>.Count)..])).CopyTo(frame[i..]);
        }
        for (; i < frame.Length; i++) frame[i] = Clamp(sum[i]);
    }

    /// <summary>The sum without one's own part, saturated: what a member of a conference hears.</summary>
    public static void SaturateWithout(ReadOnlySpan<int> sum, ReadOnlySpan<short> own, Span<short> frame)
    {
        var i = 0;
        if (Vector.IsHardwareAccelerated)
        {
            for (; i <= frame.Length - Vector<short>.Count; i += Vector<short>.Count)
            {
                Vector.Widen(new Vector<short>(own[i..]), out var low, out var high);
                Narrow(new Vector<int>(sum[i..]) - low, new Vector<int>(sum[(i + Vector<int>.Count)..]) - high).CopyTo(frame[i..]);
            }
        }
        for (; i < frame.Length; i++) frame[i] = Clamp(sum[i] - own[i]);
    }

    /// <summary>A frame louder or softer, saturated.</summary>
    public static void Amplify(ReadOnlySpan<short> source, int gain, Span<short> target)
    {
        if (gain == Unity)
        {
            source.CopyTo(target);
            return;
        }
        var i = 0;
        if (Vector.IsHardwareAccelerated)
        {
            for (; i <= source.Length - Vector<short>.Count; i += Vector<short>.Count)
            {
                Vector.Widen(new Vector<short>(source[i..]), out var low, out var high);
                Narrow((low * gain) >> GainBits, (high * gain) >> GainBits).CopyTo(target[i..]);
            }
        }
        for (; i < source.Length; i++) target[i] = Clamp((source[i] * gain) >> GainBits);
    }

    /// <summary>Adds a frame to another one, saturated.</summary>
    public static void AddSaturated(Span<short> target, ReadOnlySpan<short> frame)
    {
        for (var i = 0; i < target.Length; i++) target[i] = Clamp(target[i] + frame[i]);
    }

    /// <summary>Two frames as one of two channels.</summary>
    public static void Interleave(ReadOnlySpan<short> left, ReadOnlySpan<short> right, Span<short> both)
    {
        for (var i = 0; i < left.Length; i++)
        {
            both[2 * i] = left[i];
            both[(2 * i) + 1] = right[i];
        }
    }

    /// <summary>Whether a frame says nothing.</summary>
    public static bool IsSilent(ReadOnlySpan<short> frame)
    {
        var i = 0;
        if (Vector.IsHardwareAccelerated && frame.Length >= Vector<short>.Count)
        {
            var least = Vector<short>.Zero;
            var most = Vector<short>.Zero;
            for (; i <= frame.Length - Vector<short>.Count; i += Vector<short>.Count)
            {
                var samples = new Vector<short>(frame[i..]);
                least = Vector.Min(least, samples);
                most = Vector.Max(most, samples);
            }
            if (Vector.GreaterThanAny(most, new Vector<short>(SilencePeak)) || Vector.LessThanAny(least, new Vector<short>(-SilencePeak))) return false;
        }
        for (; i < frame.Length; i++)
        {
            if (frame[i] is > SilencePeak or < -SilencePeak) return false;
        }
        return true;
    }

    /// <summary>The mean square of a frame.</summary>
    public static long MeanSquare(ReadOnlySpan<short> frame)
    {
        if (frame.IsEmpty) return 0;
        long total = 0;
        var i = 0;
        if (Vector.IsHardwareAccelerated)
        {
            var sum = Vector<int>.Zero;
            for (; i <= frame.Length - Vector<short>.Count; i += Vector<short>.Count)
            {
                Vector.Widen(new Vector<short>(frame[i..]) >> EnergyShift, out var low, out var high);
                sum += (low * low) + (high * high);
            }
            total = Vector.Sum(sum);
        }
        for (; i < frame.Length; i++) total += (frame[i] >> EnergyShift) * (frame[i] >> EnergyShift);
        return (total << (2 * EnergyShift)) / frame.Length;
    }

    private static short Clamp(int value) => (short)Math.Clamp(value, short.MinValue, short.MaxValue);

    private static Vector<short> Narrow(Vector<int> low, Vector<int> high)
    {
        var least = new Vector<int>(short.MinValue);
        var most = new Vector<int>(short.MaxValue);
        return Vector.Narrow(Vector.Min(Vector.Max(low, least), most), Vector.Min(Vector.Max(high, least), most));
    }
}
