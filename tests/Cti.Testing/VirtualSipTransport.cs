using System.Net;
using System.Net.Sockets;
using Cti.Kernel;
using Cti.Sip;
using Cti.Sip.Message;

namespace Cti.Testing;

/// <summary>
/// The SIP sockets of a simulated node: datagrams on a <see cref="VirtualNetwork"/>, read by the real parser. Whatever is sent must be acceptable to that
/// parser too, and a 503 says when to come again: a node that sends anything else stops the simulation. Disposing it is what a crash does to sockets.
/// </summary>
public sealed class VirtualSipTransport : ISipTransport, IDisposable
{
    private readonly VirtualNetwork _network;
    private readonly ManualRuntime _runtime;
    private readonly ISipTransportEvents _events;
    private readonly IPEndPoint[] _listeners;
    private readonly IDisposable[] _bindings;
    private bool _disposed;

    /// <summary>Binds UDP listeners.</summary>
    public VirtualSipTransport(VirtualNetwork network, ManualRuntime runtime, ISipTransportEvents events, params IPEndPoint[] listeners)
    {
        _network = network;
        _runtime = runtime;
        _events = events;
        _listeners = listeners;
        _bindings = new IDisposable[listeners.Length];
        for (var i = 0; i < listeners.Length; i++)
        {
            var listener = i;
            _bindings[i] = network.Bind(listeners[i], (from, bytes) => Hear(() => Receive(listener, from, bytes)));
        }
    }

    /// <summary>Whether the simulated process may still speak for its calls; null: always.</summary>
    public PauseGuard? PauseGuard { get; set; }

    /// <summary>The process's clock, by which it judges that; null: the world's.</summary>
    public IClock? Clock { get; set; }

    /// <summary>Brings what has come to the process: at once, or when it wakes; null: at once.</summary>
    public Action<Action>? Hearing { get; set; }

    /// <summary>Messages that were dropped, sent or received, because it may not.</summary>
    public long Muted { get; private set; }

    /// <summary>Messages sent, for what a test says about retransmissions.</summary>
    public long Sent { get; private set; }

    public void Send(SipFlow flow, ReadOnlyMemory<byte> message, long sendId)
    {
        if (_disposed || IsMuted()) return;
        if (flow.Kind != SipTransportKind.Udp || (uint)flow.Listener >= (uint)_listeners.Length)
        {
            _runtime.After(0, () => Fail(flow, sendId, SipSendFailure.ConnectFailed));
            return;
        }
        var parsed = SipParser.ParseDatagram(message.Span);
        if (parsed.Outcome != SipParseOutcome.Message)
            throw new InvalidOperationException($"the node sends what its own parser rejects ({parsed.Rejection}): "
                + $"{System.Text.Encoding.UTF8.GetString(message.Span)}");
        if (parsed.Message is SipResponse { Status: 503 } && !parsed.Message.Has(HeaderId.RetryAfter))
            throw new InvalidOperationException($"the node says 503 and not when to come again: {System.Text.Encoding.UTF8.GetString(message.Span)}");
        Sent++;
        _network.Send(_listeners[flow.Listener], flow.Remote, message, () => Fail(flow, sendId, SipSendFailure.Unreachable));
    }

    public int FindListener(SipTransportKind kind, AddressFamily family) =>
        kind == SipTransportKind.Udp ? Array.FindIndex(_listeners, listener => listener.AddressFamily == family) : -1;

    public SipHostPort LocalAddress(SipTransportKind kind, int listener)
    {
        var endpoint = _listeners[listener];
        return new SipHostPort(endpoint.AddressFamily == AddressFamily.InterNetworkV6 ? $"[{endpoint.Address}]" : endpoint.Address.ToString(), endpoint.Port);
    }

    public void Dispose()
    {
        _disposed = true;
        foreach (var binding in _bindings) binding.Dispose();
    }

    private long Now => (Clock ?? _runtime).MonotonicNanos;

    private void Hear(Action act)
    {
        if (Hearing is { } hearing) hearing(act);
        else act();
    }

