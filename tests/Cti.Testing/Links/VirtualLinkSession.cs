using System.Buffers.Binary;
using System.Text;
using Cti.Cluster;
using Cti.Kernel;

namespace Cti.Testing.Links;

/// <summary>
/// One connection to one peer, from its opening to its end; each frame is its length, a kind and a payload.
/// <code>
///   (ours)     Opening ──open: Hello──► AwaitAnswer ──Accepted──► Up ──► Over
///   (accepted)               AwaitHello ──adopted: Accepted─────► Up ──► Over
/// </code>
/// </summary>
internal sealed class VirtualLinkSession(VirtualLinks owner, string? called) : ILinkStreamEvents
{
    private const byte KindHello = 249, KindAccepted = 250, KindPing = 251;
    private const int HeadBytes = 5;

    private readonly Lock _sending = new();
    private byte[] _input = new byte[64];
    private int _filled;
    private volatile Stage _stage = called is null ? Stage.AwaitHello : Stage.Opening;
    private long _heardMillis = owner.NowMillis;
    private long _saidMillis;
    private long _endsMillis = long.MaxValue;

    private enum Stage
    {
        Opening,
        AwaitHello,
        AwaitAnswer,
        Up,
        Over,
    }

    /// <summary>Set right after the connection was begun or accepted.</summary>
    public ILinkStream? Stream { get; set; }

    /// <summary>When it is closed because the peer is no longer in the cluster.</summary>
    public long EndsMillis
    {
        get => Volatile.Read(ref _endsMillis);
        set => Volatile.Write(ref _endsMillis, value);
    }

    /// <summary>When it began.</summary>
    public long BegunMillis { get; } = owner.NowMillis;

    /// <summary>Whether this node began it.</summary>
    public bool IsOurs => called is not null;

    /// <summary>The peer: whom we called, or who it said to be.</summary>
    public string Peer { get; private set; } = called ?? "";

    /// <summary>The run of the peer's program.</summary>
    public string Run { get; private set; } = "";

    /// <summary>Whether both sides know who they are.</summary>
    public bool IsUp => _stage == Stage.Up;

    /// <summary>Whether the connection is open and the peer has not answered yet.</summary>
    public bool IsProving => _stage is Stage.AwaitAnswer;

    /// <summary>Why this side closed it; "" where the other side or the network did.</summary>
    public string Complaint { get; private set; } = "";

    /// <summary>Queues a message; false where the connection is over or too much waits.</summary>
    public bool Send(LinkChannel channel, ReadOnlySpan<byte> payload) => Send((byte)channel, payload);

    /// <summary>Tells the peer that it is accepted, before anything else is sent to it.</summary>
    public void SendAccepted() => Send(KindAccepted, Text(owner.Run));

    /// <summary>Closes it, for a reason that the log shows.</summary>
    public void Close(string complaint)
    {
        if (Complaint.Length == 0) Complaint = complaint;
        Stream?.Close();
    }

    /// <summary>Looks at its deadlines.</summary>
    public void Tick(long now)
    {
        if (_stage != Stage.Up)
        {
            if (now - BegunMillis > Limits.LinkHandshakeMillis) Close("it did not answer in time");
            return;
        }
        if (now >= EndsMillis) Close(VirtualLinks.NoLongerThere);
        else if (now - Volatile.Read(ref _heardMillis) > Limits.LinkSilenceMillis) Close("it is silent");
        else if (now - Volatile.Read(ref _saidMillis) >= Limits.LinkPingMillis) Send(KindPing, []);
    }

    /// <inheritdoc/>
    public void OnOpened()
    {
        if (!owner.MayProve(this)) return;
        _stage = Stage.AwaitAnswer;
        Send(KindHello, [.. Text(owner.Self), .. Text(owner.Run), .. Text(called!)]);
    }

    /// <inheritdoc/>
    public void OnData(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty && _stage != Stage.Over)
        {
            var wanted = _filled < 4 ? 4 : 4 + BinaryPrimitives.ReadInt32BigEndian(_input);
            if (_input.Length < wanted) Array.Resize(ref _input, Math.Max(wanted, _input.Length * 2));
            var taken = Math.Min(wanted - _filled, bytes.Length);
            bytes[..taken].CopyTo(_input.AsSpan(_filled));
            _filled += taken;
            bytes = bytes[taken..];
            if (_filled < 4 || _filled < 4 + BinaryPrimitives.ReadInt32BigEndian(_input)) continue;
            var frame = _input.AsSpan(0, _filled);
            _filled = 0;
            Take(frame[4], frame[HeadBytes..]);
        }
    }

    /// <inheritdoc/>
    public void OnClosed(LinkStreamEnd end)
    {
        _stage = Stage.Over;
        owner.Closed(this, end);
    }

    private static byte[] Text(string text) => [(byte)text.Length, .. Encoding.ASCII.GetBytes(text)];

    private static string ReadText(ref ReadOnlySpan<byte> from)
    {
        var text = Encoding.ASCII.GetString(from.Slice(1, from[0]));
        from = from[(1 + from[0])..];
        return text;
    }

    private bool Send(byte kind, ReadOnlySpan<byte> payload)
    {
        lock (_sending)
        {
            if (_stage == Stage.Over || Stream is not { } stream) return false;
            // A full queue is no reason to lose the connection: whoever asked is told, and what waits arrives first.
            if (stream.QueuedBytes + payload.Length + HeadBytes > Limits.LinkQueueBytes) return false;
            Volatile.Write(ref _saidMillis, owner.NowMillis);
            var frame = new byte[HeadBytes + payload.Length];
            BinaryPrimitives.WriteInt32BigEndian(frame, frame.Length - 4);
            frame[4] = kind;
            payload.CopyTo(frame.AsSpan(HeadBytes));
            if (!stream.Send(frame)) return false;
            owner.Counters.Sent(frame.Length);
            return true;
        }
    }

    private void Take(byte kind, ReadOnlySpan<byte> payload)
    {
        Volatile.Write(ref _heardMillis, owner.NowMillis);
        owner.Counters.Received(payload.Length + HeadBytes);
        switch (kind)
        {
            case KindHello when _stage == Stage.AwaitHello: TakeHello(payload); break;
            case KindAccepted when _stage == Stage.AwaitAnswer:
                Run = ReadText(ref payload);
                BecomeUp();
                break;
            case KindPing: break;
            case var channel when _stage == Stage.Up: owner.Deliver(this, (LinkChannel)channel, payload.ToArray()); break;
            default: Stop("it sent a message before it accepted the link"); break;
        }
    }

    private void TakeHello(ReadOnlySpan<byte> payload)
    {
        (Peer, Run) = (ReadText(ref payload), ReadText(ref payload));
        if (ReadText(ref payload) == owner.Self) BecomeUp();
        else Stop("it looks for another node");
    }

    private void BecomeUp()
    {
        _stage = Stage.Up;
        if (!owner.Adopt(this)) Stop("there is a link already");
    }

    private void Stop(string why)
    {
        _stage = Stage.Over;
        Close(why);
    }
}
