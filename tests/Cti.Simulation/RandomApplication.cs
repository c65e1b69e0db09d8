using System.Globalization;
using System.Text;
using System.Text.Json;
using Cti.Calls.Speech;
using Cti.Contract;
using Cti.Kernel;
using Cti.Testing;

namespace Cti.Simulation;

/// <summary>
/// An application that behaves at random: takes, refuses, redirects or ignores calls, dials, starts and stops actions in right and wrong states, repeats
/// requests, loses its connection and comes back with its cursor. It checks every answer and every event that it is given against the books.
/// </summary>
internal sealed partial class RandomApplication(VirtualWorld world, SeededRandom random)
{
    /// <summary>How late the answer to a commit may come, and more.</summary>
    private const int CommitMillis = 500;

    public const string Name = "app";

    private readonly Dictionary<string, CallView> _calls = new(StringComparer.Ordinal);
    private readonly Dictionary<Guid, SentRequest> _requests = [];
    private IEventFeed? _feed;
    private NodeLife? _feedNode;
    private string _cursor = "earliest";
    private int _session;
    private bool _isStopped;

    public IReadOnlyCollection<SentRequest> Requests => _requests.Values;

    public IReadOnlyCollection<CallView> Calls => _calls.Values;

    /// <summary>How many events of a resource it has seen.</summary>
    public int SeenOf(string resource) => _calls.GetValueOrDefault(resource)?.Seen ?? 0;

    /// <summary>Requests that the present node has not answered.</summary>
    public int Unanswered => _requests.Values.Count(request => request.Outstanding > 0);

    public void Begin()
    {
        Connect();
        for (var i = 0; i < world.Plan.Outbound; i++) world.Runtime.After(random.Next(world.Plan.SpreadMillis), Dial);
        if (world.Plan.IsScripted) return;
        PlanTrouble();
        for (var i = 0; i < world.Plan.Conferences; i++) Later(_together.Next(world.Plan.SpreadMillis / 2), MakeConference);
        for (var i = 0; i < world.Plan.Flows; i++) Later(_together.Next(world.Plan.SpreadMillis), BeginFlow);
    }

    /// <summary>No new call any more; those that are up go on.</summary>
    public void Stop() => _isStopped = true;

    /// <summary>A node died: what was asked there is never answered, and a feed there is over.</summary>
    public void LostNode(NodeLife node)
    {
        foreach (var request in _requests.Values) request.Asked.RemoveAll(asked => asked == node.Process);
        if (_feedNode is not null && _feedNode != node) return;
        _feed = null;
        _feedNode = null;
        _session++;
        Later(random.Between(10, 2000), Connect);
    }

    private void PlanTrouble() => Later(random.Between(500, 8000), () =>
    {
        if (!world.IsHealed && _feed is not null && random.Chance(world.Plan.DisconnectPercent)) Disconnect(random.Pick(0, 200, 3000, 9000));
        if (!world.IsHealed) PlanTrouble();
    });

    private void Disconnect(int awayMillis)
    {
        world.Trace.Add($"app disconnects for {awayMillis}");
        _session++;
        if (_feed is { } present) _ = present.DisposeAsync().AsTask();
        _feed = null;
        _feedNode = null;
        Later(awayMillis, Connect);
    }

    private void Connect()
    {
        if (_feed is not null) return;
        if (world.PickNode() is not { IsServing: true, Hub: { } hub } node)
        {
            Later(500, Connect);
            return;
        }
        world.Trace.Add($"app connects to life {node.Process.Number}");
        _feedNode = node;
        _feed = hub.Open(Name);
        _ = ReadAsync(_feed, ++_session);
    }

    private async Task ReadAsync(IEventFeed reading, int ours)
    {
        try
        {
            var start = await reading.SubscribeAsync(_cursor, null, CancellationToken.None);
            if (ours != _session) return;
            if (start.Error is { } error)
            {
                if (error.Code != ErrorCodes.Unavailable) world.Fail($"the feed refuses its own cursor: {error.Code} {error.Message}");
                Disconnect(1000);
                return;
            }
            while (true)
            {
                var batch = await reading.ReadAsync(random.Between(1, 40), CancellationToken.None);
                if (ours != _session) return;
                foreach (var happened in batch)
                {
                    Take(happened);
                    _cursor = happened.Cursor;
                    if (world.IsHealed || world.Plan.IsScripted || !random.Chance(1)) continue;
                    Disconnect(100);
                    return;
                }
            }
        }
        catch (FeedOverrunException)
        {
            if (ours == _session) Disconnect(50);
        }
        catch (ObjectDisposedException) when (ours != _session)
        {
            // Closed by ourselves.
        }
#pragma warning disable CA1031 // Nothing observes this task but the failure list.
        catch (Exception fault)
#pragma warning restore CA1031
        {
            world.Fail($"the feed breaks: {fault}");
        }
    }

