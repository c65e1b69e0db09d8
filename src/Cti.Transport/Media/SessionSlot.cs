using Cti.Media;

namespace Cti.Transport.Media;

/// <summary>A session with its sockets and its place in a loop. Events that its engine reports pass through here to the dispatcher.</summary>
internal sealed class SessionSlot(MediaSessionId id, MediaLoop loop, IMediaEvents receiver, EventDispatcher dispatcher, int port,
    DatagramSocket rtp, DatagramSocket rtcp) : IMediaEvents
{
    private int _codec = (int)AudioCodec.Pcmu;

    public MediaSessionId Id { get; } = id;

    public MediaLoop Loop { get; } = loop;

    public int Port { get; } = port;

    public DatagramSocket Rtp { get; } = rtp;

    public DatagramSocket Rtcp { get; } = rtcp;

    /// <summary>The engine; set before the slot is seen by its loop.</summary>
    public MediaSession Session { get; set; } = null!;

    /// <summary>The codec last configured: files are encoded for it before the loop needs them.</summary>
    public AudioCodec Codec
    {
        get => (AudioCodec)Volatile.Read(ref _codec);
        set => Volatile.Write(ref _codec, (int)value);
    }

    // The following belong to the loop's thread.

    /// <summary>Index in the loop's table, -1 outside of it.</summary>
    public int Index { get; set; } = -1;

    /// <summary>Which of the four phases of 20 ms it is ticked in.</summary>
    public int Phase { get; set; }

    /// <summary>Index in its phase.</summary>
    public int PhaseIndex { get; set; }

    /// <summary>The cadence in which RTP was last read: a socket readable in two cadences running has a queue.</summary>
    public long RtpReadCadence { get; set; }

    public bool Closing { get; set; }

    void IMediaEvents.OnMediaEvent(MediaSessionId session, MediaEvent happened) => dispatcher.Report(session, happened, receiver);
}
