using System.Diagnostics;
using System.Globalization;

namespace Cti.Acceptance.Cluster;

/// <summary>A call of a scene: the resource and the telephone at its other end.</summary>
internal sealed record SceneCall(string ResId, FarmCall Phone)
{
    public int Instance { get; } = ClusterUnderTest.InstanceOf(ResId);

    public override string ToString() => $"{ResId} {Phone}";
}

/// <summary>What a scene needs of the run: the cluster, the application, names, and the ways to get a call.</summary>
internal sealed class Stage(ClusterUnderTest cluster, ClusterApp app)
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private int _number;

    public ClusterUnderTest Cluster => cluster;

    public ClusterApp App => app;

    public Books Books => app.Books;

    public PhoneFarm Farm => cluster.Farm;

    /// <summary>A user part that no other call has.</summary>
    public string NewUser(string prefix) => string.Create(CultureInfo.InvariantCulture, $"{prefix}{Interlocked.Increment(ref _number)}");

    /// <summary>A phone calls; the application has heard of it and has not answered.</summary>
    public async Task<SceneCall> OfferedAsync(string kind)
    {
        var user = NewUser(kind);
        var phone = Farm.Call(user, cluster.Entrance(_number));
        var incoming = await Books.TryExpectAsync(e => e.Method == "sys.call.on_incoming"
            && ((string)e.Params["to_uri"]!).Contains(user + "@", StringComparison.Ordinal), null, Patience)
            ?? throw new SceneException($"{phone}: no on_incoming");
        return new SceneCall(incoming.ResId, phone);
    }

    public async Task AnswerAsync(SceneCall call, int maxSeconds)
    {
        var (code, answer) = await App.TryAskAsync("sys.call.answer", new { res_id = call.ResId, max_answer_seconds = maxSeconds });
        if (code != 0)
            throw new SceneException($"{call}: answer is refused with {code} {answer?.ToJsonString()} (phone status {call.Phone.Status}, ended by "
                + $"{call.Phone.EndedBy}; events {string.Join(", ", Books.Of(call.ResId).Select(static e => $"{e.Method} {e.Params.ToJsonString()}"))})");
        Books.Begun(call.ResId, "sys.call.on_answer_completed");
        var completed = await Books.ExpectAsync("sys.call.on_answer_completed", call.ResId, Patience);
        if (completed.Error is { } error) throw new SceneException($"{call}: on_answer_completed {error}");
        await UntilAsync(() => call.Phone.Phase == CallPhase.Up, $"{call}: the phone is up");
    }

    /// <summary>An answered call from a phone.</summary>
    public async Task<SceneCall> InboundAsync(string kind, int maxSeconds = 7200)
    {
        var call = await OfferedAsync(kind);
        await AnswerAsync(call, maxSeconds);
        return call;
    }

    /// <summary>A call to a phone, as far as the phone has heard of it.</summary>
    public async Task<SceneCall> DialledAsync(string user, int maxSeconds = 7200, bool trunk = false, string? parent = null)
    {
        var made = await App.AskAsync("sys.call.construct",
            parent is null
                ? new { to_uri = cluster.Dial(user, trunk), max_answer_seconds = maxSeconds, max_ring_seconds = 600 }
                : new { to_uri = cluster.Dial(user, trunk), max_answer_seconds = maxSeconds, max_ring_seconds = 600, parent_call_res_id = parent });
        var res = (string)made!["res_id"]!;
        Books.Begun(res, "sys.call.on_dial_completed");
        FarmCall? phone = null;
        await UntilAsync(() => (phone = Farm.Find(user)) is not null, $"{res}: the phone {user} is called");
        return new SceneCall(res, phone!);
    }

    /// <summary>An answered call to a phone.</summary>
    public async Task<SceneCall> OutboundAsync(string kind, int maxSeconds = 7200, bool trunk = false)
    {
        var call = await DialledAsync(NewUser(kind), maxSeconds, trunk);
        var completed = await Books.ExpectAsync("sys.call.on_dial_completed", call.ResId, Patience);
        if (completed.Error is { } error) throw new SceneException($"{call}: on_dial_completed {error}");
        return call;
    }

    /// <summary>Now this way, now that.</summary>
    public Task<SceneCall> AnyAsync(string kind, int maxSeconds = 7200) =>
        Interlocked.Increment(ref _number) % 3 == 0 ? OutboundAsync(kind, maxSeconds) : InboundAsync(kind, maxSeconds);

    /// <summary>Drops a call, sees it gone at both ends.</summary>
    public async Task DropAsync(SceneCall call)
    {
        var (code, _) = await App.TryAskAsync("sys.call.drop", new { res_id = call.ResId });
        if (code is not (0 or 404)) throw new SceneException($"{call}: drop is refused with {code}");
        await GoneAsync(call);
    }

    public async Task GoneAsync(SceneCall call, double seconds = 45)
    {
        await Books.ExpectAsync("sys.call.on_released", call.ResId, TimeSpan.FromSeconds(seconds));
        await UntilAsync(() => call.Phone.Phase == CallPhase.Ended, $"{call}: the phone hears of the end", 40);
    }

    public async Task<string> StateAsync(SceneCall call)
    {
        var (code, got) = await App.TryAskAsync("sys.call.get", new { res_id = call.ResId });
        return code == 0 ? (string)got!["state"]! : code.ToString(CultureInfo.InvariantCulture);
    }

    public async Task ShouldBeInAsync(SceneCall call, string state)
    {
        var started = Stopwatch.GetTimestamp();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
        string now;
        while ((now = await StateAsync(call)) != state)
        {
            if (Stopwatch.GetElapsedTime(started) > TimeSpan.FromSeconds(5))
                throw new SceneException($"{call}: its state is {now}, not {state}; the last that was heard of it: "
                    + $"{(Books.Of(call.ResId) is [.., var last] ? $"{last.Method} {last.Params.ToJsonString()}" : "nothing")}");
            await timer.WaitForNextTickAsync();
        }
    }

    public static async Task UntilAsync(Func<bool> condition, string what, double seconds = 20)
    {
        var started = Stopwatch.GetTimestamp();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (!condition())
        {
            if (Stopwatch.GetElapsedTime(started).TotalSeconds > seconds) throw new SceneException($"{what}: not so within {seconds} s");
            await timer.WaitForNextTickAsync();
        }
    }
}