    private void Take(FeedEvent happened)
    {
        world.Trace.Add($"app takes {happened.ResourceId} {happened.Sequence} {happened.Method}");
        if (!_calls.TryGetValue(happened.ResourceId, out var call)) _calls.Add(happened.ResourceId, call = new CallView(happened.ResourceId));
        var stored = world.Ledger.Find(happened.ResourceId)?.Events.ElementAtOrDefault(happened.Sequence - 1);
        if (stored is null || stored.Method != happened.Method || !stored.Params.Span.SequenceEqual(happened.Params.Span))
        {
            world.Fail($"the application is given {happened.Method} {happened.Sequence} of {happened.ResourceId}, which is not durable so");
            return;
        }
        // At least once: what is known may come again.
        if (happened.Sequence <= call.Seen) return;
        if (happened.Sequence != call.Seen + 1) world.Fail($"{happened.ResourceId}: event {happened.Sequence} {happened.Method} follows {call.Seen}");
        call.Seen = happened.Sequence;
        LookAtPartners(happened);
        React(call, happened);
    }

    private void React(CallView call, FeedEvent happened)
    {
        switch (happened.Method)
        {
            case "sys.call.on_refer":
                BeReferred(call);
                break;
            case "sys.call.on_incoming" or "sys.call.on_replace":
                Exists(call, exists =>
                {
                    if (!exists && world.Ledger.Find<CallBook>(call.Id)!.Release is null) world.Fail($"{call.Id} is offered and does not exist");
                });
                if (!world.Plan.IsScripted && !random.Chance(10)) Later(random.Pick(0, 5, 300, 3000, 12_000), () => Decide(call));
                break;
            case "sys.call.on_dial_completed" or "sys.call.on_answer_completed":
                call.IsUp = IsWithoutError(happened);
                if (call.IsUp && !world.Plan.IsScripted) Later(random.Between(0, 2000), () => Fidget(call));
                break;
            case "sys.call.on_ringing" when world.Plan.Conferences > 0:
                if (_together.Chance(world.Plan.TogetherPercent / 3)) Later(_together.Pick(0, 1, 300), () => Enter(call.Id));
                break;
            case "sys.call.on_record_completed" or "sys.conf.on_record_completed":
                CheckRecording(happened);
                break;
            case var _ when happened.Method.EndsWith(".on_released", StringComparison.Ordinal):
                call.IsReleased = true;
                Exists(call, exists =>
                {
                    if (!exists) return;
                    if (!world.MovesInstances) world.Fail($"{call.Id} exists after its on_released");
                    // Another node may have read it in the store before the owner was told that its commit succeeded.
                    else Later(CommitMillis, () => Exists(call, still =>
                    {
                        if (still) world.Fail($"{call.Id} exists {CommitMillis} ms after its on_released");
                    }));
                });
                break;
        }
    }

