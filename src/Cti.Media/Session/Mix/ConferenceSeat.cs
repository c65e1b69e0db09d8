using Cti.Media.Codecs;
using Cti.Media.Session;
using Cti.Media.Session.Mix;

namespace Cti.Media.Session.Mix;

/// <summary>A session's place in a conference, with the room for its sound: nothing is allocated while it sits there.</summary>
internal sealed class ConferenceSeat(Conference conference, MediaSession session)
{
    /// <summary>-40 dBm0 as a mean square: above what lines and rooms hum.</summary>
    private const long TalkingEnergy = 327 * 327;

    /// <summary>Frames in a row that make talking: 60 ms, longer than a click.</summary>
    private const int OnsetFrames = 3;

    /// <summary>Frames in a row that end it: half a second, longer than the pauses within speech.</summary>
    private const int HangoverFrames = 25;

    private readonly byte[] _ownCodes = new byte[Audio.FrameSamples];
    private RateConverter? _toMix;
    private short[] _own = new short[Audio.FrameSamples];
    private short[] _without = new short[Audio.FrameSamples];
    private Heard _heard;
    private int _loud;
    private int _quiet;

    /// <summary>What is heard in a frame: codes, or samples; neither for nothing. A frame of another codec than it was made for is not taken.</summary>
    private readonly record struct Heard(byte[]? Codes, short[]? Samples, int Count, AudioCodec Codec);

    public Conference Conference { get; } = conference;

    public MediaSession Session { get; } = session;

    /// <summary>Its index in the conference's list.</summary>
    public int Index { get; set; }

    public bool Talks { get; private set; }

    public bool Hears { get; private set; }

    /// <summary>Whether its far end has a new frame for the present mix.</summary>
    public bool IsTicked { get; set; }

    /// <summary>Whether its sound is in the present mix.</summary>
    public bool Contributes { get; private set; }

    public bool IsTalking { get; private set; }

    private int Gain { get; set; } = Mixer.Unity;

    public void Set(ConferenceMember member)
    {
        Gain = Mixer.Gain(member.Volume);
        Hears = member.Mode is VoiceMode.TalkAndHear or VoiceMode.Hear;
        var talks = member.Mode is VoiceMode.TalkAndHear or VoiceMode.Talk;
        if (talks == Talks) return;
        Talks = talks;
        if (talks) Session.Sound.AddMix();
        else Session.Sound.RemoveMix();
    }

    /// <summary>Lets go of the session.</summary>
    public void Release()
    {
        if (Talks) Session.Sound.RemoveMix();
        Talks = false;
        Session.Mixes.Unseat();
    }

    /// <summary>Takes the far end's present frame into the mix.</summary>
    public void Contribute(Span<int> sum)
    {
        Contributes = false;
        if (!IsTicked || !Talks) return;
        var frame = Session.Frame;
        var own = Room(ref _own, sum.Length);
        if (frame.Length != sum.Length)
        {
            // Silence goes through as well, so that what it ends is not cut off.
            _toMix ??= new RateConverter();
            _toMix.Convert(frame, own);
            frame = own;
        }
        Contributes = !Mixer.IsSilent(frame);
        if (!Contributes) return;
        Mixer.Amplify(frame, Gain, own);
        Mixer.Add(sum, own);
    }

    /// <summary>Nothing is heard in this frame.</summary>
    public void HearNothing() => _heard = default;

    /// <summary>Codes that are shared are heard in this frame.</summary>
    public void Hear(byte[] codes, AudioCodec codec) => _heard = new Heard(codes, null, 0, codec);

    /// <summary>Samples that are shared are heard in this frame, the first so many of an array.</summary>
    public void Hear(short[] samples, int count, AudioCodec codec) => _heard = new Heard(null, samples, count, codec);

    /// <summary>A sum is heard without its own part.</summary>
    public void HearWithoutOwn(ReadOnlySpan<int> sum, AudioCodec codec)
    {
        var without = Room(ref _without, sum.Length);
        Mixer.SaturateWithout(sum, _own.AsSpan(0, sum.Length), without);
        if (!codec.IsTable() || sum.Length != Audio.FrameSamples)
        {
            Hear(_without, sum.Length, codec);
            return;
        }
        G711.Encode(codec, without, _ownCodes);
        Hear(_ownCodes, codec);
    }

    /// <summary>Watches whether it talks; true when that has changed with this frame.</summary>
    public bool Watch()
    {
        var isLoud = Contributes && Mixer.MeanSquare(Session.Frame) > TalkingEnergy;
        _loud = isLoud ? _loud + 1 : 0;
        _quiet = isLoud ? 0 : _quiet + 1;
        if (IsTalking ? Talks && _quiet < HangoverFrames : _loud < OnsetFrames) return false;
        IsTalking = !IsTalking;
        return true;
    }

    /// <summary>What the member hears.</summary>
    public Supply Take(Outgoing sound)
    {
        // A codec that changed since the mix was made gets its first frame with the next one.
        if (_heard.Codec != sound.Codec) return Supply.None;
        if (_heard.Codes is { } codes)
        {
            codes.CopyTo(sound.Codes);
            sound.PutCodes();
            return Supply.Frame;
        }
        if (_heard.Samples is not { } samples) return Supply.None;
        sound.Put(samples.AsSpan(0, _heard.Count));
        return Supply.Frame;
    }

    /// <summary>Room for a frame: made once, when the mix has that rate for the first time.</summary>
    private static Span<short> Room(ref short[] room, int samples)
    {
        if (room.Length < samples) room = new short[samples];
        return room.AsSpan(0, samples);
    }
}
