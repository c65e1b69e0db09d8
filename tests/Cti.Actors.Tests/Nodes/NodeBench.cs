using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using Cti.Actors.Feeds;
using Cti.Actors.Instances;
using Cti.Actors.Resources;
using Cti.Actors.SipNode;
using Cti.Actors.Trunks;
using Cti.Calls.Resources;
using Cti.Calls.Speech;
using Cti.Contract;
using Cti.Kernel;
using Cti.Persistence;
using Cti.Persistence.Memory;
using Cti.Sip.Dialog;
using Cti.Sip.Message;
using Cti.Testing;

namespace Cti.Actors.Tests.Nodes;

/// <summary>A whole node on one thread and virtual time, with far ends that send SIP written out by hand.</summary>
internal sealed class NodeBench
{
    internal const string App = "app";
    internal static readonly IPEndPoint Node = new(IPAddress.Parse("10.0.0.100"), 5060);

    internal static readonly IPEndPoint Node6 = new(IPAddress.Parse("fd00::100"), 5060);

    private readonly MemoryDisk _disk;
    private readonly IReadOnlyList<Trunk> _trunks;
    private readonly InboundPolicy _inbound;
    private readonly bool _dialAny;
    private readonly IStoreFaults? _faults;
    private readonly int _callsMax;
    private readonly ILog _log;
    private readonly IClock _clock;
    private readonly ImmutableArray<string> _heard;
    private readonly CallSettings _calls;
    private readonly SipProfile _profile;
    private readonly Dictionary<string, RawPeer> _peers = [];
    private readonly LogLines _logLines = new();
    private Life _life = null!;
    private Action _closeSockets = static () => { };
    private readonly List<(string Method, JsonElement Params)> _events = [];

    internal NodeBench(IReadOnlyList<Trunk>? trunks = null, InboundPolicy? inbound = null, MemoryDisk? disk = null, bool dialAny = true,
        IStoreFaults? faults = null, int callsMax = 4000, ILog? log = null, Func<ManualRuntime, IClock>? clock = null,
        VirtualResolver? resolver = null, ImmutableArray<string> heard = default, CallSettings? calls = null, SipProfile? profile = null)
    {
        _heard = heard.IsDefault ? [] : heard;
        _calls = calls ?? new CallSettings();
        _profile = profile ?? new SipProfile();
        Resolver = resolver ?? new VirtualResolver();
        Network = new VirtualNetwork(Runtime, new SeededRandom(1));
        // Trunks are spoken to as soon as the node starts, so they listen before.
        foreach (var trunk in trunks ?? [])
        {
            foreach (var target in trunk.Hops.Where(static target => target.Address is not null)) Peer(target.Host);
        }
        Media = new VirtualMediaPort(Runtime, IPAddress.Parse("10.0.0.100"));
        _disk = disk ?? new MemoryDisk();
        _disk.NowMillis = () => Runtime.UnixMillis;
        _trunks = trunks ?? [];
        _inbound = inbound ?? new InboundPolicy([], true, App, false);
        _dialAny = dialAny;
        _faults = faults;
        _callsMax = callsMax;
        _log = log ?? _logLines;
        _clock = clock?.Invoke(Runtime) ?? Runtime;
        Begin();
    }

    /// <summary>
    /// The process is gone without a word, and another begins over the same disk after that time. Far ends and the network notice nothing else.
    /// </summary>
    internal void KillAndRestart(int downMillis = 1000)
    {
        _life.IsAlive = false;
        _closeSockets();
        Media = Media.AfterCrash();
        Runtime.Advance(downMillis);
        Begin();
    }

    private void Begin()
    {
        _life = new Life(Runtime);
        var process = _life;
        IJournalStore store = new MemoryJournalStore(_disk);
        if (_faults is not null) store = new FaultyJournalStore(store, _faults);
        Done(store.OpenAsync(4));
        Hub = Done(EventHub.CreateAsync(store, process, Runtime, process));
        Feed = Hub.Open(App); // a live subscriber
        Server = new ServerNode(new ServerNodeOptions
        {
            NodeName = "n1",
            InstanceCount = 4,
            Inbound = _inbound,
            Trunks = _trunks,
            HeardHeaders = ImmutableDictionary<string, ImmutableArray<string>>.Empty.Add(App, _heard),
            DialAny = _dialAny,
            CallsMax = _callsMax,
            Calls = _calls,
            SipProfile = _profile,
            Scheduler = process,
            Clock = _clock,
            Timers = process,
            Random = new SeededRandom(2),
            Log = _log,
            Store = store,
            Media = Media,
            Recordings = new AnyRecording(this),
            Resolver = Resolver,
            SipTransport = events =>
            {
                var sockets = new VirtualSipTransport(Network, Runtime, events, Node, Node6);
                _closeSockets = sockets.Dispose;
                return sockets;
            },
            Publish = batch =>
            {
                if (process.IsAlive) Publish(batch);
            },
            Subscribers = Hub,
        });
        Server.Actors.CrashObserver = (name, fault) => Crashes.Add($"{name}: {fault}");
        ManualRuntime.Inline(() => Done(new ValueTask(Server.StartAsync())));
        Runtime.RunAll();
    }

