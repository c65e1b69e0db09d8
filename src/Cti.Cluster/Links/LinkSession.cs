using System.Buffers.Binary;
using Cti.Kernel;

namespace Cti.Cluster.Links;

/// <summary>
/// One connection to one peer, from its opening to its end.
/// <code>
///   (ours)     Opening ──open: Hello──► AwaitAnswer ──Proof──► AwaitAccepted ──Accepted──► Up ──► Over
///   (accepted)               AwaitHello ──Answer──► AwaitProof ──proved: Accepted──────────► Up ──► Over
/// </code>
/// </summary>
internal sealed class LinkSession(NodeLinks owner, string? called) : ILinkStreamEvents, IDisposable
{
    private const byte KindAccepted = 250;
    private const byte KindPing = 251;

    private readonly Lock _sending = new();
    private readonly LinkHandshake _handshake = new(owner.Secret, owner.Version);
    private byte[] _input = new byte[LinkCipher.OverheadBytes];
    private int _filled;
    private volatile Stage _stage = called is null ? Stage.AwaitHello : Stage.Opening;
    private LinkCipher? _seals;
    private LinkCipher? _opens;
    private long _heardMillis = owner.NowMillis;
    private long _saidMillis;
    private long _endsMillis = long.MaxValue;

    private enum Stage
    {
        Opening,
        AwaitHello,
        AwaitAnswer,
        AwaitProof,
        AwaitAccepted,
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

    /// <summary>The peer: whom we called, or who it said and then proved to be.</summary>
    public string Peer { get; private set; } = called ?? "";

    /// <summary>The run of the peer's program.</summary>
    public string Run { get; private set; } = "";

    /// <summary>Whether both sides have proved who they are.</summary>
    public bool IsUp => _stage == Stage.Up;

    /// <summary>Whether the connection is open and the peer is proving who it is.</summary>
    public bool IsProving => _stage is Stage.AwaitAnswer or Stage.AwaitAccepted;

    /// <summary>Why this side closed it; "" where the other side or the network did.</summary>
    public string Complaint { get; private set; } = "";

    /// <summary>Queues a message; false where the connection is over or too much waits.</summary>
    public bool Send(LinkChannel channel, ReadOnlySpan<byte> payload) => Send((byte)channel, payload);

    /// <summary>Tells the peer that it is accepted, before anything else is sent to it.</summary>
    public void SendAccepted() => Send(KindAccepted, []);

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
        if (now >= EndsMillis) Close(NodeLinks.NoLongerThere);
        else if (now - Volatile.Read(ref _heardMillis) > Limits.LinkSilenceMillis) Close("it is silent");
        else if (now - Volatile.Read(ref _saidMillis) >= Limits.LinkPingMillis) Send(KindPing, []);
    }

    /// <inheritdoc/>
    public void OnOpened()
    {
        if (!owner.MayProve(this)) return;
        _stage = Stage.AwaitAnswer;
        SendOpen(_handshake.Begin(owner.Random, owner.Self, owner.Run, called!));
    }

