using Cti.Testing;

namespace Cti.Simulation.Cluster;

/// <summary>
/// A whole cluster in one process, on one thread, in virtual time. First safety: the rules hold while nodes die, stand still, leave and come, links break and
/// the store fails. Then everything is healed: everything must come to its end, nothing may be left, and the instances must be spread over the nodes as they
/// ought to be.
/// </summary>
internal sealed class ClusterSimulation
{
    private const int SettleMillisMax = 1_200_000;
    /// <summary>64 T1 for the last transaction, and what the hand-overs of a node that has come back take.</summary>
    private const int RestMillisMax = 45_000;
    /// <summary>In most worlds the rest ends when nothing is left but transactions that their timers end; in every eighth it is waited for those too.</summary>
    private const int RestMillisMin = 6_000, WholeRestEach = 8;
    private readonly ClusterWorld _world;
    private readonly FinalChecks _checks;

    private ClusterSimulation(ClusterWorld world)
    {
        _world = world;
        _checks = new FinalChecks(world);
    }

    public static SimulationResult Run(ulong seed, PlantedBugs? bugs = null) => Run(ClusterPlan.Draw(seed), bugs);

    /// <param name="plan">The world.</param>
    /// <param name="bugs">What is wrong with it on purpose.</param>
    public static SimulationResult Run(ClusterPlan plan, PlantedBugs? bugs = null)
    {
        var context = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        try
        {
            var world = new ClusterWorld(plan, bugs ?? PlantedBugs.None, Environment.GetEnvironmentVariable("CTI_SIM_TRACE") == "1");
            try
            {
                new ClusterSimulation(world).Run();
            }
#pragma warning disable CA1031 // Whatever the world throws is a finding of this seed.
            catch (Exception fault)
#pragma warning restore CA1031
            {
                world.Fail(fault.ToString());
            }
            return new SimulationResult(plan, world.Failures, world.Trace.Hash, world.Ledger.Calls.Count(), world.Ledger.Calls.Sum(call => call.Starts),
                world.HasCrashed, [.. world.Trace.Lines])
            {
                Facts = world.Ledger.Facts, Rests = 0,
            };
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(context);
        }
    }

    private void Run()
    {
        _world.Trouble.Begin();
        if (!Advance(2_000)) return;
        _world.Application.Begin();
        _world.Group.Begin();
        for (var i = 0; i < _world.Plan.Inbound; i++)
        {
            var phone = _world.Phones[_world.Random.Next(_world.Phones.Count)];
            _world.Runtime.After(_world.Random.Next(_world.Plan.SpreadMillis), () =>
            {
                var at = _world.PickAddress();
                phone.Dial(at, $"sip:500@{at}");
            });
        }
        if (!Advance(_world.Plan.SpreadMillis + 20_000)) return;
        _world.Application.Stop();
        _world.Heal();
        if (!Settle() || !Rest()) return;
        CheckEnd();
    }

    /// <summary>Lets time pass until a rule is broken.</summary>
    private bool Advance(long millis)
    {
        var end = _world.Runtime.ElapsedMillis + millis;
        while (_world.Failures.Count == 0 && _world.Runtime.NextTimerMillis is { } due && due <= end) _world.Runtime.Step();
        if (_world.Failures.Count == 0) _world.Runtime.Advance(end - _world.Runtime.ElapsedMillis);
        return _world.Failures.Count == 0;
    }

    private bool Settle()
    {
        var end = _world.Runtime.ElapsedMillis + SettleMillisMax;
        while (!IsSettled())
        {
            if (_world.Runtime.ElapsedMillis > end)
            {
                SayWhatIsLeft();
                return false;
            }
            if (!Advance(1_000)) return false;
        }
        return true;
    }

    /// <summary>Lets what is left come to its end; should it not, the checks say so.</summary>
    private bool Rest()
    {
        var isWhole = _world.Plan.Seed % WholeRestEach == 0;
        for (var rested = 1_000; rested <= RestMillisMax; rested += 1_000)
        {
            if (!Advance(1_000)) return false;
            if (!isWhole && rested >= RestMillisMin && !_world.Nodes.SelectMany(node => Left(node!, isWhole: false)).Concat(Misplaced()).Any()) return true;
        }
        return true;
    }

    private bool IsSettled() =>
        _checks.IsSettled && _world.Nodes.All(static node =>
            node is { IsServing: true, IsLeaving: false, Server: { CallCount: 0, ConferenceCount: 0, IsJournalIdle: true } });

