using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Cti.Acceptance.Cluster;

/// <summary>The sound of all phones of a farm: one thread, a socket a call, a packet each 20 ms.</summary>
internal sealed class FarmAudio : IAsyncDisposable
{
    private readonly IPAddress _address;
    private readonly Lock _gate = new();
    private readonly ManualResetEvent _over = new(initialState: false);
    private readonly Thread _thread;
    private FarmSound[] _sounds = [];
    private double _latest;

    public FarmAudio(IPAddress address)
    {
        _address = address;
        _thread = new Thread(Run) { IsBackground = true, Name = "phones' sound" };
        _thread.Start();
    }

    /// <summary>By how many milliseconds this thread was late at most since the last question: gaps of that size are the machine's.</summary>
    public double TakeLateness() => Interlocked.Exchange(ref _latest, 0);

    public FarmSound Add(int number)
    {
        var sound = new FarmSound(_address, number);
        lock (_gate) _sounds = [.. _sounds, sound];
        return sound;
    }

    public void Remove(FarmSound sound)
    {
        lock (_gate) _sounds = [.. _sounds.Where(other => other != sound)];
        sound.Dispose();
    }

    public ValueTask DisposeAsync()
    {
        _over.Set();
        _thread.Join();
        foreach (var sound in _sounds) sound.Dispose();
        _over.Dispose();
        return ValueTask.CompletedTask;
    }

    private void Run()
    {
        FarmClock.Precede();
        var buffer = new byte[2048];
        var begun = Stopwatch.GetTimestamp();
        for (var tick = 1L; ; tick++)
        {
            var due = (tick * 10) - Stopwatch.GetElapsedTime(begun).TotalMilliseconds;
            if (_over.WaitOne((int)Math.Max(0, due))) return;
            if (-due > _latest) Interlocked.Exchange(ref _latest, -due);
            if (due < -500)
            {
                // The machine stood still: what was not sent then is not sent now.
                begun = Stopwatch.GetTimestamp();
                tick = 0;
            }
            var sounds = Volatile.Read(ref _sounds);
            for (var i = (int)(tick & 1); i < sounds.Length; i += 2)
            {
                try
                {
                    sounds[i].Receive(buffer);
                    sounds[i].Send();
                }
                catch (Exception e) when (e is SocketException or ObjectDisposedException)
                {
                    // Closed meanwhile, or nobody at the other end.
                }
            }
        }
    }
}

/// <summary>Frames of 20 ms in A-law, from G.711 and not from the product.</summary>
internal static class Tones
{
    public const int FrameBytes = 160;

    private static readonly short[] Linear = [.. Enumerable.Range(0, 256).Select(static code => FromALaw((byte)code))];

    /// <summary>A tone whose period divides 20 ms, so that the same frame again continues it.</summary>
    /// <param name="hertz">A multiple of 50.</param>
    public static byte[] Frame(int hertz)
    {
        var frame = new byte[FrameBytes];
        for (var i = 0; i < frame.Length; i++) frame[i] = ToALaw((short)(9000 * Math.Sin(2 * Math.PI * hertz * i / 8000)));
        return frame;
    }

    /// <summary>The share of a frame's energy that is at this frequency: 1 of the pure tone, 0 of silence.</summary>
    public static double Share(ReadOnlySpan<byte> frame, int hertz)
    {
        var coefficient = 2 * Math.Cos(2 * Math.PI * hertz / 8000);
        double energy = 0, previous = 0, before = 0;
        foreach (var code in frame)
        {
            double sample = Linear[code];
            energy += sample * sample;
            var now = sample + (coefficient * previous) - before;
            before = previous;
            previous = now;
        }
        if (energy < 1e7) return 0;
        var power = (previous * previous) + (before * before) - (coefficient * previous * before);
        return power / (energy * frame.Length / 2);
    }

    private static byte ToALaw(short sample)
    {
        var best = 0;
        for (var code = 1; code < 256; code++)
        {
            if (Math.Abs(Linear[code] - sample) < Math.Abs(Linear[best] - sample)) best = code;
        }
        return (byte)best;
    }

    private static short FromALaw(byte value)
    {
        var code = value ^ 0x55;
        var exponent = (code >> 4) & 7;
        var magnitude = ((code & 0x0F) << 4) + 8;
        if (exponent > 0) magnitude = (magnitude + 0x100) << (exponent - 1);
        return (short)((code & 0x80) != 0 ? magnitude : -magnitude);
    }
}

/// <summary>Announcements in which each 2 ms say where in which file they are.</summary>
internal static class Announcement
{
    private const int CellBytes = 16;

    /// <summary>Writes an A-law WAV file; answers its name.</summary>
    public static string Write(string folder, string name, int id, double seconds)
    {
        var cells = (int)(seconds * 8000 / CellBytes);
        var data = new byte[cells * CellBytes];
        for (var cell = 0; cell < cells; cell++) Cell(data.AsSpan(cell * CellBytes, CellBytes), id, cell);
        Directory.CreateDirectory(folder);
        using var file = new BinaryWriter(File.Create(Path.Combine(folder, name)));
        file.Write("RIFF"u8);
        file.Write(36 + data.Length);
        file.Write("WAVEfmt "u8);
        file.Write(16);
        file.Write((short)6);
        file.Write((short)1);
        file.Write(8000);
        file.Write(8000);
        file.Write((short)1);
        file.Write((short)8);
        file.Write("data"u8);
        file.Write(data.Length);
        file.Write(data);
        return name;
    }

    /// <summary>Where in which file a frame is; null if it is of none.</summary>
    public static (int Id, double Millis)? Locate(ReadOnlySpan<byte> frame)
    {
        Span<byte> expected = stackalloc byte[CellBytes];
        for (var at = 0; at + CellBytes <= frame.Length; at++)
        {
            var cell = frame.Slice(at, CellBytes);
            if (cell[0] != 0x2A || cell[1] != 0xAB) continue;
            var number = (cell[3] << 14) | (cell[4] << 7) | cell[5];
            Cell(expected, cell[2], number);
            if (cell.SequenceEqual(expected)) return (cell[2], (number * 2) - (at / 8.0));
        }
        return null;
    }

    private static void Cell(Span<byte> cell, int id, int number)
    {
        cell[0] = 0x2A;
        cell[1] = 0xAB;
        cell[2] = (byte)id;
        cell[3] = (byte)(number >> 14);
        cell[4] = (byte)((number >> 7) & 0x7F);
        cell[5] = (byte)(number & 0x7F);
        for (var i = 6; i < cell.Length; i++) cell[i] = (byte)(0x80 | ((cell[5] * 7) + (cell[4] * 3) + (i * 11) + id));
    }
}