/// <summary>What a fault did to ownership: who can tell which calls have a new owner.</summary>
internal sealed class Moves(IReadOnlyDictionary<int, (string Node, long Epoch)> before, IReadOnlyDictionary<int, (string Node, long Epoch)> after)
{
    public bool HasMoved(SceneCall call) => before[call.Instance].Epoch != after[call.Instance].Epoch;

    public bool HasMoved(int instance) => before[instance].Epoch != after[instance].Epoch;
}

/// <summary>One or more calls in a state, before a fault, through it, and after.</summary>
internal abstract class Scene(Stage stage, string kind)
{
    protected Stage Stage => stage;

    protected ClusterApp App => stage.App;

    protected Books Books => stage.Books;

    public string Kind => kind;

    public List<SceneCall> Calls { get; } = [];

    /// <summary>Its calls' resources, also of calls whose telephones are not the farm's.</summary>
    public virtual IEnumerable<string> Resources => Calls.Select(static call => call.ResId);

    /// <summary>The instances that the sound of its calls depends on: theirs, and those of other resources.</summary>
    public virtual IEnumerable<int> Instances => Resources.Select(ClusterUnderTest.InstanceOf);

    /// <summary>How many of its calls are over that should be up.</summary>
    public virtual int Lost => Calls.Count(static call => call.Phone.Phase is CallPhase.Ended or CallPhase.Leaving);

    /// <summary>What it counted, for the end of the report.</summary>
    public virtual string? Summary => null;

    /// <summary>What takes its place when a call of it is lost.</summary>
    public virtual Scene Again() => (Scene)Activator.CreateInstance(GetType(), stage)!;

    /// <summary>Just before a fault: what is counted of moves begins here.</summary>
    public virtual void MarkMoves()
    {
    }

    /// <summary>Whether all of its calls stay up through a fault.</summary>
    public virtual bool IsEstablished => true;

    /// <summary>Brings its calls into their state.</summary>
    public abstract Task BeginAsync();

    /// <summary>Just after the fault.</summary>
    public virtual Task DuringAsync() => Task.CompletedTask;

    /// <summary>While a node drains: what rings there is answered or hung up some time, and the node waits for that.</summary>
    public virtual Task WhileDrainingAsync() => Task.CompletedTask;

    /// <summary>Once the sound is back: what had to go on goes on, what is over ended once.</summary>
    public virtual Task AfterAsync(Moves moves) => Task.CompletedTask;

    /// <summary>Ends it all.</summary>
    public virtual async Task EndAsync()
    {
        foreach (var call in Calls) await stage.DropAsync(call);
    }

    /// <summary>What is not well at this moment.</summary>
    public virtual IEnumerable<string> Wrong()
    {
        foreach (var call in Calls)
        {
            if (IsEstablished && call.Phone.Phase is CallPhase.Ended or CallPhase.Leaving)
                yield return $"{kind}: {call} is LOST (ended by {call.Phone.EndedBy} {call.Phone.Reason})";
            else if (call.Phone.Audio.Missing(400) is { Length: > 0 } missing) yield return $"{kind}: {call} does not hear {missing}";
        }
    }
}