    private void SayWhatIsLeft()
    {
        for (var index = 0; index < _world.Nodes.Count; index++)
        {
            if (_world.Nodes[index] is not { IsServing: true, Server: { } server }) _world.Fail($"{ClusterNode.NameOf(index)} does not serve again");
            else if (server.CallCount > 0 || server.ConferenceCount > 0 || !server.IsJournalIdle)
                _world.Fail($"{ClusterNode.NameOf(index)}: {server.CallCount} calls never end (journal idle: {server.IsJournalIdle}): "
                    + $"{string.Join(", ", server.Actors.AliveNames.Order())}");
        }
        _checks.SayWhatIsLeft();
    }

    private void CheckEnd()
    {
        foreach (var left in _world.Nodes.SelectMany(node => Left(node!, _world.Plan.Seed % WholeRestEach == 0)).ToList()) _world.Fail(left);
        _checks.Check();
        foreach (var misplaced in Misplaced().ToList()) _world.Fail(misplaced);
        foreach (var book in _world.Ledger.Calls) CheckLoss(book);
    }

    private IEnumerable<string> Left(ClusterNode node, bool isWhole)
    {
        var server = node.Server!;
        List<(int Count, string What)> counts =
        [
            (server.MediaSessionCount, "media sessions by its own count"), (node.Media.OpenSessions, "media sessions"), (node.Media.PortsInUse, "ports in use"),
            (node.Media.RunningActions, "media actions"), (node.Media.Bridges.Count, "bridges in the media side"),
            (node.Media.Conferences.Count, "conferences in the media side"),
            (server.ConferenceCount, "conferences by its own count"),
        ];
        // A living node that lost a call keeps the caller's INVITE, to find the call's new owner by it.
        if (!_world.MayBeBehind)
            counts.Add(isWhole ? (server.TransactionCount, "SIP transactions") : (server.EndlessTransactionCount, "SIP transactions that nothing ends"));
        foreach (var (count, what) in counts)
        {
            if (count != 0) yield return $"{node.Name}: {count} {what}, not 0";
        }
        var left = server.Actors.AliveNames.Where(static name => name.StartsWith("call ", StringComparison.Ordinal)
            || name.StartsWith("conference ", StringComparison.Ordinal) || name.StartsWith("flow ", StringComparison.Ordinal)).Order().ToList();
        if (left.Count > 0) yield return $"{node.Name}: actors leak: {string.Join(", ", left)}";
    }

    /// <summary>Every instance has one living owner that serves it, and is where it ought to be.</summary>
    private IEnumerable<string> Misplaced()
    {
        for (var instance = 0; instance < _world.Plan.Instances; instance++)
        {
            var owner = _world.Ledger.OwnerOf(instance);
            if (_world.Nodes.All(node => node!.Name != owner)) yield return $"instance {instance} belongs to {(owner.Length == 0 ? "nobody" : owner)}";
            foreach (var node in _world.Nodes)
            {
                if (node!.Server!.Cluster.View.OwnerOf(instance)?.Name is var seen && seen != owner)
                    yield return $"{node.Name} believes that instance {instance} is {seen}'s, it is {owner}'s";
            }
        }
        foreach (var node in _world.Nodes)
        {
            var meant = Enumerable.Range(0, _world.Plan.Instances).Count(instance => _world.Ledger.OwnerOf(instance) == node!.Name);
            if (node!.Server!.InstanceCount != meant) yield return $"{node.Name}: {node.Server.InstanceCount} instances, not {meant}";
            foreach (var (instance, to) in node.Server.Cluster.PlanGives()) yield return $"instance {instance} ought to be {to}'s, and stays with {node.Name}";
        }
    }

    /// <summary>A call that was up ends because someone ends it, not because a node did.</summary>
    private void CheckLoss(CallBook book)
    {
        if (!(book.WasConfirmed || book.WasDialAnswered) || book.Release is not { Cause: >= 500 and < 600 } release) return;
        var phone = _world.Phones.SelectMany(phone => phone.Calls).FirstOrDefault(call => call.CallId == book.State.SipCallId);
        if (phone is not { WasUp: true, HasRefusedReInvite: false }) return;
        _world.Fail($"{book.Id} was up and is lost: {release.Closing} {release.Cause}");
    }
}
