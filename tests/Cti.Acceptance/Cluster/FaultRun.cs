using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Cti.Acceptance.Cluster;

/// <summary>Calls in every state, faults one after the other, and after each what must be true of a cluster that loses nodes and keeps calls.</summary>
internal sealed class FaultRun(ClusterUnderTest cluster, ClusterApp app, FaultPlan plan, Action<string> tell)
{
    private readonly Stage _stage = new(cluster, app);
    private readonly List<Scene> _lasting = [];
    private readonly Random _random = new(plan.Seed);
    private readonly HashSet<string> _told = [];

    public List<RoundReport> Rounds { get; } = [];

    public IEnumerable<string> Problems => Rounds.SelectMany(static round => round.Problems);

    /// <summary>Plays the whole run; what went wrong stands in the rounds.</summary>
    public async Task RunAsync()
    {
        Files.Write(cluster.MediaRoot);
        var first = new RoundReport(0, Fault.None, "");
        Rounds.Add(first);
        var began = Stopwatch.GetTimestamp();
        await BeginAsync(Cast(plan.Calls), _lasting, first);
        await WellAsync(first, _lasting, "before any fault", 10);
        first.Calls = _lasting.Sum(static scene => scene.Resources.Count());
        first.Lateness = cluster.Farm.Audio.TakeLateness();
        tell(string.Create(CultureInfo.InvariantCulture, $"{first.Calls} calls in {_lasting.Count} scenes stand after "
            + $"{Stopwatch.GetElapsedTime(began).TotalSeconds:F1} s"));
        tell(RoundReport.Head);
        Finish(first);
        foreach (var fault in plan.Rounds)
        {
            var victim = !fault.HasVictim() ? "" : fault == Fault.KillCoordinator ? await cluster.OldestAsync() : Victim().Name;
            var round = new RoundReport(Rounds.Count, fault, victim);
            Rounds.Add(round);
            await RoundAsync(round);
            Finish(round);
        }
        var last = new RoundReport(Rounds.Count, Fault.None, "end");
        Rounds.Add(last);
        await EndAsync(last);
        Finish(last);
    }