    /// <inheritdoc/>
    public void OnData(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty && _stage != Stage.Over)
        {
            var wanted = _filled < 4 ? 4 : 4 + BinaryPrimitives.ReadInt32BigEndian(_input);
            if (wanted < 4 || wanted > FrameBytesMax)
            {
                Refuse("what it sends is no frame");
                return;
            }
            if (_input.Length < wanted) Array.Resize(ref _input, Math.Max(wanted, Math.Min(_input.Length * 2, FrameBytesMax)));
            var taken = Math.Min(wanted - _filled, bytes.Length);
            bytes[..taken].CopyTo(_input.AsSpan(_filled));
            _filled += taken;
            bytes = bytes[taken..];
            if (_filled < 4 || _filled < 4 + BinaryPrimitives.ReadInt32BigEndian(_input)) continue;
            var frame = _input.AsSpan(0, _filled);
            _filled = 0;
            Take(frame);
        }
    }

    /// <inheritdoc/>
    public void OnClosed(LinkStreamEnd end)
    {
        _stage = Stage.Over;
        owner.Closed(this, end);
        Dispose();
    }

    public void Dispose()
    {
        lock (_sending)
        {
            _seals?.Dispose();
            _seals = null;
        }
        _opens?.Dispose();
    }

    private int FrameBytesMax => _stage is Stage.Up or Stage.AwaitAccepted ? Limits.LinkMessageBytes + LinkCipher.OverheadBytes : Limits.LinkHandshakeBytes;

    private bool Send(byte kind, ReadOnlySpan<byte> payload)
    {
        lock (_sending)
        {
            if (_seals is null || Stream is not { } stream) return false;
            // A full queue is no reason to lose the connection: whoever asked is told, and what waits arrives first.
            if (stream.QueuedBytes + payload.Length + LinkCipher.OverheadBytes > Limits.LinkQueueBytes) return false;
            Volatile.Write(ref _saidMillis, owner.NowMillis);
            if (!stream.Send(_seals.Seal(kind, payload))) return false;
            owner.Counters.Sent(payload.Length + LinkCipher.OverheadBytes);
            return true;
        }
    }

    private void SendOpen(byte[] body)
    {
        var frame = new byte[4 + body.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame, body.Length);
        body.CopyTo(frame, 4);
        Stream!.Send(frame);
    }

    private void Take(ReadOnlySpan<byte> frame)
    {
        switch (_stage)
        {
            case Stage.AwaitHello: TakeHello(frame[4..]); break;
            case Stage.AwaitAnswer: TakeAnswer(frame[4..]); break;
            case Stage.AwaitProof: TakeProof(frame[4..]); break;
            default: TakeSealed(frame); break;
        }
    }

    private void TakeHello(ReadOnlySpan<byte> body)
    {
        var hello = _handshake.ReadFirst(body);
        var version = LinkHandshake.VersionOf(body);
        if (version != 0 && version != owner.Version)
        {
            RefuseVersion(hello?.Name ?? "", version);
            return;
        }
        if (hello is null)
        {
            Refuse("what it sends is no greeting of a node");
            return;
        }
        (Peer, Run) = (hello.Name, hello.Run);
        if (hello.Called != owner.Self || hello.Name == owner.Self || hello.Name.Length == 0)
        {
            Refuse($"it calls itself {hello.Name} and looks for {hello.Called}; this is {owner.Self}");
            return;
        }
        _stage = Stage.AwaitProof;
        SendOpen(_handshake.Answer(owner.Random, owner.Self, owner.Run));
    }

    private void TakeAnswer(ReadOnlySpan<byte> body)
    {
        if (LinkHandshake.VersionOf(body) is var version and not 0 && version != owner.Version)
        {
            Refuse(OtherVersion(version));
            return;
        }
        var hello = _handshake.ReadAnswer(body);
        if (hello is null || hello.Name != called)
        {
            Refuse("it does not prove that it is that node and knows the cluster's secret");
            return;
        }
        Run = hello.Run;
        SetCiphers();
        _stage = Stage.AwaitAccepted;
        SendOpen(_handshake.Prove());
    }

    private void TakeProof(ReadOnlySpan<byte> body)
    {
        if (!_handshake.IsProof(body))
        {
            Refuse("it does not prove that it knows the cluster's secret");
            return;
        }
        SetCiphers();
        BecomeUp();
    }

    private void TakeSealed(ReadOnlySpan<byte> frame)
    {
        if (_opens!.Open(frame, out var kind) is not { } payload)
        {
            Refuse("what it sent was changed on its way");
            return;
        }
        // Only what proves to be the peer's counts as a sign of life: a length that was changed on its way must not keep us waiting for the rest.
        Volatile.Write(ref _heardMillis, owner.NowMillis);
        owner.Counters.Received(frame.Length);
        switch (kind)
        {
            case KindAccepted when _stage == Stage.AwaitAccepted: BecomeUp(); break;
            case KindPing: break;
            case var channel when _stage == Stage.Up: owner.Deliver(this, (LinkChannel)channel, payload); break;
            default: Refuse("it sent a message before it accepted the link"); break;
        }
    }

    private void SetCiphers()
    {
        var (fromInitiator, fromAcceptor) = _handshake.Ciphers();
        _opens = IsOurs ? fromAcceptor : fromInitiator;
        lock (_sending) _seals = IsOurs ? fromInitiator : fromAcceptor;
    }

    private void BecomeUp()
    {
        Volatile.Write(ref _heardMillis, owner.NowMillis);
        _stage = Stage.Up;
        if (!owner.Adopt(this)) Stop("there is a link already");
    }

    private string OtherVersion(int version) =>
        $"it speaks version {version} of the links between nodes, this node version {owner.Version}; calls cannot be served together until both run programs "
            + "of one version";

    /// <summary>The peer is told what this node speaks, so that its log says it too; it is the peer that closes, or the deadline.</summary>
    private void RefuseVersion(string peer, int version)
    {
        owner.Complain(peer, OtherVersion(version));
        SendOpen(_handshake.OwnVersion());
        _stage = Stage.Over;
    }

    private void Refuse(string why)
    {
        owner.Complain(Peer, why);
        Stop(why);
    }

    private void Stop(string why)
    {
        _stage = Stage.Over;
        Close(why);
    }
}
