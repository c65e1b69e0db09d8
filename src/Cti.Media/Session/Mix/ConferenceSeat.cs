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

    private readonly short[] _own = new short[Audio.FrameSamples];
    private int _loud;
    private int _quiet;

    public Conference Conference { get; } = conference;

    public MediaSession Session { get; } = session;

    /// <summary>Its index in the conference's list.</summary>
    public int Index { get; set; }

    public bool Talks { get; private set; }

    public bool Hears { get; private set; }

    /// <summary>Whether its sound is in the present mix.</summary>
    public bool Contributes { get; private set; }

    /// <summary>What it contributes.</summary>
    public ReadOnlySpan<short> Own => _own;

    /// <summary>A frame of its own, for a member that hears what nobody else does.</summary>
    public byte[] OwnFrame { get; } = new byte[Audio.FrameSamples];

    /// <summary>What it hears in this frame: its own or one that is shared; null for nothing.</summary>
    public byte[]? Output { get; set; }

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
    public void Contribute(Span<int> sum, bool isTicked)
    {
        Contributes = isTicked && Talks && !Mixer.IsSilent(Session.Frame);
        if (!Contributes) return;
        Mixer.Amplify(Session.Frame, Gain, _own);
        Mixer.Add(sum, _own);
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
    public Supply Take(Span<byte> payload, AudioCodec codec)
    {
        // A codec that changed since the mix was made gets its first frame with the next one.
        if (Output is not { } frame || codec != OutputCodec) return Supply.None;
        frame.CopyTo(payload);
        return Supply.Frame;
    }

    /// <summary>The codec of <see cref="Output"/>.</summary>
    public AudioCodec OutputCodec { get; set; }
}