    /// <summary>The run as text: the table, then what is wrong.</summary>
    public string Text()
    {
        var text = new StringBuilder();
        text.AppendLine(RoundReport.Head);
        foreach (var round in Rounds) text.AppendLine(round.ToString());
        TellKills(text, "kill -9", Fault.Kill);
        TellKills(text, "kill -9 of the coordinator's node", Fault.KillCoordinator);
        text.AppendLine(string.Create(CultureInfo.InvariantCulture, $"events {app.Books.Count.First}, heard again {app.Books.Count.Again}; requests repeated "
            + $"{app.Repeated}"));
        foreach (var summary in _lasting.Select(static scene => scene.Summary).OfType<string>()) text.AppendLine(summary);
        foreach (var round in Rounds.Where(static r => r.Problems.Count > 0))
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"round {round.Number}, {round.Fault} {round.Victim}:");
            foreach (var problem in round.Problems.Take(40)) text.AppendLine("  " + problem);
            if (round.Problems.Count > 40) text.AppendLine(CultureInfo.InvariantCulture, $"  and {round.Problems.Count - 40} more");
        }
        return text.ToString();
    }

    private void TellKills(StringBuilder text, string what, Fault fault)
    {
        var gaps = Rounds.Where(round => round.Fault == fault).SelectMany(static round => round.MovedGaps).ToArray();
        if (gaps.Length > 0)
            text.AppendLine(string.Create(CultureInfo.InvariantCulture, $"sound back after {what}: p50 {RoundReport.Percentile(gaps, 0.5):F0} ms, p99 "
                + $"{RoundReport.Percentile(gaps, 0.99):F0} ms, max {gaps.Max():F0} ms ({gaps.Length} calls)"));
    }

    /// <summary>Scenes for about so many calls that last through the run.</summary>
    private List<Scene> Cast(int calls)
    {
        List<Scene> cast = [new TrunkScene(_stage)];
        // They live on the loopback, which namespaces do not reach. What they hear is copied, or encoded for them alone.
        if (!cluster.Plan.WithNetworkFaults)
            cast.AddRange([new BaresipScene(_stage), new BaresipScene(_stage, "G722/16000/1", 16_000), new BaresipScene(_stage, "opus/48000/2", 48_000)]);
        if (cluster.Plan.Topology == Topology.Proxy) cast.Add(new SippScene(_stage, Math.Max(3, calls / 30)));
        void Add(int percent, int callsEach, Func<Scene> make)
        {
            for (var i = Math.Max(1, calls * percent / 100 / callsEach); i > 0; i--) cast.Add(make());
        }

        Add(18, 1, () => new IdleScene(_stage));
        Add(3, 1, () => new HeldScene(_stage));
        Add(20, 1, () => new PlayScene(_stage));
        Add(10, 1, () => new RecordScene(_stage));
        Add(10, 1, () => new KeysScene(_stage));
        Add(20, 2, () => new BridgeScene(_stage));
        Add(11, 3, () => new ConferenceScene(_stage));
        return cast;
    }

    /// <summary>Scenes that are over after one round.</summary>
    private List<Scene> Passing(Fault fault)
    {
        // None of them lasts for ten minutes.
        if (fault == Fault.Busy) return [];
        var each = Math.Max(1, plan.Calls / 100);
        // A twentieth of six seconds is lost by and large; twice that, and what a takeover takes, is too much.
        var missing = fault is Fault.Lose or Fault.LoseAndKill ? 800 : 200;
        var limit = fault == Fault.None || fault.IsKill() ? 14 : fault == Fault.Pause ? 20 : fault.IsRolling() ? 90 : 30;
        List<Scene> cast = [];
        for (var i = 0; i < each; i++)
        {
            cast.AddRange([new RingingScene(_stage, "rings"), new RingingScene(_stage, "mute"), new OfferedScene(_stage), new ParentScene(_stage),
                new LimitScene(_stage, limit), new SendKeysScene(_stage)]);
            // An upgrade's first program may know neither.
            if (ClusterUnderTest.NextProgram is null)
                cast.AddRange([new OfferedScene(_stage, "reliable"), new ReferredScene(_stage), new ReferringScene(_stage)]);
            if (fault != Fault.Drain && !fault.IsRolling()) cast.AddRange([new EndingPlayScene(_stage, missing), new HangUpScene(_stage)]);
        }
        return cast;
    }

    private ClusterNode Victim()
    {
        var serving = cluster.Serving.ToArray();
        return serving[_random.Next(serving.Length)];
    }

    private async Task RoundAsync(RoundReport round)
    {
        List<Scene> passing = [];
        await BeginAsync(Passing(round.Fault), passing, round);
        await WellAsync(round, _lasting, "before the fault", 10);
        List<Scene> all = [.. _lasting, .. passing];
        round.Calls = all.Sum(static scene => scene.Resources.Count());
        var before = await cluster.OwnersAsync();
        foreach (var call in all.SelectMany(static scene => scene.Calls)) call.Phone.Audio.Mark();
        foreach (var scene in _lasting) scene.MarkMoves();
        cluster.Farm.Audio.TakeLateness();

        var began = Stopwatch.GetTimestamp();
        await StrikeAsync(round, passing, began);
        await WellAsync(round, _lasting, "after the fault", round.Fault.IsRolling() ? 20 : 15);
        round.LastReinviteMillis = cluster.Farm.LastReinvite > began ? Stopwatch.GetElapsedTime(began, cluster.Farm.LastReinvite).TotalMilliseconds : -1;
        if (round.Victim.Length > 0) round.DetectedMillis = cluster.DetectedMillis(round.Victim, began);
        if (round.DetectedMillis >= 0) tell($"      {cluster.Takeover(round.Victim, began)}");
        round.Lateness = cluster.Farm.Audio.TakeLateness();
        var moves = new Moves(before, await cluster.OwnersAsync());
        Measure(round, moves);
        tell("      gaps of "
            + string.Join("; ", _lasting.GroupBy(scene => (scene.Kind, Moved: scene.Instances.Any(moves.HasMoved))).OrderBy(static kind => kind.Key)
            .Select(kind => $"{kind.Key.Kind}{(kind.Key.Moved ? "" : " (not moved)")}: "
                + $"{string.Join(' ', Gaps(kind).Order().Select(static gap => gap.ToString("F0", CultureInfo.InvariantCulture)))}")));
        await EachAsync(round, [.. passing, .. _lasting], scene => scene.AfterAsync(moves));
        await EachAsync(round, passing, EndOrClearAsync);

        foreach (var call in _lasting.SelectMany(static scene => scene.Calls)) call.Phone.Audio.Mark();
        await HealAsync(round);
        await WellAsync(round, _lasting, "after the return", 10);
        round.ReturnGaps = [.. Gaps(_lasting)];
        await ReplaceLostAsync(round);
        cluster.Farm.Tidy();
    }

    /// <summary>The fault itself, until the cluster had its chance to react.</summary>
    private async Task StrikeAsync(RoundReport round, List<Scene> passing, long began)
    {
        var victim = cluster.Nodes.FirstOrDefault(node => node.Name == round.Victim);
        Task Gone(double seconds) => GoneFromAsync(round, victim!, began, seconds);
        Task DuringAsync() => EachAsync(round, passing, static scene => scene.DuringAsync());
        switch (round.Fault)
        {
            case Fault.None:
                await DuringAsync();
                break;
            case Fault.Kill or Fault.KillCoordinator:
                victim!.Kill();
                await DuringAsync();
                await Gone(10);
                break;
            case Fault.Pause:
                victim!.Pause();
                await DuringAsync();
                await Gone(10);
                await LastAsync(began, 10);
                victim.Continue();
                break;
            case Fault.CutPeers:
            {
                var peer = cluster.Nodes.First(node => node != victim);
                var (at, other) = (IndexOf(victim!), peer.Address);
                await cluster.Faults.CutAsync(at, other);
                await DuringAsync();
                await LastAsync(began, 8);
                await cluster.Faults.MendAsync(at, other);
                break;
            }
            case Fault.CutDatabase:
                await cluster.Faults.CutAsync(IndexOf(victim!), cluster.Network.Database);
                victim!.Retire();
                await DuringAsync();
                await Gone(10);
                await LastAsync(began, 8);
                await cluster.Faults.MendAsync(IndexOf(victim), cluster.Network.Database);
                await TryAsync(round, "the node that was cut off is ready", () => victim.ReadyAsync(TimeSpan.FromSeconds(20)));
                break;
            case Fault.RestartDatabase:
                await cluster.Database.KillAsync();
                await DuringAsync();
                await LastAsync(began, 3);
                await cluster.Database.LaunchAsync();
                break;
            case Fault.LoseAndKill:
                await cluster.Faults.LoseAsync(5);
                await LastAsync(began, 5);
                victim!.Kill();
                await DuringAsync();
                await Gone(15);
                await LastAsync(began, 15);
                await cluster.Faults.LoseAsync(0);
                break;
            case Fault.Lose:
                await cluster.Faults.LoseAsync(5);
                await DuringAsync();
                await LastAsync(began, 15);
                await cluster.Faults.LoseAsync(0);
                break;
            case Fault.Drain:
                await DrainAsync(round, victim!, passing);
                break;
            case Fault.Rolling:
                await RollAsync(round, passing);
                break;
            case Fault.RollingStalled:
            {
                using var over = new CancellationTokenSource();
                var stalling = StallAsync(over.Token);
                await RollAsync(round, passing);
                await over.CancelAsync();
                await stalling;
                break;
            }
            case Fault.Busy:
                await BusyAsync(round, began);
                break;
        }
    }

    private async Task RollAsync(RoundReport round, List<Scene> passing)
    {
        foreach (var node in cluster.Nodes)
        {
            await DrainAsync(round, node, node == cluster.Nodes[0] ? passing : []);
            node.Program = ClusterUnderTest.NextProgram ?? node.Program;
            await RestartAsync(round, node);
        }
    }

    /// <summary>All nodes stand still at once for more than half a lease and less than one, every few seconds.</summary>
    private async Task StallAsync(CancellationToken over)
    {
        while (!over.IsCancellationRequested)
        {
            await LastAsync(Stopwatch.GetTimestamp(), 3.5);
            var stalled = cluster.Nodes.Where(static node => node.IsRunning).ToArray();
            var began = Stopwatch.GetTimestamp();
            foreach (var node in stalled) node.Stall();
            await LastAsync(began, 1.2);
            foreach (var node in stalled) node.GoOn();
            cluster.StalledSeconds += Stopwatch.GetElapsedTime(began).TotalSeconds;
        }
    }

    private async Task BusyAsync(RoundReport round, long began)
    {
        const int Pauses = 20, SecondsBetween = 30;
        var owners = await cluster.OwnersAsync();
        var busy = Enumerable.Range(0, Environment.ProcessorCount).Select(static _ => Process.Start("sh", ["-c", "while :; do :; done"])).ToArray();
        try
        {
            for (var i = 1; i <= Pauses; i++)
            {
                await LastAsync(began, (i * SecondsBetween) - 1);
                var node = cluster.Nodes[i % cluster.Nodes.Count];
                var stalled = Stopwatch.GetTimestamp();
                node.Stall();
                await LastAsync(stalled, 0.6);
                node.GoOn();
                foreach (var (instance, owner) in await cluster.OwnersAsync())
                {
                    if (owner != owners[instance]) Note(round, $"pause {i}, of {node.Name}: instance {instance} went from {owners[instance]} to {owner}");
                }
            }
            await LastAsync(began, Pauses * SecondsBetween);
        }
        finally
        {
            foreach (var one in busy)
            {
                one.Kill();
                await one.WaitForExitAsync();
                one.Dispose();
            }
        }
        foreach (var node in cluster.Nodes)
        {
            if (cluster.DetectedMillis(node.Name, began) is >= 0 and var millis) Note(round, $"{node.Name} was taken for dead after {millis:F0} ms");
        }
    }

    /// <summary>What the fault took away comes back.</summary>
    private async Task HealAsync(RoundReport round)
    {
        var isOver = round.Fault.IsKill() || round.Fault is Fault.LoseAndKill or Fault.Drain;
        if (isOver && cluster.Nodes.FirstOrDefault(node => node.Name == round.Victim) is { } victim)
            await RestartAsync(round, victim);
        await TryAsync(round, "the instances are spread again", () => cluster.BalancedAsync(TimeSpan.FromSeconds(30)));
    }

    private async Task DrainAsync(RoundReport round, ClusterNode node, List<Scene> passing)
    {
        node.Retire();
        var began = Stopwatch.GetTimestamp();
        var draining = node.CommandAsync(TimeSpan.FromSeconds(60), "drain", node.Name);
        // People answer some time: what rings keeps a few of the others on the node until then.
        await LastAsync(began, 2);
        await EachAsync(round, passing, static scene => scene.WhileDrainingAsync());
        var (code, said) = await draining;
        if (code != 0) Note(round, $"cti drain {node.Name} ended with {code}: {said}");
        await GoneFromAsync(round, node, began, 60);
        await TryAsync(round, $"{node.Name} ends", async () =>
        {
            var exit = await node.TerminateAsync(TimeSpan.FromSeconds(60));
            if (exit != 0) throw new SceneException($"{node.Name} ended with {exit}");
        });
    }

    private async Task RestartAsync(RoundReport round, ClusterNode node)
    {
        if (node.IsRunning) node.Kill();
        await node.EndedAsync(TimeSpan.FromSeconds(10));
        await TryAsync(round, $"{node.Name} starts again", () => StartAgainAsync(node));
        await TryAsync(round, "the instances are spread again", () => cluster.BalancedAsync(TimeSpan.FromSeconds(30)));
    }

    /// <summary>
    /// As a service manager does: a program that did not reach its database in time, on a machine that has too much to do, is started once more.
    /// </summary>
    private static async Task StartAgainAsync(ClusterNode node)
    {
        try
        {
            await node.StartAsync();
        }
        catch (InvalidOperationException) when (!node.IsRunning)
        {
            await node.StartAsync();
        }
    }

    private async Task GoneFromAsync(RoundReport round, ClusterNode victim, long since, double seconds) =>
        await TryAsync(round, $"{victim.Name} owns nothing", async () =>
        round.OwnershipMillis = (await cluster.AbandonedAsync(victim.Name, since, TimeSpan.FromSeconds(seconds))).TotalMilliseconds);

    private async Task BeginAsync(List<Scene> scenes, List<Scene> stand, RoundReport round)
    {
        // A few at a time, as calls come.
        using var places = new SemaphoreSlim(8);
        await Task.WhenAll(scenes.Select(async scene =>
        {
            await places.WaitAsync();
            try
            {
                await scene.BeginAsync();
                lock (stand) stand.Add(scene);
            }
            catch (Exception e) when (e is SceneException or RefusedException)
            {
                Note(round, $"{scene.Kind} did not come about: {e.Message}");
                await ClearAsync(scene);
            }
            finally
            {
                places.Release();
            }
        }));
    }

    private async Task EachAsync(RoundReport round, List<Scene> scenes, Func<Scene, Task> act)
    {
        await Task.WhenAll(scenes.Select(async scene =>
        {
            try
            {
                await act(scene);
            }
            catch (Exception e) when (e is SceneException or RefusedException)
            {
                Note(round, e.Message.StartsWith(scene.Kind, StringComparison.Ordinal) ? e.Message : $"{scene.Kind}: {e.Message}");
            }
        }));
    }

    /// <summary>Looks until all is well, so long at most; then tells what is not.</summary>
    private async Task WellAsync(RoundReport round, List<Scene> scenes, string when, double seconds)
    {
        var started = Stopwatch.GetTimestamp();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
        while (true)
        {
            var wrong = scenes.SelectMany(static scene => scene.Wrong()).ToArray();
            if (wrong.Length == 0) return;
            if (Stopwatch.GetElapsedTime(started).TotalSeconds > seconds || wrong.All(static w => w.Contains(" is LOST ", StringComparison.Ordinal)))
            {
                foreach (var one in wrong) Note(round, $"{when}: {one}");
                return;
            }
            await timer.WaitForNextTickAsync();
        }
    }

    /// <summary>What is lost is told once; another takes its place, so that each round has all of its calls.</summary>
    private async Task ReplaceLostAsync(RoundReport round)
    {
        var lost = _lasting.Where(static scene => scene.Lost > 0).ToList();
        round.Lost = lost.Sum(static scene => scene.Lost);
        foreach (var scene in lost)
        {
            _lasting.Remove(scene);
            await ClearAsync(scene);
        }
        await BeginAsync([.. lost.Select(static scene => scene.Again())], _lasting, round);
    }

    private async Task EndOrClearAsync(Scene scene)
    {
        try
        {
            await scene.EndAsync();
        }
        catch (Exception e) when (e is SceneException or RefusedException)
        {
            // What is wrong with it is told; its calls are no zombies for that.
            await ClearAsync(scene);
            throw;
        }
    }

    /// <summary>Hangs up what is left of a scene that failed.</summary>
    private async Task ClearAsync(Scene scene)
    {
        foreach (var resource in scene.Resources)
        {
            try
            {
                await app.TryAskAsync("sys.call.drop", new { res_id = resource });
            }
            catch (SceneException)
            {
                // Whether anything is left of it is looked at in the end.
            }
        }
    }

    private void Measure(RoundReport round, Moves moves)
    {
        var moved = _lasting.Where(scene => scene.Instances.Any(moves.HasMoved)).ToList();
        round.Moved = _lasting.Sum(scene => scene.Resources.Count(resource => moves.HasMoved(ClusterUnderTest.InstanceOf(resource))));
        round.MovedGaps = [.. Gaps(moved)];
        round.OtherGaps = [.. Gaps(_lasting.Except(moved))];
    }

    private static IEnumerable<double> Gaps(IEnumerable<Scene> scenes) =>
        scenes.SelectMany(static scene => scene.Calls).Where(static call => call.Phone.Phase == CallPhase.Up).Select(static call => call.Phone.Audio.WorstGap())
            .OfType<double>();

    /// <summary>Everything is hung up; then nothing may be left anywhere.</summary>
    private async Task EndAsync(RoundReport round)
    {
        using var places = new SemaphoreSlim(8);
        await EachAsync(round, _lasting, async scene =>
        {
            await places.WaitAsync();
            try
            {
                await EndOrClearAsync(scene);
            }
            finally
            {
                places.Release();
            }
        });
        await TryAsync(round, "no phone is in a call any more", () => Stage.UntilAsync(() => cluster.Farm.Up.Length == 0,
            $"zombies at phones: {string.Join("; ", cluster.Farm.Up.Take(5).Select(static call => call.ToString()))}", 40));
        await EmptyAsync(round, "calls that the nodes still list", async () =>
            (await app.AskAsync("sys.call.list", new { limit = 1000 }))!["items"]!.AsArray().Select(static item => (string)item!["res_id"]!));
        await EmptyAsync(round, "resources with a journal", async () => await cluster.Database.QueryAsync("SELECT DISTINCT res_id FROM journal"));
        await EmptyAsync(round, "permits that nobody uses", async () =>
            await cluster.Database.QueryAsync("SELECT id || ' of ' || coalesce(res_id, '?') FROM permit"));
        // What was published in the last moment is still on its way to the consumers.
        await EmptyAsync(round, "the books", () => Task.FromResult(app.Books.Problems(isEnd: true).AsEnumerable()));
        var records = (await cluster.Database.QueryAsync("SELECT res_id, count(*) FROM cdr GROUP BY res_id")).Select(static row => row.Split('|'))
            .ToDictionary(static row => row[0], static row => row[1]);
        foreach (var res in app.Books.Resources.Where(static res => res.Contains("-sys.call-", StringComparison.Ordinal)))
        {
            if (records.GetValueOrDefault(res, "0") != "1") Note(round, $"{res} has {records.GetValueOrDefault(res, "0")} call records in the database");
        }
    }

    private async Task EmptyAsync(RoundReport round, string what, Func<Task<IEnumerable<string>>> ask)
    {
        string[] left = [];
        var started = Stopwatch.GetTimestamp();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(300));
        while (Stopwatch.GetElapsedTime(started) < TimeSpan.FromSeconds(20))
        {
            left = [.. await ask()];
            if (left.Length == 0) return;
            await timer.WaitForNextTickAsync();
        }
        foreach (var one in left) Note(round, $"{what}: {one}");
    }

    /// <summary>A process that was stopped in the middle of a commit finds the time for it over when it wakes.</summary>
    private bool IsOfPause(string error) => plan.Rounds.Contains(Fault.Pause) && error.Contains(" ERROR 7001 ", StringComparison.Ordinal);

    /// <summary>What the phones and the books complain of since the last round, and the row of the table.</summary>
    private void Finish(RoundReport round)
    {
        foreach (var complaint in cluster.Farm.Complaints.Concat(app.Books.Problems(isEnd: false)).Where(_told.Add)) Note(round, complaint);
        if (!plan.Rounds.Any(static f => f is Fault.RestartDatabase or Fault.CutDatabase or Fault.CutPeers or Fault.Lose or Fault.LoseAndKill))
        {
            foreach (var error in cluster.Nodes.SelectMany(static node => node.Errors().Select(line => $"node {node.Name} logged: {line}"))
                .Where(line => !IsOfPause(line)).Where(_told.Add))
                Note(round, error);
        }
        tell(round.ToString());
        // Some of each kind: one defect shows at many calls.
        foreach (var problem in round.Problems.GroupBy(static p => p.Split(':')[0]).SelectMany(static kind => kind.Take(6))) tell("      " + problem);
    }

    private static void Note(RoundReport round, string problem)
    {
        lock (round.Problems) round.Problems.Add(problem);
    }

    private static async Task TryAsync(RoundReport round, string what, Func<Task> act)
    {
        try
        {
            await act();
        }
        catch (Exception e) when (e is SceneException or InvalidOperationException)
        {
            Note(round, $"{what}: {e.Message}");
        }
    }

    private static async Task LastAsync(long began, double seconds)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (Stopwatch.GetElapsedTime(began).TotalSeconds < seconds) await timer.WaitForNextTickAsync();
    }

    private int IndexOf(ClusterNode node) => cluster.Nodes.ToList().IndexOf(node);
}
