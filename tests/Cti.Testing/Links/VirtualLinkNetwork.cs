using Cti.Kernel;

namespace Cti.Testing.Links;

/// <summary>
/// Streams between hosts, in virtual time: seeded delays, pieces of odd sizes, partitions (what is on its way waits, as TCP's retransmissions do), broken
/// connections, hosts that refuse, hosts that died.
/// </summary>
public sealed class VirtualLinkNetwork
{
    /// <summary>How long an attempt to connect to a host that does not answer lasts.</summary>
    private const int ConnectMillisMax = 4_000;

    private readonly ManualRuntime _runtime;
    private readonly SeededRandom _random;
    private readonly Dictionary<string, Listener> _listeners = [];
    private readonly List<VirtualStream> _streams = [];
    private readonly HashSet<(string, string)> _cuts = [];

    public VirtualLinkNetwork(ManualRuntime runtime, SeededRandom random)
    {
        _runtime = runtime;
        _random = random;
    }

    /// <summary>The shortest and the longest delay of a piece, in milliseconds.</summary>
    public (int Min, int Max) DelayMillis { get; set; } = (1, 1);

    /// <summary>Whether bytes arrive in pieces of odd sizes.</summary>
    public bool Splits { get; set; }

    /// <summary>May change what a host sends to another before it arrives; null lets the piece vanish.</summary>
    public Func<string, string, byte[], byte[]?>? Tamper { get; set; }

    /// <summary>Connections that were opened.</summary>
    public long Opened { get; private set; }

    /// <summary>Attempts to connect that were refused.</summary>
    public long Refused { get; private set; }

    /// <summary>Streams that are open: what a node that is gone must not have left behind.</summary>
    public int OpenStreams => _streams.Count(static stream => stream.IsOpen);

    /// <summary>The transport of one host, which is the part of its addresses before the colon.</summary>
    public ILinkTransport For(string host) => new HostTransport(this, host);

    /// <summary>Nothing passes between two hosts; what is on its way waits.</summary>
    public void Cut(string first, string second)
    {
        _cuts.Add((first, second));
        _cuts.Add((second, first));
    }

    /// <summary>Everything passes again, what waited first.</summary>
    public void Heal()
    {
        _cuts.Clear();
        foreach (var stream in _streams.ToArray()) stream.Resume();
    }

    /// <summary>Every connection between two hosts is reset.</summary>
    public void Break(string first, string second)
    {
        foreach (var stream in _streams.ToArray())
        {
            if ((stream.Local, stream.Remote) == (first, second)) stream.Reset();
        }
    }

    /// <summary>The host's program is killed: its peers' connections are reset, nobody listens there, and it hears nothing any more.</summary>
    public void Kill(string host)
    {
        foreach (var address in _listeners.Keys.Where(address => HostOf(address) == host).ToArray()) _listeners.Remove(address);
        foreach (var stream in _streams.ToArray())
        {
            if (stream.Local == host) stream.Vanish();
        }
    }

    private bool IsCut(string from, string to) => _cuts.Contains((from, to));

    private static string HostOf(string address) => address[..address.LastIndexOf(':')];

    private int Delay => _random.Between(DelayMillis.Min, DelayMillis.Max);

    private sealed class HostTransport(VirtualLinkNetwork network, string host) : ILinkTransport
    {
        public ILinkListener Listen(string address, ILinkAcceptor acceptor)
        {
            var listener = new Listener(network, address, acceptor);
            if (!network._listeners.TryAdd(address, listener)) throw new IOException($"{address} is in use");
            return listener;
        }

        public ILinkStream Connect(string address, ILinkStreamEvents events)
        {
            var stream = new VirtualStream(network, host, HostOf(address)) { Events = events };
            network._streams.Add(stream);
            network.Open(stream, address);
            return stream;
        }
    }

