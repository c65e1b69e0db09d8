using Cti.Media;
using Cti.Media.Session;

namespace Cti.Transport.Media;

/// <summary>
/// A session with its sockets and its place in a loop. Events that its engine reports pass through here to the dispatcher.
/// It moves between loops with nothing but its commands' order kept by a lock among those who command:
/// <code>
///   caller                      old loop                          new loop
///   Depart to the old ring ──►  takes it out of its tables,
///   Arrive to the new ring ─┐   sets the owner ─────────────────► Arrive: waits until the owner is set
///   from here on commands ──┴───────────────────────────────────► wait behind Arrive
/// </code>
/// </summary>
internal sealed class SessionSlot(MediaSessionId id, MediaLoop loop, IMediaEvents receiver, EventDispatcher dispatcher, int port,
    DatagramSocket rtp, DatagramSocket rtcp) : IMediaEvents, IRtpOutput
{
    private readonly Lock _gate = new();
    private MediaLoop _loop = loop;
    private MediaLoop? _owner;
    private int _codec = (int)AudioCodec.Pcmu;

    public MediaSessionId Id { get; } = id;

    /// <summary>The loop that commands go to.</summary>
    public MediaLoop Loop => Volatile.Read(ref _loop);

    /// <summary>The loop whose tables it is in, or which may take it into them; set by the loop that had it before.</summary>
    public MediaLoop? Owner
    {
        get => Volatile.Read(ref _owner);
        set => Volatile.Write(ref _owner, value);
    }

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

    /// <summary>Index in its phase, among those that are ticked or those that sleep.</summary>
    public int PhaseIndex { get; set; }

    /// <summary>It is not ticked for now: only its phase sets this.</summary>
    public bool IsAsleep { get; set; }

    /// <summary>The cadence in which RTP was last read: a socket readable in two cadences running has a queue.</summary>
    public long RtpReadCadence { get; set; }

    public bool Closing { get; set; }

    /// <summary>Its sockets are closed and its last report is made: a loop that it was still moving to drops it.</summary>
    public bool IsGone { get; set; }

    /// <summary>The command takes effect with the next cadence, after all that were posted before. Any thread but a loop's.</summary>
    public void Post(in MediaCommand command)
    {
        lock (_gate)
        {
            _loop.Post(this, command);
        }
    }

    /// <summary>Moves it to another loop, where a place was reserved. Any thread but a loop's.</summary>
    public void Move(MediaLoop target)
    {
        lock (_gate)
        {
            _loop.Depart(this, target);
            Volatile.Write(ref _loop, target);
            target.Arrive(this);
        }
    }

    unsafe void IRtpOutput.SendRtp(MediaSession session, ReadOnlySpan<byte> packet)
    {
        if (Owner!.IsMuted)
            return;
        var counts = Owner.Counts;
        fixed (byte* bytes = packet)
        {
            if (Rtp.Send(bytes, packet.Length, session.Remote))
                counts.RtpSent++;
            else
                counts.SendFailures++;
        }
    }

    void IMediaEvents.OnMediaEvent(MediaSessionId session, MediaEvent happened) => dispatcher.Report(session, happened, receiver);
}