    /// <summary>
    /// Whoever shared something with the resource and has not heard yet that it is over: asked now, before its message has come, it answers as if it had.
    /// </summary>
    private void LookAtPartners(FeedEvent happened)
    {
        // Of what happened since, this application has not been told yet.
        if (world.Ledger.Find(happened.ResourceId) is not { Resource: { } told } news || happened.Sequence < news.Events.Count) return;
        if (_feedNode is not { Router: { } router } node) return;
        foreach (var book in world.Ledger.Living.Where(book => book.Resource.Owner is null && book.Id != told.Id.ToString()).ToList())
        {
            foreach (var tie in book.Resource.Ties.Where(tie => tie.Partner == told.Id.ToString() && !tie.IsHeldBy(told)))
            {
                var askedAt = world.Runtime.UnixMillis;
                var shared = book.Resource.StateName(ApiGeneration.V2);
                When(node, router.AskAsync(Build($"{ModuleOf(book.Id)}.get", $$"""{"res_id":"{{book.Id}}"}""", null), CancellationToken.None), reply =>
                {
                    // Who owns nothing yet, or is being lost, says nothing; after a second without its word what is known is answered.
                    if (reply.Error is not null || world.MayBeBehind || world.Runtime.UnixMillis - askedAt >= Limits.PartnerNewsMillis) return;
                    // The books are ahead of a node that has not heard yet that a commit succeeded: then it answers from before the two shared anything.
                    using var json = JsonDocument.Parse(reply.Result);
                    if (world.Ledger.Find(book.Id)?.Resource.Ties.Contains(tie) == true && json.RootElement.GetProperty("state").GetString() == shared)
                        world.Fail($"get of {book.Id} is behind {happened.Method} of {happened.ResourceId}: {Encoding.UTF8.GetString(reply.Result.Span)}");
                });
            }
        }
    }

    /// <summary>Asks whether it exists; <paramref name="judge"/> hears it, at once where its owner is asked.</summary>
    private void Exists(CallView call, Action<bool> judge)
    {
        if (world.PickNode() is not { Router: { } router } node) return;
        var asked = router.AskAsync(Build($"{ModuleOf(call.Id)}.exists", Res(call), null), CancellationToken.None);
        if (asked.IsCompleted) Judge(asked.Result);
        else When(node, asked, Judge);

        void Judge(RpcReply reply)
        {
            if (!MayFail(reply.Error) && !world.MayBeBehind) judge(Encoding.UTF8.GetString(reply.Result.Span) == "true");
        }
    }

    /// <summary>Between nodes a request may fail without anybody's fault: its instance moves, a link breaks, a node dies.</summary>
    private bool MayFail(RpcError? error) => world.MovesInstances && error?.Code is ErrorCodes.Unavailable or ErrorCodes.OwnerTimeout;

    /// <summary>Stopped, ended by a key or at its limit, the file is complete when the application hears of it.</summary>
    private void CheckRecording(FeedEvent happened)
    {
        using var json = JsonDocument.Parse(happened.Params);
        var error = json.RootElement.GetProperty("error");
        var path = json.RootElement.GetProperty("record_file").GetString()!;
        var isWhole = error.ValueKind == JsonValueKind.Null || error.GetProperty("code").GetInt32() is ErrorCodes.Timeout or ErrorCodes.Terminated;
        // Meanwhile it may have begun the same file anew.
        var isAnew = world.Ledger.Find<ConferenceBook>(happened.ResourceId)?.State.Recording?.FullPath == path;
        if (isWhole && !isAnew && world.IsIncomplete(path)) world.Fail($"{happened.ResourceId}: {path} is completed and not complete");
    }

    private static bool IsWithoutError(FeedEvent happened)
    {
        using var json = JsonDocument.Parse(happened.Params);
        return json.RootElement.GetProperty("error").ValueKind == JsonValueKind.Null;
    }

    private void Decide(CallView call)
    {
        if (call.IsReleased) return;
        switch (random.Next(20))
        {
            case < 13:
                Send("sys.call.answer", $$"""{"res_id":"{{call.Id}}","max_answer_seconds":{{random.Pick(1, 20, 90)}},"user_data":"u{{random.Next(9)}}"}""");
                if (random.Chance(10)) Later(random.Between(0, 300), () => Decide(call));
                break;
            case < 15: Send("sys.call.reject", $$"""{"res_id":"{{call.Id}}","cause":{{random.Pick(486, 603, 480)}}}"""); break;
            case < 16: Send("sys.call.redirect", $$"""{"res_id":"{{call.Id}}","redirect_uri":"sip:x@10.0.0.2"}"""); break;
            case < 17: Send("sys.call.drop", Res(call), ApiGeneration.V1); break;
            default:
                // Not allowed now: tries again with something that is.
                Send(random.Pick("sys.call.play_stop", "sys.call.nop", "sys.call.drop", "sys.call.record_stop"), Res(call));
                Later(random.Between(10, 3000), () => Decide(call));
                break;
        }
    }