    private void Publish(IReadOnlyList<StoredEvent> batch)
    {
        Hub.Publish(batch);
        foreach (var happened in batch.Where(happened => happened.Application == App))
        {
            _events.Add((happened.Method, JsonDocument.Parse(happened.Params).RootElement.Clone()));
            Heard?.Invoke(_events[^1].Method, _events[^1].Params);
        }
    }

    /// <summary>Given each event at the moment in which it is delivered.</summary>
    internal Action<string, JsonElement>? Heard { get; set; }
    internal ManualRuntime Runtime { get; } = new();
    internal VirtualNetwork Network { get; }
    internal VirtualMediaPort Media { get; private set; }
    internal VirtualResolver Resolver { get; }

    /// <summary>What the log has, where the test gave none of its own.</summary>
    internal IReadOnlyList<string> Log => _logLines.Lines;

    internal EventHub Hub { get; private set; } = null!;
    internal IEventFeed Feed { get; private set; } = null!;
    internal ServerNode Server { get; private set; } = null!;
    /// <summary>Whether recordings of the process before are on a disk that this one sees.</summary>
    internal bool SeesRecordings { get; set; } = true;
    /// <summary>What the last start left alone when it completed recordings.</summary>
    internal string[] KeptRecordings { get; private set; } = [];
    internal List<string> Crashes { get; } = [];

    internal RawPeer Peer(string address, int port = 5060)
    {
        if (port != 5060) return new RawPeer(this, new IPEndPoint(IPAddress.Parse(address), port));
        if (!_peers.TryGetValue(address, out var peer)) _peers.Add(address, peer = new RawPeer(this, new IPEndPoint(IPAddress.Parse(address), port)));
        return peer;
    }

    /// <summary>Asks and waits for the answer; what the method's definition lacks is filled with its defaults.</summary>
    internal RpcReply Ask(string method, params (string Name, object? Value)[] arguments) => AskTogether((method, arguments))[0];

    /// <summary>Asks several at the same moment and waits for all answers.</summary>
    internal RpcReply[] AskTogether(params (string Method, (string Name, object? Value)[] Arguments)[] requests)
    {
        var asked = new List<Task<RpcReply>>();
        ManualRuntime.Inline(() => asked.AddRange(requests.Select(request => AskLater(request.Method, request.Arguments))));
        var all = Task.WhenAll(asked);
        for (var i = 0; i < 100 && !all.IsCompleted; i++) Runtime.Advance(1);
        // The answers' continuations may run on pool threads.
        all.Wait(5000).ShouldBeTrue($"{requests[0].Method} is not answered");
        return all.Result;
    }

    /// <summary>Asks without waiting for the answer.</summary>
    internal Task<RpcReply> AskLater(string method, params (string Name, object? Value)[] arguments)
    {
        var definition = Catalogue.Find(method).ShouldNotBeNull();
        var json = JsonSerializer.SerializeToUtf8Bytes(arguments.ToDictionary(pair => pair.Name, pair => pair.Value));
        ArgumentBinder.TryBind(definition, ApiGeneration.V2, json, SpokenRules.WithoutRoots, out var bound).ShouldBeNull();
        return Server.Router.AskAsync(new RpcRequest(App, true, ApiGeneration.V2, method, bound, null, 0), CancellationToken.None).AsTask();
    }

    /// <summary>An outbound call that is up, to 192.0.2.NUMBER.</summary>
    internal (string Call, RawPeer Peer, SipRequest Invite) Up(int number)
    {
        var peer = Peer($"192.0.2.{number}");
        var call = Construct($"sip:{number}@192.0.2.{number}");
        var invite = peer.Request("INVITE");
        peer.Respond(invite, 200, $"Contact: <sip:{number}@192.0.2.{number}>\nContent-Type: application/sdp", peer.Sdp());
        peer.Request("ACK");
        Expect("sys.call.on_dial_completed");
        return (call, peer, invite);
    }