    private bool IsMuted()
    {
        if (PauseGuard is not { } guard || guard.IsOpen(Now)) return false;
        Muted++;
        return true;
    }

    private void Fail(SipFlow flow, long sendId, SipSendFailure failure)
    {
        Hear(() =>
        {
            if (!_disposed) _events.OnSendFailed(flow, sendId, failure);
        });
    }

    private void Receive(int listener, IPEndPoint from, ReadOnlyMemory<byte> bytes)
    {
        if (_disposed || IsMuted()) return;
        var flow = new SipFlow(SipTransportKind.Udp, listener, from);
        var parsed = SipParser.ParseDatagram(bytes);
        if (parsed.Outcome == SipParseOutcome.Message) _events.OnReceived(new ReceivedMessage(parsed.Message!, flow, Now) { Length = bytes.Length });
        else if (parsed.Rejection != SipRejection.Empty) _events.OnRejected(parsed, flow);
    }
}

/// <summary>Finds next hops in a simulated world: numeric hosts at once, names from a table, nothing else.</summary>
public sealed class VirtualResolver : ISipResolver
{
    /// <summary>Names that resolve.</summary>
    public Dictionary<string, IPEndPoint> Names { get; } = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Names that lead to several places, the best first.</summary>
    public Dictionary<string, IPEndPoint[]> Ways { get; } = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Addresses of hosts that session descriptions name.</summary>
    public Dictionary<string, IPAddress[]> Hosts { get; } = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Hosts that were asked for, in order.</summary>
    public List<string> Asked { get; } = [];

    private Queue<TaskCompletionSource>? _held;

    /// <summary>Answers about hosts are held back from now on, until <see cref="AnswerHosts"/>.</summary>
    public void HoldHosts() => _held = new();

    /// <summary>Gives the answers that were held back, in the order in which they were asked for: one task for all would leave it to the pool.</summary>
    public void AnswerHosts()
    {
        var waiting = _held ?? [];
        _held = null;
        while (waiting.TryDequeue(out var next)) ManualRuntime.Inline(next.SetResult);
    }

    public async ValueTask<IReadOnlyList<IPAddress>> ResolveHostAsync(string host)
    {
        Asked.Add(host);
        if (_held is { } waiting)
        {
            var turn = new TaskCompletionSource();
            waiting.Enqueue(turn);
            await turn.Task;
        }
        return Hosts.GetValueOrDefault(host) ?? [];
    }

    /// <summary>Whether maddr counts before the host, as RFC 3263 section 4 has it.</summary>
    public bool Maddr { get; set; }

    public async ValueTask<IReadOnlyList<SipFlow>> ResolveAllAsync(SipUri nextHop)
    {
        if (Ways.TryGetValue(nextHop.Host, out var ways)) return [.. ways.Select(way => new SipFlow(SipTransportKind.Udp, 0, way))];
        return await ResolveAsync(nextHop) is { } flow ? [flow] : [];
    }

    public ValueTask<SipFlow?> ResolveAsync(SipUri nextHop)
    {
        if (Ways.TryGetValue(nextHop.Host, out var ways)) return new(new SipFlow(SipTransportKind.Udp, 0, ways[0]));
        if (Maddr && IPEndPoint.TryParse(nextHop.Params["maddr"] ?? "", out var other))
            return new(new SipFlow(SipTransportKind.Udp, 0, new IPEndPoint(other.Address, 5060)));
        if (Names.TryGetValue(nextHop.Host, out var named)) return new(new SipFlow(SipTransportKind.Udp, 0, named));
        return IPAddress.TryParse(nextHop.Host.Trim('[', ']'), out var address)
            ? new(new SipFlow(SipTransportKind.Udp, address.AddressFamily == AddressFamily.InterNetworkV6 ? 1 : 0,
                new IPEndPoint(address, nextHop.Port == 0 ? 5060 : nextHop.Port)))
            : new((SipFlow?)null);
    }
}