    private void Dial()
    {
        if (_isStopped) return;
        var to = random.Next(20) switch
        {
            < 9 => "\"sip:100@10.0.0.1\"",
            < 13 => "\"sip:200@10.0.0.2\"",
            < 16 => "[\"sip:1@10.0.0.1\",\"sip:2@10.0.0.3:5060\"]",
            16 => "\"sip:5@10.0.0.9\"",
            17 => random.Pick("\"sip:5@nowhere.example\"", "\"sip:6@slow.example\"", "\"sip:7@never.example\""),
            _ => "\"sip:300@10.0.0.3\"",
        };
        Send("sys.call.construct",
            $$"""{"to_uri":{{to}},"max_answer_seconds":{{random.Pick(2, 30, 90)}},"max_ring_seconds":{{random.Pick(1, 5, 40)}},"user_data":"mine"}""");
    }

    private void Fidget(CallView call)
    {
        if (call.IsReleased) return;
        if (random.Chance(4)) Pry(call);
        if (random.Chance(4)) List();
        if (_together.Chance(world.Plan.TogetherPercent))
        {
            Mingle(call);
            Later(_together.Pick(0, 40, 700, 2500, 6000), () => Fidget(call));
            return;
        }
        if (world.Plan.TransferPercent > 0) Refer(call);
        var id = call.Id;
        switch (random.Next(16))
        {
            case 0 or 1 or 2:
                Send("sys.call.play_start",
                    $$"""{"res_id":"{{id}}","content":"{{random.Pick("short.wav", "short.wav|short.wav", "long.wav", "none.wav", "broken.wav")}}"""
                        + $"\",\"finish_keys\":\"#1\",\"repeat\":{random.Next(2)}}}");
                break;
            case 3: Send("sys.call.play_stop", Res(call)); break;
            case 4 or 5:
                Send("sys.call.record_start", $$"""{"res_id":"{{id}}","max_seconds":{{random.Pick(1, 10)}},"record_file":"r{{random.Next(1_000_000)}}"""
                    + $$""".wav","finish_keys":"#","beep":{{(random.Chance(50) ? "true" : "false")}}}""");
                break;
            case 6: Send("sys.call.record_stop", Res(call)); break;
            case 7 or 8: Send("sys.call.send_dtmf_start", $$"""{"res_id":"{{id}}","keys":"{{random.Pick("1", "12,3", "*0#")}}"}"""); break;
            case 9 or 10 or 11:
                Send("sys.call.receive_dtmf_start",
                    $$"""{"res_id":"{{id}}","valid_keys":"0123456789#","max_keys":{{random.Between(1, 4)}},"first_key_timeout":{{random.Pick(1, 5)}}"""
                        + $$""","continues_keys_timeout":{{random.Pick(1, 3)}},"play_content":{{random.Pick("null", "\"short.wav\"", "\"none.wav\"")}}"""
                        + $$""","play_repeat":{{random.Next(2)}},"breaking_on_key":{{random.Pick("true", "false")}}}""");
                break;
            case 12: Send(random.Pick("sys.call.receive_dtmf_stop", "sys.call.stop_receive_dtmf_start"), Res(call)); break;
            case 13: Send("sys.call.nop", Res(call)); break;
            case 14: Send("sys.call.answer", $$"""{"res_id":"{{id}}","max_answer_seconds":9}"""); break;
            default: if (random.Chance(50)) Send("sys.call.drop", $$"""{"res_id":"{{id}}","cause":{{random.Pick(200, 486, 603)}}}"""); break;
        }
        Later(random.Pick(0, 40, 700, 2500), () => Fidget(call));
    }

    /// <summary>Another application touches the call: its existence is none of its business.</summary>
    private void Pry(CallView call)
    {
        if (world.PickNode() is not { IsServing: true, Router: { } router } node) return;
        Span<byte> bits = stackalloc byte[16];
        random.Fill(bits);
        var request = Build(random.Pick("sys.call.drop", "sys.call.nop", "sys.call.get"), Res(call), new Guid(bits)) with { Application = "other" };
        When(node, router.AskAsync(request, CancellationToken.None), reply =>
        {
            if (reply.Error?.Code != ErrorCodes.NotFound && !MayFail(reply.Error))
                world.Fail($"{request.Method} by another application is answered {reply.Error?.Code}");
        });
    }