    internal string Construct(string toUri, params (string Name, object? Value)[] more)
    {
        var reply = Ask("sys.call.construct", [("to_uri", toUri), ("max_answer_seconds", 60), .. more]);
        reply.Error.ShouldBeNull();
        return JsonDocument.Parse(reply.Result).RootElement.GetProperty("res_id").GetString()!;
    }

    /// <summary>The next event of that name, waiting for it in virtual time.</summary>
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

    internal static T Done<T>(ValueTask<T> task)
    {
        task.IsCompleted.ShouldBeTrue();
        return task.Result;
    }

    internal static void Done(ValueTask task)
    {
        task.IsCompleted.ShouldBeTrue();
        task.GetAwaiter().GetResult();
    }

    /// <summary>A process: nothing of it runs any more once it is dead.</summary>
    private sealed class Life(ManualRuntime runtime) : IScheduler, ITimers
    {
        public bool IsAlive { get; set; } = true;

        public void Post(IWorkItem item)
        {
            if (IsAlive) runtime.Post(new Work(this, item));
        }

        public ITimerHandle Schedule(long delayMillis, Action<object?> callback, object? state) => runtime.Schedule(delayMillis, given =>
        {
            if (IsAlive) callback(given);
        }, state);

        private sealed class Work(Life life, IWorkItem item) : IWorkItem
        {
            public void Run()
            {
                if (life.IsAlive) item.Run();
            }
        }
    }

    private sealed class LogLines : ILog
    {
        private readonly List<string> _lines = [];

        public IReadOnlyList<string> Lines
        {
            get
            {
                lock (_lines) return [.. _lines];
            }
        }

        public bool IsEnabled(LogSeverity severity) => severity >= LogSeverity.Information;

        public void Write(LogEvent kind, params ReadOnlySpan<object?> arguments)
        {
            lock (_lines) _lines.Add(string.Format(CultureInfo.InvariantCulture, kind.Template, arguments));
        }
    }

    private sealed class AnyRecording(NodeBench bench) : IRecordings
    {
        public string? Resolve(string application, string file, string format) =>
            file.Contains("..", StringComparison.Ordinal) ? null : $"/recordings/{file}.wav";

        public void Repair(string fullPath)
        {
        }

        public void RepairAll(IReadOnlySet<string> kept, Action<int, bool> then)
        {
            bench.KeptRecordings = [.. kept.Order()];
            then(0, true);
        }

        public bool IsVisible(string fullPath) => bench.SeesRecordings;

        public bool StaysInside(string application, string promptName) => true;

        public string? WhyUnsupported(string format) => null;
    }
}

/// <summary>A far end whose messages the test writes itself.</summary>
internal sealed class RawPeer
{
    private readonly VirtualNetwork _network;
    private readonly ManualRuntime _runtime;
    private readonly List<string> _crashes;
    private readonly Queue<SipMessage> _received = new();

    internal RawPeer(NodeBench bench, IPEndPoint local)
        : this(bench.Network, bench.Runtime, bench.Crashes,
            local.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6 ? NodeBench.Node6 : NodeBench.Node, local)
    {
    }

    internal RawPeer(VirtualNetwork network, ManualRuntime runtime, List<string> crashes, IPEndPoint node, IPEndPoint local)
    {
        _network = network;
        _runtime = runtime;
        _crashes = crashes;
        Towards = node;
        Local = local;
        network.Bind(local, (_, bytes) => _received.Enqueue(SipParser.ParseDatagram(bytes).Message!));
    }

    internal IPEndPoint Local { get; }

    /// <summary>The node that it sends to.</summary>
    internal IPEndPoint Towards { get; set; }

    /// <summary>Sends lines (without the body's length, which is added) to the node.</summary>
    internal void Send(string headers, string body = "")
    {
        var text = string.Create(CultureInfo.InvariantCulture, $"{headers.ReplaceLineEndings("\r\n").Trim()}\r\nContent-Length: {body.Length}\r\n\r\n{body}");
        _network.Send(Local, Towards, Encoding.ASCII.GetBytes(text));
        _runtime.Advance(5);
    }

    internal void Respond(SipRequest request, int status, string more = "", string body = "", string tag = "far")
    {
        var to = request.Get(HeaderId.To)!;
        if (request.To.Tag is null && status > 100) to += $";tag={tag}";
        var vias = string.Join("\n", request.Vias.Select(via => $"Via: {via}"));
        Send($"SIP/2.0 {status} Status\n{vias}\nFrom: {request.Get(HeaderId.From)}\nTo: {to}\nCall-ID: {request.CallId}\nCSeq: {request.Get(HeaderId.CSeq)}\n"
            + $"{more}", body);
    }

