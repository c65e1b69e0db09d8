using System.Net;
using System.Text.Json;
using Cti.Actors.Calls;
using Cti.Actors.Instances;
using Cti.Actors.Resources;
using Cti.Actors.SipNode;
using Cti.Actors.Trunks;
using Cti.Calls.Speech;
using Cti.Contract;
using Cti.Kernel;
using Cti.Persistence;
using Cti.Persistence.Memory;
using Cti.Testing;
using Cti.Testing.Links;

namespace Cti.Actors.Tests.Nodes;

/// <summary>Several whole nodes on one thread, one store and virtual time, with links between them.</summary>
internal sealed class ClusterBench
{
    internal const string App = "app";
    private readonly MemoryDisk _disk = new();
    private readonly List<(string Method, JsonElement Params)> _events = [];
    private readonly SeededRandom _random = new(7);
    private readonly int _instances;

    private readonly Trunk[] _trunks;

    internal ClusterBench(int count = 3, int instances = 24, bool spread = true, params Trunk[] trunks)
    {
        _trunks = trunks;
        _instances = instances;
        _disk.NowMillis = () => Runtime.UnixMillis;
        Network = new VirtualNetwork(Runtime, _random.Fork());
        Links = new VirtualLinkNetwork(Runtime, _random.Fork());
        for (var i = 1; i <= count; i++) Nodes.Add(Start($"n{i}", i, instances));
        Runtime.Advance(2000);
        if (!spread) return;
        foreach (var node in Nodes) ManualRuntime.Inline(() => Spread(node.Server));
        Runtime.Advance(1000);
        foreach (var node in Nodes) node.Server.InstanceCount.ShouldBeGreaterThan(0, node.Name);
    }

    /// <summary>Given each event at the moment in which it is delivered.</summary>
    internal Action<string, JsonElement>? Heard { get; set; }
    internal ManualRuntime Runtime { get; } = new();
    internal MemoryDisk Disk => _disk;
    internal VirtualNetwork Network { get; }
    internal VirtualLinkNetwork Links { get; }
    internal List<ClusterNodeBench> Nodes { get; } = [];
    internal List<string> Crashes { get; } = [];

    internal ClusterNodeBench this[string name] => Nodes.Single(node => node.Name == name);

    /// <summary>The node that owns a resource.</summary>
    internal ClusterNodeBench OwnerOf(string resource)
    {
        ResourceId.TryParse(resource, out var id).ShouldBeTrue();
        return this[Nodes.First(node => node.IsAlive).Server.Cluster.View.OwnerOf(id.Instance).ShouldNotBeNull().Name];
    }

    /// <summary>A living node that does not own it.</summary>
    internal ClusterNodeBench OtherThan(string resource) => Nodes.First(node => node.IsAlive && node != OwnerOf(resource));

    internal RawPeer Peer(string address, ClusterNodeBench towards) =>
        new(Network, Runtime, Crashes, towards.Address, new IPEndPoint(IPAddress.Parse(address), 5060));

    internal Task<RpcReply> Begin(ClusterNodeBench node, Guid? id, string method, params (string Name, object? Value)[] arguments) =>
        BeginAs(App, node, id, method, arguments);

    internal Task<RpcReply> BeginAs(string application, ClusterNodeBench node, Guid? id, string method, params (string Name, object? Value)[] arguments)
    {
        Task<RpcReply> asked = null!;
        ManualRuntime.Inline(() =>
        {
            var definition = Catalogue.Find(method).ShouldNotBeNull();
            var json = JsonSerializer.SerializeToUtf8Bytes(arguments.ToDictionary(pair => pair.Name, pair => pair.Value));
            ArgumentBinder.TryBind(definition, ApiGeneration.V2, json, SpokenRules.WithoutRoots, out var bound).ShouldBeNull();
            var hash = id is null ? 0 : ArgumentsHash.Compute(definition, bound);
            asked = node.Server.Router.AskAsync(new RpcRequest(application, true, ApiGeneration.V2, method, bound, id, hash), CancellationToken.None).AsTask();
        });
        return asked;
    }

    internal RpcReply Wait(Task<RpcReply> asked, int millis = 200)
    {
        for (var i = 0; i < millis && !asked.IsCompleted; i++) Runtime.Advance(1);
        // The answers' continuations may run on pool threads.
        asked.Wait(5000).ShouldBeTrue($"not answered in {millis} ms; crashes: {string.Join("; ", Crashes)}");
        return asked.Result;
    }

    internal RpcReply Ask(ClusterNodeBench node, string method, params (string Name, object? Value)[] arguments) => Wait(Begin(node, null, method, arguments));

    internal JsonElement Result(RpcReply reply)
    {
        reply.Error.ShouldBeNull();
        return JsonDocument.Parse(reply.Result).RootElement;
    }