    private void Open(VirtualStream stream, string address)
    {
        if (IsCut(stream.Local, stream.Remote))
        {
            _runtime.After(ConnectMillisMax, () => stream.End(LinkStreamEnd.Unreachable));
            return;
        }
        _runtime.After(Delay, () =>
        {
            if (stream.IsOver) return;
            if (!_listeners.TryGetValue(address, out var listener))
            {
                Refused++;
                stream.End(LinkStreamEnd.Refused);
                return;
            }
            var accepted = new VirtualStream(this, stream.Remote, stream.Local) { IsOpen = true };
            if (listener.Acceptor.Accept(accepted) is not { } receiver)
            {
                stream.End(LinkStreamEnd.Closed);
                return;
            }
            Opened++;
            _streams.Add(accepted);
            accepted.Events = receiver;
            (accepted.Other, stream.Other) = (stream, accepted);
            stream.IsOpen = true;
            stream.Events!.OnOpened();
        });
    }

    private sealed class Listener(VirtualLinkNetwork network, string address, ILinkAcceptor acceptor) : ILinkListener
    {
        public ILinkAcceptor Acceptor => acceptor;

        public string Address => address;

        public void Dispose()
        {
            if (network._listeners.TryGetValue(address, out var present) && present == this) network._listeners.Remove(address);
        }
    }

    /// <summary>One end of a connection. What it sends lies in <see cref="_onTheWay"/> until it arrives at the other end.</summary>
    private sealed class VirtualStream(VirtualLinkNetwork network, string local, string remote) : ILinkStream
    {
        private readonly Queue<byte[]> _onTheWay = new();
        private bool _travelling;

        public string Local => local;
        public string Remote => remote;
        public ILinkStreamEvents? Events { get; set; }
        public VirtualStream? Other { get; set; }
        public bool IsOpen { get; set; }
        public bool IsOver { get; private set; }

        public long QueuedBytes { get; private set; }

        public bool Send(ReadOnlyMemory<byte> bytes)
        {
            if (IsOver) return false;
            _onTheWay.Enqueue(bytes.ToArray());
            QueuedBytes += bytes.Length;
            Travel();
            return true;
        }

        public void Close()
        {
            if (IsOver) return;
            IsOver = true;
            network._runtime.After(0, () => Report(LinkStreamEnd.Closed));
            EndOther();
        }

        public void Reset()
        {
            EndOther();
            End(LinkStreamEnd.Closed);
        }

        /// <summary>The process at this end died: it hears nothing, the other end's connection is reset.</summary>
        public void Vanish()
        {
            Events = null;
            IsOver = true;
            EndOther();
            Forget();
        }

        /// <summary>What is under way when an end closes may still arrive; the end of the connection comes behind it.</summary>
        private void EndOther()
        {
            var other = Other;
            if (other is null || other.IsOver) return;
            if (network.IsCut(local, remote)) return;
            network._runtime.After(network.Delay, () => other.End(LinkStreamEnd.Closed));
        }

        public void End(LinkStreamEnd end)
        {
            if (IsOver) return;
            IsOver = true;
            Report(end);
        }

        public void Resume()
        {
            if (Other is { IsOver: true } && !IsOver) network._runtime.After(network.Delay, () => End(LinkStreamEnd.Closed));
            Travel();
        }

        private void Report(LinkStreamEnd end)
        {
            Forget();
            Events?.OnClosed(end);
        }

        private void Forget()
        {
            IsOpen = false;
            network._streams.Remove(this);
        }

        private void Travel()
        {
            if (_travelling || _onTheWay.Count == 0 || network.IsCut(local, remote)) return;
            _travelling = true;
            network._runtime.After(network.Delay, Arrive);
        }

        private void Arrive()
        {
            _travelling = false;
            if (network.IsCut(local, remote)) return;
            // What was sent together arrives together, as from a TCP stack.
            while (_onTheWay.TryDequeue(out var piece))
            {
                QueuedBytes -= piece.Length;
                if (network.Tamper is { } tamper) piece = tamper(local, remote, piece);
                if (piece is not null) Hand(piece);
            }
        }

        private void Hand(byte[] piece)
        {
            var from = 0;
            while (from < piece.Length)
            {
                if (Other is not { IsOver: false, Events: { } receiver }) return;
                var length = network.Splits ? Math.Min(piece.Length - from, network._random.Between(1, 40)) : piece.Length;
                receiver.OnData(piece.AsSpan(from, length));
                from += length;
            }
        }
    }
}