    private void List()
    {
        if (world.PickNode() is not { IsServing: true, Router: { } router } node) return;
        When(node, router.AskAsync(Build("sys.call.list", """{"limit":1000}""", null), CancellationToken.None), reply =>
        {
            if (MayFail(reply.Error)) return;
            using var json = JsonDocument.Parse(reply.Result);
            foreach (var item in json.RootElement.GetProperty("items").EnumerateArray())
            {
                var id = item.GetProperty("res_id").GetString()!;
                if (world.Ledger.Find(id) is not { } book) world.Fail($"{id} is listed before it is durable");
                else if (book.Resource.Owner is { } owner) world.Fail($"{id} is listed, which {owner} drives");
            }
        });
    }

    private static string Res(CallView call) => $$"""{"res_id":"{{call.Id}}"}""";

    public SentRequest Send(string method, string json, ApiGeneration generation = ApiGeneration.V2)
    {
        Span<byte> bits = stackalloc byte[16];
        random.Fill(bits);
        var request = new SentRequest(Build(method, json, new Guid(bits), generation));
        _requests.Add(request.Id, request);
        Ask(request);
        if (random.Chance(world.Plan.RepeatPercent)) Later(random.Pick(0, 0, 20, 1500, 20_000), () => Ask(request));
        if (random.Chance(4)) Later(random.Pick(0, 500, 9000), () => AskOther(request));
        return request;
    }

    private static RpcRequest Build(string method, string json, Guid? id, ApiGeneration generation = ApiGeneration.V2)
    {
        var definition = Catalogue.Find(method)!;
        if (ArgumentBinder.TryBind(definition, generation, Encoding.UTF8.GetBytes(json), SpokenRules.WithoutRoots, out var arguments) is { } error)
            throw new InvalidOperationException($"{method} {json}: {error.Message}");
        return new RpcRequest(Name, false, generation, method, arguments, id, ArgumentsHash.Compute(definition, arguments));
    }

    public void Ask(SentRequest request)
    {
        if (world.PickNode() is not { IsServing: true, Router: { } router } node)
        {
            Later(1000, () => Ask(request));
            return;
        }
        world.Trace.Add(string.Create(CultureInfo.InvariantCulture, $"app asks {request.Method} {request.Resource} {request.Id}"));
        var life = node.Process;
        request.Asked.Add(life);
        When(node, router.AskAsync(request.Request, CancellationToken.None), reply => Answered(request, life, reply));
        // A client that does not know how its request ended repeats it.
        Later(12_000, () =>
        {
            if (request.Replies == 0 && !life.IsAlive && !world.IsHealed) Ask(request);
        });
    }

    /// <summary>The same id with other content, once the first was accepted.</summary>
    private void AskOther(SentRequest request)
    {
        if (request.Result is null || LeavesNothing(request) || world.PickNode() is not { IsServing: true, Router: { } router } node) return;
        When(node, router.AskAsync(request.Request with { ParametersHash = request.Request.ParametersHash + 1 }, CancellationToken.None), reply =>
        {
            if (reply.Error?.Code is not (ErrorCodes.InvalidParams or ErrorCodes.Unavailable) && !MayFail(reply.Error))
                world.Fail($"{request.Method} {request.Id} with other content is answered {reply.Error?.Code}");
        });
    }

    private void When(NodeLife node, ValueTask<RpcReply> asked, Action<RpcReply> then)
    {
        var life = node.Process;
        asked.AsTask().ContinueWith((task, _) => world.Runtime.Post(new ActionItem(() =>
        {
            if (life.IsAlive) then(task.Result);
        })), null, CancellationToken.None, TaskContinuationOptions.None, InlineTasks.Instance);
    }

    private void Answered(SentRequest request, NodeProcess asked, RpcReply reply)
    {
        request.Asked.Remove(asked);
        request.Replies++;
        world.Trace.Add($"app is answered {request.Method} {request.Resource}: "
            + $"{reply.Error?.Code.ToString(CultureInfo.InvariantCulture) ?? Encoding.UTF8.GetString(reply.Result.Span)}");
        if (reply.Error is { } error)
        {
            request.RefusedWith = error.Code;
            if (error.Code is ErrorCodes.Internal or ErrorCodes.InvalidParams or ErrorCodes.MethodNotFound)
                world.Fail($"{request.Method} is refused with {error.Code} {error.Message}");
            if (request.Result is not null && !LeavesNothing(request) && error.Code is not (ErrorCodes.Unavailable or ErrorCodes.OwnerTimeout))
                world.Fail($"{request.Method} {request.Id} was accepted, its repeat is refused with {error.Code}");
            if (error.Code is ErrorCodes.Unavailable or ErrorCodes.OwnerTimeout && request.IsConstruct && random.Chance(50)) Later(2000, () => Ask(request));
            return;
        }
        Accepted(request, Encoding.UTF8.GetString(reply.Result.Span));
    }