    internal string Construct(ClusterNodeBench node, string toUri) =>
        Result(Ask(node, "sys.call.construct", ("to_uri", toUri), ("max_answer_seconds", 600))).GetProperty("res_id").GetString()!;

    internal IReadOnlyList<StoredCallRecord> CallRecords()
    {
        IReadOnlyList<StoredCallRecord> all = [];
        var store = new MemoryJournalStore(_disk);
        ManualRuntime.Inline(() =>
        {
            store.OpenAsync(_instances).AsTask().IsCompletedSuccessfully.ShouldBeTrue();
            all = [.. Nodes.SelectMany(node => NodeBench.Done(store.ReadCallRecordsAsync(node.Name, 0, 1000)))];
        });
        return all;
    }

    internal int Count(string method) => _events.Count(happened => happened.Method == method);

    internal JsonElement Expect(string method, int millis = 5000)
    {
        for (var i = 0; i <= millis; i += 5)
        {
            var index = _events.FindIndex(happened => happened.Method == method);
            if (index >= 0)
            {
                var found = _events[index].Params;
                _events.RemoveAt(index);
                return found;
            }
            Runtime.Advance(5);
        }
        throw new InvalidOperationException($"no {method} in {millis} ms; there is: {string.Join(", ", _events.Select(happened => happened.Method))}; crashes: "
            + $"{string.Join("; ", Crashes)}");
    }

    /// <summary>One more node.</summary>
    internal ClusterNodeBench Join(string name)
    {
        var node = Start(name, Nodes.Count + 1, _instances);
        Nodes.Add(node);
        return node;
    }

    internal void Drain(ClusterNodeBench node) => ManualRuntime.Inline(node.Server.Drain);

    /// <summary>kill -9.</summary>
    internal void Kill(ClusterNodeBench node)
    {
        node.IsAlive = false;
        Links.Kill(node.Name);
        node.Sip!.Dispose();
        node.Media.Crash();
    }

    /// <summary>The process begins again on the disk that the dead one left.</summary>
    internal ClusterNodeBench Restart(ClusterNodeBench dead)
    {
        var index = Nodes.IndexOf(dead);
        var node = Start(dead.Name, index + 1, _instances, dead.Spool);
        Nodes[index] = node;
        return node;
    }

    private static void Spread(ServerNode server)
    {
        foreach (var (instance, to) in server.Cluster.PlanGives()) server.Cluster.GiveAsync(instance, to).IsCompletedSuccessfully.ShouldBeTrue();
    }

    private ClusterNodeBench Start(string name, int number, int instances, MemorySpoolFile? spool = null)
    {
        var node = new ClusterNodeBench(name, new IPEndPoint(IPAddress.Parse($"10.0.0.{100 + number}"), 5060), spool ?? new MemorySpoolFile());
        var process = new Process(Runtime, node);
        IJournalStore store = new FaultyJournalStore(new MemoryJournalStore(_disk), new Cut(Runtime, node));
        ManualRuntime.Inline(() => store.OpenAsync(instances).AsTask().IsCompletedSuccessfully.ShouldBeTrue());
        node.Server = new ServerNode(new ServerNodeOptions
        {
            NodeName = name,
            InstanceCount = instances,
            Inbound = new InboundPolicy([], true, App, false),
            DialAny = true,
            Trunks = _trunks,
            IsShared = true,
            LinkAddress = $"{name}:7000",
            Network = ports => new VirtualLinks(new VirtualLinksOptions
            {
                Self = name,
                Incarnation = ports.Incarnation,
                Listen = $"{name}:7000",
                PeerRefused = ports.PeerRefused,
                Transport = Links.For(name),
                Clock = Runtime,
                Timers = process,
                Log = NullLog.Instance,
            }),
            Scheduler = process,
            Clock = Runtime,
            Timers = process,
            Random = _random.Fork(),
            Log = NullLog.Instance,
            Store = store,
            Media = node.Media = new VirtualMediaPort(Runtime, node.Address.Address),
            Recordings = new Recordings(name),
            ToldByes = new NodeDisk(Runtime, node),
            Resolver = new VirtualResolver(),
            SipTransport = happened => node.Sip = new VirtualSipTransport(Network, Runtime, happened, node.Address),
            Publish = batch =>
            {
                foreach (var happened in batch.Where(happened => happened.Application == App))
                {
                    _events.Add((happened.Method, JsonDocument.Parse(happened.Params).RootElement.Clone()));
                    Heard?.Invoke(_events[^1].Method, _events[^1].Params);
                }
            },
            Subscribers = new Always(),
        });
        node.Server.Actors.CrashObserver = (actor, fault) => Crashes.Add($"{name} {actor}: {fault}");
        ManualRuntime.Inline(() => node.Server.StartAsync().IsCompletedSuccessfully.ShouldBeTrue());
        Runtime.Advance(300);
        return node;
    }