    internal void Invite(string user, string more, string branch = "z9hG4bK1") => Send($"""
        INVITE sip:{user}@10.0.0.100 SIP/2.0
        Via: SIP/2.0/UDP {Local};branch={branch}
        Max-Forwards: 70
        From: <sip:caller@{Local.Address}>;tag=caller
        To: <sip:{user}@10.0.0.100>
        Call-ID: call-{Local.Address}
        CSeq: 1 INVITE
        {more}
        Content-Type: application/sdp
        """, Sdp());

    /// <summary>Sends a request within the dialog of an INVITE that it answered with the tag far.</summary>
    internal void SendInDialog(SipRequest invite, string method, uint number, string more = "", string body = "") => Send($"""
        {method} {invite.Contact!.Uri} SIP/2.0
        Via: SIP/2.0/UDP {Local};branch=z9hG4bK{method}{number}
        Max-Forwards: 70
        From: {invite.Get(HeaderId.To)};tag=far
        To: {invite.Get(HeaderId.From)}
        Call-ID: {invite.CallId}
        CSeq: {number} {method}
        {more}
        """.Trim(), body);

    /// <summary>A request within the dialog of the call that it made itself.</summary>
    internal void SendAsCaller(SipResponse ok, string method, int number, string more = "", string body = "") => Send($"""
        {method} {ok.Contact!.Uri} SIP/2.0
        Via: SIP/2.0/UDP {Local};branch=z9hG4bK{method}{number}
        Max-Forwards: 70
        From: <sip:caller@{Local.Address}>;tag=caller
        To: {ok.Get(HeaderId.To)}
        Call-ID: {ok.CallId}
        CSeq: {number} {method}
        Contact: <sip:caller@{Local}>
        {more}
        """, body);

    internal string Sdp(string direction = "sendrecv") =>
        $"v=0\r\no=- 1 1 IN {Family} {Local.Address}\r\ns=-\r\nc=IN {Family} {Local.Address}\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8 101\r\n"
            + $"a=rtpmap:101 telephone-event/8000\r\na={direction}\r\n";

    private string Family => Local.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6 ? "IP6" : "IP4";

    internal SipRequest Request(string method, int millis = 5000) =>
        (SipRequest)Next(message => message is SipRequest request && request.Method == method, method, millis);

    internal SipResponse Response(int status, int millis = 5000) =>
        (SipResponse)Next(message => message is SipResponse response && response.Status == status, $"{status}", millis);

    /// <summary>Answers a re-INVITE of the node's with a 200 of that direction; it is acknowledged.</summary>
    internal SipRequest AgreeOnReInvite(string direction = "sendrecv", string more = "")
    {
        var request = Request("INVITE");
        Respond(request, 200, $"Contact: <sip:far@{Local}>\nContent-Type: application/sdp{(more.Length == 0 ? "" : "\n" + more)}", Sdp(direction));
        Request("ACK");
        return request;
    }

    /// <summary>The requests of that method that have come when that time has passed.</summary>
    internal SipRequest[] Take(string method, int millis)
    {
        _runtime.Advance(millis);
        SipRequest[] taken = [.. _received.OfType<SipRequest>().Where(request => request.Method == method)];
        _received.Clear();
        return taken;
    }

    /// <summary>Everything that came and was not looked at yet, a word each: method or status.</summary>
    internal string[] Rest()
    {
        _runtime.Advance(100);
        string[] rest = [.. _received.Select(message => message is SipRequest request ? request.Method : $"{((SipResponse)message).Status}")];
        _received.Clear();
        return rest;
    }

    internal bool Hears(string method, int millis)
    {
        _runtime.Advance(millis);
        return _received.Any(message => message is SipRequest request && request.Method == method);
    }

    private SipMessage Next(Func<SipMessage, bool> wanted, string what, int millis)
    {
        for (var i = 0; i <= millis; i += 5)
        {
            for (var count = _received.Count; count > 0; count--)
            {
                var message = _received.Dequeue();
                if (wanted(message)) return message;
                _received.Enqueue(message);
            }
            _runtime.Advance(5);
        }
        throw new InvalidOperationException($"{Local}: no {what} in {millis} ms; there is: {string.Join(", ", _received)}; crashes: "
            + $"{string.Join("; ", _crashes)}");
    }
}
