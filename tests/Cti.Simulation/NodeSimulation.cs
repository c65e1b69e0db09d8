using System.Text;
using Cti.Testing;
using Cti.Testing.Peers;

namespace Cti.Simulation;

/// <summary>How a run ended.</summary>
/// <param name="Plan">What was run.</param>
/// <param name="Failures">The rules that were broken; empty when all held.</param>
/// <param name="Hash">Of everything that happened.</param>
/// <param name="Calls">Calls that existed.</param>
/// <param name="Actions">Actions that were started.</param>
/// <param name="HasCrashed">Whether a planned crash happened.</param>
/// <param name="Trace">The last lines, or all.</param>
internal sealed record SimulationResult(SimulationPlan Plan, IReadOnlyList<string> Failures, ulong Hash, int Calls, int Actions, bool HasCrashed,
    IReadOnlyList<string> Trace)
{
    /// <summary>How often each fact was journaled.</summary>
    public required IReadOnlyDictionary<string, int> Facts { get; init; }

    /// <summary>How often the world was at rest with something new, and was looked at.</summary>
    public required int Rests { get; init; }

    public string Describe()
    {
        var text = new StringBuilder();
        text.AppendLine(Plan.IsScripted
            ? $"{Failures.Count} rules broken (CTI_SIM_TRACE=1 prints all that happened)"
            : $"seed {Plan.Seed}: {Failures.Count} rules broken; replay it with: ./build.sh simulate{(Plan is Cluster.ClusterPlan ? " --cluster" : "")} --seed "
                + $"{Plan.Seed} (CTI_SIM_TRACE=1 prints all that happened)");
        text.AppendLine(Plan.ToString());
        foreach (var failure in Failures.Take(10)) text.AppendLine("  " + failure);
        text.AppendLine("the last that happened:");
        foreach (var line in Trace) text.AppendLine("  " + (line.Length > 300 ? line[..300] : line));
        return text.ToString();
    }
}

/// <summary>
/// A whole node in one process, on one thread, in virtual time: random telephones on one side, a random application on the other, faults between.
/// First safety: the rules hold while things go wrong. Then everything is healed and time passes: everything must come to its end, and nothing may be left.
/// </summary>
internal sealed class NodeSimulation
{
    private const int SettleMillisMax = 1_200_000;
    private readonly SimulatedWorld _world;
    private readonly FinalChecks _checks;

    private NodeSimulation(SimulatedWorld world)
    {
        _world = world;
        _checks = new FinalChecks(world);
    }

    public static SimulationResult Run(ulong seed, PlantedBugs? bugs = null) => Run(SimulationPlan.Draw(seed), bugs);

    /// <param name="plan">The world.</param>
    /// <param name="bugs">What is wrong with it on purpose.</param>
    /// <param name="script">What happens in it, in place of chance.</param>
    public static SimulationResult Run(SimulationPlan plan, PlantedBugs? bugs = null, Action<NodeSimulation>? script = null)
    {
        // A context of the test runner's would take continuations to other threads.
        var context = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        try
        {
            var world = new SimulatedWorld(plan, bugs ?? PlantedBugs.None, Environment.GetEnvironmentVariable("CTI_SIM_TRACE") == "1");
            try
            {
                var simulation = new NodeSimulation(world);
                if (script is null) simulation.Run();
                else simulation.Run(script);
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
                Facts = world.Ledger.Facts, Rests = world.Rest.Times,
            };
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(context);
        }
    }

    private void Run()
    {
        _world.StartNode();
        _world.Application.Begin();
        _world.Group.Begin();
        _world.Trouble.Begin();
        for (var i = 0; i < _world.Plan.Inbound; i++)
        {
            var phone = _world.Phones[_world.Random.Next(_world.Phones.Count)];
            _world.Runtime.After(_world.Random.Next(_world.Plan.SpreadMillis), () => phone.Dial(SimulatedNode.Address, $"sip:500@{SimulatedNode.Address}"));
        }
        if (!Advance(_world.Plan.SpreadMillis + 20_000)) return;
        _world.Application.Stop();
        _world.Heal();
        if (!Settle()) return;
        // 64 T1 for the last transaction, and what timers hang on it.
        if (!Advance(120_000)) return;
        CheckEnd();
    }

    private void Run(Action<NodeSimulation> script)
    {
        _world.StartNode();
        _world.Application.Begin();
        script(this);
        if (_world.Failures.Count > 0) return;
        _world.Application.Stop();
        _world.Heal();
        if (Settle() && Advance(120_000)) CheckEnd();
    }

    public SimulatedWorld World => _world;

    /// <summary>Lets time pass until a rule is broken.</summary>
    public bool Advance(long millis)
    {
        var end = _world.Runtime.ElapsedMillis + millis;
        while (_world.Failures.Count == 0 && _world.Runtime.NextTimerMillis is { } due && due <= end)
        {
            _world.Runtime.Step();
            _world.Rest.Look();
        }
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
            if (!Advance(5_000)) return false;
            // A telephone that a dead node left ringing is put down by hand, and so is one that was cut off for longer than a BYE is repeated;
            // without a crash nobody may be left ringing, without a cut nobody may be left in a call.
            if ((_world.HasCrashed || _world.Plan.Cuts.Count > 0) && _world.Node is { IsServing: true, Server.CallCount: 0 })
            {
                foreach (var call in _world.Phones.SelectMany(phone => phone.Calls)
                    .Where(call => call.Phase == PeerPhase.Offered || (_world.Plan.Cuts.Count > 0 && call.Phase == PeerPhase.Up)).ToList())
                    call.HangUp();
            }
        }
        return true;
    }

    private bool IsSettled() => _world.Node is { IsServing: true, Server: { CallCount: 0, ConferenceCount: 0, IsJournalIdle: true } }
        && _checks.IsSettled;

    private void SayWhatIsLeft()
    {
        if (_world.Node is not { IsServing: true, Server: { } server })
        {
            _world.Fail("the node does not serve again");
            return;
        }
        if (server.CallCount > 0 || !server.IsJournalIdle)
            _world.Fail($"{server.CallCount} calls never end (journal idle: {server.IsJournalIdle}): {string.Join(", ", server.Actors.AliveNames.Order())}");
        _checks.SayWhatIsLeft();
    }

    private void CheckEnd()
    {
        var node = _world.Node!;
        var server = node.Server!;
        Expect(0, server.MediaSessionCount, "media sessions by the node's count");
        Expect(0, _world.Media.OpenSessions, "media sessions");
        Expect(0, _world.Media.PortsInUse, "ports in use");
        Expect(0, _world.Media.RunningActions, "media actions");
        Expect(0, _world.Media.Bridges.Count, "bridges in the media side");
        Expect(0, _world.Media.Conferences.Count, "conferences in the media side");
        Expect(0, server.ConferenceCount, "conferences by the node's count");
        _checks.CheckLeavers();
        // The OPTIONS to the trunk go on for ever.
        if (server.TransactionCount > (_world.Plan.OptionsIntervalMillis > 0 ? 1 : 0)) _world.Fail($"{server.TransactionCount} SIP transactions are left");
        if (server.Actors.AliveCount > node.IdleActors) _world.Fail($"actors leak: {string.Join(", ", server.Actors.AliveNames.Order())}");
        if (node.Process.PendingTimers > node.IdleTimers) _world.Fail($"{node.Process.PendingTimers} timers are left, {node.IdleTimers} expected");
        _checks.Check();
    }

    private void Expect(int expected, int actual, string what)
    {
        if (expected != actual) _world.Fail($"{actual} {what}, not {expected}");
    }
}
