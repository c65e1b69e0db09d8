using System.Net;
using Cti.Kernel;

namespace Cti.Testing;

/// <summary>How bad the network is. Reordering comes of delays that differ.</summary>
/// <param name="LossPercent">Datagrams that vanish.</param>
/// <param name="DuplicatePercent">Datagrams that arrive twice.</param>
/// <param name="DelayMillisMin">The shortest delay.</param>
/// <param name="DelayMillisMax">The longest delay.</param>
public sealed record NetworkConditions(int LossPercent = 0, int DuplicatePercent = 0, int DelayMillisMin = 1, int DelayMillisMax = 1)
{
    /// <summary>One millisecond, nothing lost.</summary>
    public static readonly NetworkConditions Good = new();

    /// <summary>A bad mobile line.</summary>
    public static readonly NetworkConditions Bad = new(15, 5, 5, 400);
}

/// <summary>Datagrams between endpoints, in virtual time: seeded loss, delay, reordering, duplication, and partitions between addresses.</summary>
public sealed class VirtualNetwork(ManualRuntime runtime, SeededRandom random)
{
    private readonly Dictionary<IPEndPoint, Binding> _bindings = [];
    private readonly HashSet<(IPAddress, IPAddress)> _cuts = [];

    /// <summary>Given bytes that arrived, and from where.</summary>
    public delegate void DatagramHandler(IPEndPoint from, ReadOnlyMemory<byte> datagram);

    /// <summary>The present conditions.</summary>
    public NetworkConditions Conditions { get; set; } = NetworkConditions.Good;

    /// <summary>Decides on single datagrams before chance does: true drops it.</summary>
    public Func<IPEndPoint, IPEndPoint, ReadOnlyMemory<byte>, bool>? Drop { get; set; }

    public long Sent { get; private set; }
    public long Lost { get; private set; }
    public long Duplicated { get; private set; }
    public long Delivered { get; private set; }
    public long Unreachable { get; private set; }

    /// <summary>Datagrams on their way.</summary>
    public int InFlight { get; private set; }

    /// <summary>Endpoints that are bound: what a node that is gone must not have left behind.</summary>
    public IReadOnlyCollection<IPEndPoint> Bound => _bindings.Keys;

    /// <summary>Receives what is sent to <paramref name="endpoint"/> until disposed.</summary>
    public IDisposable Bind(IPEndPoint endpoint, DatagramHandler handler)
    {
        var binding = new Binding(this, endpoint, handler);
        if (!_bindings.TryAdd(endpoint, binding)) throw new InvalidOperationException($"{endpoint} is in use");
        return binding;
    }

    /// <summary>Sends; <paramref name="unreachable"/> is called when it arrives where nobody listens (ICMP port unreachable).</summary>
    public void Send(IPEndPoint from, IPEndPoint to, ReadOnlyMemory<byte> datagram, Action? unreachable = null)
    {
        Sent++;
        if (Drop?.Invoke(from, to, datagram) == true || random.Chance(Conditions.LossPercent))
        {
            Lost++;
            return;
        }
        var copies = 1;
        if (random.Chance(Conditions.DuplicatePercent))
        {
            copies++;
            Duplicated++;
        }
        var bytes = datagram.ToArray();
        for (; copies > 0; copies--) Deliver(from, to, bytes, unreachable);
    }

    /// <summary>Nothing passes between the two addresses, either way, not even what is on its way.</summary>
    public void Cut(IPAddress first, IPAddress second)
    {
        _cuts.Add((first, second));
        _cuts.Add((second, first));
    }

    /// <summary>Nothing is cut any more.</summary>
    public void Mend() => _cuts.Clear();

    /// <summary>Everything passes again, under good conditions.</summary>
    public void Heal()
    {
        _cuts.Clear();
        Conditions = NetworkConditions.Good;
        Drop = null;
    }

    private void Deliver(IPEndPoint from, IPEndPoint to, byte[] bytes, Action? unreachable)
    {
        InFlight++;
        runtime.After(random.Between(Conditions.DelayMillisMin, Conditions.DelayMillisMax), () =>
        {
            InFlight--;
            if (_cuts.Contains((from.Address, to.Address)))
            {
                Lost++;
                return;
            }
            if (!_bindings.TryGetValue(to, out var binding))
            {
                Unreachable++;
                unreachable?.Invoke();
                return;
            }
            Delivered++;
            binding.Handler(from, bytes);
        });
    }

    private sealed class Binding(VirtualNetwork network, IPEndPoint endpoint, DatagramHandler handler) : IDisposable
    {
        public DatagramHandler Handler { get; } = handler;

        public void Dispose()
        {
            if (network._bindings.TryGetValue(endpoint, out var present) && present == this) network._bindings.Remove(endpoint);
        }
    }
}

/// <summary>Timers by plain actions.</summary>
public static class RuntimeExtensions
{
    public static ITimerHandle After(this ITimers timers, long millis, Action action) =>
        timers.Schedule(millis, static state => ((Action)state!)(), action);
}