    private void Accepted(SentRequest request, string result)
    {
        if (request.Result is { } before && before != result) world.Fail($"{request.Method} {request.Id} was answered {before}, its repeat {result}");
        request.Result = result;
        if (LeavesNothing(request)) return;
        if (world.Ledger.ResultOf(request.Id) is null) world.Fail($"{request.Method} {request.Id} is answered before it is durable");
        if (!request.IsConstruct)
        {
            if (world.Ledger.Find(request.Resource)?.Resource.Owner is { } owner)
                world.Fail($"{request.Method} {request.Resource} is accepted, which {owner} drives");
            return;
        }
        using var json = JsonDocument.Parse(result);
        request.Resource = json.RootElement.GetProperty("res_id").GetString()!;
        if (world.Ledger.Find(request.Resource) is null) world.Fail($"{request.Resource} is answered before it is durable");
        if (!_calls.ContainsKey(request.Resource)) _calls.Add(request.Resource, new CallView(request.Resource));
        if (request.Method == "sys.call.construct" && !world.Plan.IsScripted && random.Chance(15))
            Later(random.Between(0, 4000), () => Send("sys.call.drop", $$"""{"res_id":"{{request.Resource}}"}"""));
    }

    /// <summary>
    /// What changes nothing is accepted and leaves nothing to remember: a nop in an action, a second record_stop, connect_stop or drop of a flow that is
    /// ending.
    /// </summary>
    private bool LeavesNothing(SentRequest request) => request.Method is "sys.call.nop" or "sys.call.record_stop" or "sys.conf.nop" or "sys.conf.record_stop"
        // A flow that is ending ends as it was decided first.
        || (request.Method == "sys.call.connect_stop" && world.Ledger.ResultOf(request.Id) is null
            && world.Ledger.Find<CallBook>(request.Resource) is { WaitedForBridge: true })
        || (world.Ledger.ResultOf(request.Id) is null && world.Ledger.Find<FlowBook>(request.Resource) is { State.End: not null });

    private static string ModuleOf(string resource) => resource.Split('-')[1];

    private void Later(int millis, Action act) => world.Runtime.After(millis, act);

    /// <summary>Runs a task's continuation where it is completed: it only posts, so it may.</summary>
    private sealed class InlineTasks : TaskScheduler
    {
        public static readonly InlineTasks Instance = new();

        protected override void QueueTask(Task task) => TryExecuteTask(task);

        protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) => TryExecuteTask(task);

        protected override IEnumerable<Task> GetScheduledTasks() => [];
    }
}

/// <summary>A call as the application knows it.</summary>
internal sealed class CallView(string id)
{
    public string Id { get; } = id;
    public int Seen { get; set; }
    public bool IsUp { get; set; }
    public bool IsReleased { get; set; }
    public bool IsCall { get; } = id.Contains("-sys.call-", StringComparison.Ordinal);
    public bool IsConference { get; } = id.Contains("-sys.conf-", StringComparison.Ordinal);
}

/// <summary>A request that was sent, once or more often.</summary>
internal sealed class SentRequest(RpcRequest request)
{
    public RpcRequest Request { get; } = request;
    public Guid Id => Request.RequestId!.Value;
    public string Method => Request.Method;
    public bool IsConstruct => Request.Method.EndsWith(".construct", StringComparison.Ordinal);
    public string Resource { get; set; } = request.Method.EndsWith(".construct", StringComparison.Ordinal) ? "" : request.Arguments.String("res_id");
    /// <summary>How it was refused last.</summary>
    public int? RefusedWith { get; set; }
    /// <summary>The nodes that have not answered.</summary>
    public List<NodeProcess> Asked { get; } = [];
    public int Outstanding => Asked.Count;
    public int Replies { get; set; }
    public string? Result { get; set; }
}