    /// <summary>A process that can die: nothing of it runs afterwards.</summary>
    private sealed class Process(ManualRuntime runtime, ClusterNodeBench node) : IScheduler, ITimers
    {
        public void Post(IWorkItem item)
        {
            if (node.IsAlive) runtime.Post(new Item(node, item));
        }

        public ITimerHandle Schedule(long delayMillis, Action<object?> callback, object? state) => runtime.Schedule(delayMillis, given =>
        {
            if (node.IsAlive) callback(given);
        }, state);

        private sealed class Item(ClusterNodeBench node, IWorkItem inner) : IWorkItem
        {
            public void Run()
            {
                if (node.IsAlive) inner.Run();
            }
        }
    }

    private sealed class Cut(ManualRuntime runtime, ClusterNodeBench node) : IStoreFaults
    {
        public ValueTask BeforeAsync(StoreOperation operation, CancellationToken cancellation)
        {
            if (node.IsCut) throw new StoreUnavailableException("the line is cut");
            if (operation == StoreOperation.ReadIdempotency && node.SlowMemoryMillis > 0) return Later(node.SlowMemoryMillis);
            if (operation != StoreOperation.ReadJournal || node.SlowReadMillis == 0) return ValueTask.CompletedTask;
            var slow = Later(node.SlowReadMillis);
            node.SlowReadMillis = 0;
            return slow;
        }

        private ValueTask Later(int millis)
        {
            var arrived = new TaskCompletionSource();
            runtime.Schedule(millis, static state => ((TaskCompletionSource)state!).SetResult(), arrived);
            return new ValueTask(arrived.Task);
        }

        public ValueTask AfterAsync(StoreOperation operation, CancellationToken cancellation) =>
            operation == StoreOperation.Append && node.SlowWordMillis > 0 ? Later(node.SlowWordMillis) : ValueTask.CompletedTask;
    }

    /// <summary>The node's own disk: a write takes its time, and is lost with a process that dies meanwhile.</summary>
    private sealed class NodeDisk(ManualRuntime runtime, ClusterNodeBench node) : ISpoolFile
    {
        public ValueTask<ReadOnlyMemory<byte>> ReadAsync(int bytesMax) => node.Spool.ReadAsync(bytesMax);

        public async ValueTask AppendAsync(ReadOnlyMemory<byte> bytes)
        {
            await WriteAsync();
            await node.Spool.AppendAsync(bytes);
        }

        public async ValueTask ReplaceAsync(ReadOnlyMemory<byte> bytes)
        {
            await WriteAsync();
            await node.Spool.ReplaceAsync(bytes);
        }

        private Task WriteAsync()
        {
            if (node.IsDiskBroken) throw new IOException("no space left on device");
            var written = new TaskCompletionSource();
            runtime.Schedule(node.DiskMillis, state =>
            {
                if (node.IsAlive) ((TaskCompletionSource)state!).SetResult();
            }, written);
            return written.Task;
        }
    }

    private sealed class Always : ISubscribers
    {
        public bool IsUnattended(string application) => false;
    }

    private sealed class Recordings(string node) : IRecordings
    {
        public string? Resolve(string application, string file, string format) => file.Contains("..", StringComparison.Ordinal) ? null : $"/{node}/{file}.wav";

        public void Repair(string fullPath)
        {
        }

        public void RepairAll(IReadOnlySet<string> kept, Action<int, bool> then) => then(0, true);

        public bool StaysInside(string application, string promptName) => true;

        public bool IsVisible(string fullPath) => true;

        public string? WhyUnsupported(string format) => null;
    }
}

/// <summary>One node of a <see cref="ClusterBench"/>.</summary>
internal sealed class ClusterNodeBench(string name, IPEndPoint address, MemorySpoolFile spool)
{
    internal MemorySpoolFile Spool => spool;
    /// <summary>How long a write to its own disk takes.</summary>
    internal int DiskMillis { get; set; } = 3;
    /// <summary>Whether every write to its own disk fails.</summary>
    internal bool IsDiskBroken { get; set; }
    internal string Name => name;
    internal IPEndPoint Address => address;
    internal ServerNode Server { get; set; } = null!;
    internal VirtualSipTransport? Sip { get; set; }
    internal VirtualMediaPort Media { get; set; } = null!;
    internal bool IsAlive { get; set; } = true;
    /// <summary>Whether its database cannot be reached.</summary>
    internal bool IsCut { get; set; }
    /// <summary>How long its next reading of a journal takes.</summary>
    internal int SlowReadMillis { get; set; }
    /// <summary>How long its readings of what requests were answered take.</summary>
    internal int SlowMemoryMillis { get; set; }
    /// <summary>How much later than everybody else it hears that its own append was committed.</summary>
    internal int SlowWordMillis { get; set; }
}
