using Cti.Cluster.Membership;
using Cti.Kernel;
using Cti.Persistence;
using Cti.Persistence.Memory;
using Cti.Testing;

namespace Cti.Cluster.Tests.Membership;

/// <summary>Members of one cluster on virtual time: each with its own way to the one database, its own process and links that a test cuts.</summary>
internal sealed class MemberRig
{
    internal const int Instances = 24;
    internal const int Lease = 2000;

    internal MemberRig() => Disk.NowMillis = () => Runtime.UnixMillis + DatabaseAheadMillis;

    internal ManualRuntime Runtime { get; } = new();
    internal MemoryDisk Disk { get; } = new();

    /// <summary>How far the database's clock is ahead of the nodes'.</summary>
    internal long DatabaseAheadMillis { get; set; }

    internal List<TestMember> Members { get; } = [];

    /// <param name="slowMillis">How long its first question takes to the database; the answer comes at once.</param>
    internal TestMember Start(string name, bool isMedia = true, bool isShared = true, int slowMillis = 0, string? address = null, IClock? machine = null,
        ILog? log = null, bool isAllocated = false)
    {
        var member = new TestMember(this, name, isMedia, isShared, address, machine, log, isAllocated) { SlowMillis = slowMillis };
        Members.Add(member);
        ManualRuntime.Inline(() => member.Starting = member.Member.StartAsync());
        Runtime.RunAll();
        return member;
    }

    internal TestMember[] Start(params string[] names) => [.. names.Select(name => Start(name))];

    /// <summary>Hands instances to where they belong, as the operations of a running cluster do.</summary>
    internal void Balance()
    {
        Runtime.Advance(Lease / 5);
        foreach (var member in Members.Where(static member => member.IsAlive))
        {
            foreach (var (instance, to) in member.Member.PlanGives()) Do(() => member.Member.GiveAsync(instance, to)).ShouldBeTrue();
        }
        Runtime.Advance(Lease / 2);
    }

    internal T Do<T>(Func<Task<T>> work)
    {
        Task<T> task = null!;
        ManualRuntime.Inline(() => task = work());
        Runtime.RunAll();
        task.IsCompleted.ShouldBeTrue();
        return task.GetAwaiter().GetResult();
    }

    internal IReadOnlyList<InstanceOwnership> Ownership()
    {
        var store = new MemoryJournalStore(Disk);
        Done(store.OpenAsync(Instances));
        return Done(store.ReadOwnershipAsync());
    }

    internal static void Done(ValueTask task)
    {
        task.IsCompletedSuccessfully.ShouldBeTrue();
        task.GetAwaiter().GetResult();
    }

    /// <summary>What a store in memory answers: it never keeps anyone waiting.</summary>
    internal static T Done<T>(ValueTask<T> task)
    {
        task.IsCompletedSuccessfully.ShouldBeTrue();
        return task.Result;
    }

    /// <summary>Every instance is owned by one of these, who knows it under the epoch that the database says.</summary>
    internal void CheckOwners(params TestMember[] owners)
    {
        foreach (var instance in Ownership())
        {
            var owner = owners.SingleOrDefault(member => member.Name == instance.Owner).ShouldNotBeNull($"instance {instance.Instance} is {instance.Owner}'s");
            owner.Owned.GetValueOrDefault(instance.Instance).ShouldBe(instance.Epoch, $"instance {instance.Instance} of {instance.Owner}");
        }
        owners.Sum(static owner => owner.Owned.Count).ShouldBe(Instances);
    }
}

/// <summary>A node that is nothing but a member, and what it was told.</summary>
internal sealed class TestMember : IClusterEvents, ITimers, INodeLinks
{
    private readonly MemberRig _rig;
    private readonly List<(Action<object?> Callback, object? State)> _late = [];
    private readonly List<TaskCompletionSource> _waiting = [];
    private bool _isPaused;

    internal TestMember(MemberRig rig, string name, bool isMedia, bool isShared, string? address, IClock? machine, ILog? log, bool isAllocated)
    {
        _rig = rig;
        Name = name;
        Clock = new ClusterClock(machine ?? rig.Runtime);
        Store = new MemberStore(this, new MemoryJournalStore(rig.Disk));
        Store.OpenAsync(MemberRig.Instances).AsTask().Wait();
        Member = new ClusterMember(new ClusterMemberOptions
        {
            IsAllocated = isAllocated,
            Name = name, Incarnation = $"{name}{rig.Members.Count}", IsMedia = isMedia, IsShared = isShared, LeaseMillis = MemberRig.Lease,
            // Most tests need no address: links are the rig's.
            NeedsLinks = address is not null, LinkAddress = address ?? "", Links = this, IsIdle = () => IsIdle(), IsStandingDown = () => IsStandingDown(),
        }, Store, Clock, this, log ?? NullLog.Instance);
        Member.Subscribe(this);
    }

    internal string Name { get; }
    internal ClusterMember Member { get; }
    internal ClusterClock Clock { get; }
    internal IJournalStore Store { get; }
    internal Task Starting { get; set; } = Task.CompletedTask;
    internal bool IsAlive { get; private set; } = true;

    /// <summary>Whether nothing lives on it; asked under the member's lock.</summary>
    internal Func<bool> IsIdle { get; set; } = static () => false;

    /// <summary>Whether something of a lost instance could still speak; asked under the member's lock.</summary>
    internal Func<bool> IsStandingDown { get; set; } = static () => false;

    /// <summary>Its way to the database is cut.</summary>
    internal bool HasNoDatabase { get; set; }

    /// <summary>How long its next question takes to the database.</summary>
    internal int SlowMillis { get; set; }

    /// <summary>Takes that fail from now on.</summary>
    internal int FailingTakes { get; set; }

    /// <summary>What it owns: instance and epoch.</summary>
    internal SortedDictionary<int, long> Owned { get; } = [];
    internal List<(int Instance, long LostAtMillis, long AtMillis)> Gained { get; } = [];
    internal List<int> Lost { get; } = [];

    /// <summary>Whether the guard was open when instances were lost.</summary>
    internal List<bool> OpenAtLoss { get; } = [];

    internal bool IsOpen => Member.Guard.IsOpen(_rig.Runtime.MonotonicNanos);

    internal string[] Sees => [.. Member.View.Nodes.Select(static node => node.Name)];

    /// <summary>kill -9.</summary>
    internal void Kill() => IsAlive = false;

    /// <summary>SIGSTOP.</summary>
    internal void Pause() => _isPaused = true;

    /// <summary>SIGCONT: what was due meanwhile runs now.</summary>
    internal void Continue()
    {
        _isPaused = false;
        ManualRuntime.Inline(() =>
        {
            foreach (var (callback, state) in Drain(_late)) callback(state);
            foreach (var held in Drain(_waiting)) held.SetResult();
        });
        _rig.Runtime.RunAll();
    }

    private static List<T> Drain<T>(List<T> list)
    {
        List<T> all = [.. list];
        list.Clear();
        return all;
    }

    public void OnGained(IReadOnlyList<InstanceOwnership> gained, long lostAtMillis, bool isHandedOver)
    {
        foreach (var claim in gained)
        {
            Owned.ContainsKey(claim.Instance).ShouldBeFalse("it is gained twice");
            Owned[claim.Instance] = claim.Epoch;
            Gained.Add((claim.Instance, lostAtMillis, _rig.Runtime.ElapsedMillis));
        }
    }

    public void OnLost(IReadOnlyList<int> instances)
    {
        OpenAtLoss.Add(IsOpen);
        foreach (var instance in instances)
        {
            Owned.Remove(instance).ShouldBeTrue("what is not owned cannot be lost");
            Lost.Add(instance);
        }
    }

    public ITimerHandle Schedule(long delayMillis, Action<object?> callback, object? state) => _rig.Runtime.Schedule(delayMillis, given =>
    {
        if (!IsAlive) return;
        if (_isPaused) _late.Add((callback, given));
        else callback(given);
    }, state);

    /// <summary>Holds what a paused process would wait for, for ever in a dead one.</summary>
    internal Task RunsAsync()
    {
        if (IsAlive && !_isPaused) return Task.CompletedTask;
        var held = new TaskCompletionSource();
        if (IsAlive) _waiting.Add(held);
        return held.Task;
    }

    internal Task TravelAsync()
    {
        if (SlowMillis == 0) return Task.CompletedTask;
        var arrived = new TaskCompletionSource();
        _rig.Runtime.Schedule(SlowMillis, static state => ((TaskCompletionSource)state!).SetResult(), arrived);
        SlowMillis = 0;
        return arrived.Task;
    }

    bool INodeLinks.Send(string node, LinkChannel channel, ReadOnlyMemory<byte> payload)
    {
        if (_rig.Members.LastOrDefault(member => member.Name == node) is not { IsAlive: true } peer) return false;
        peer.Member.OnMessage(Name, payload);
        return true;
    }

    bool INodeLinks.IsConnected(string node) => true;

    void INodeLinks.Receive(LinkChannel channel, ILinkReceiver receiver) => channel.ShouldBe(LinkChannel.Control);

    private sealed class MemberStore(TestMember member, IJournalStore inner) : ForwardingJournalStore(inner)
    {
        public override ValueTask<LeaseView> RenewAsync(NodeLease self, long knownOwnership, CancellationToken cancellation = default) =>
            Through(() => base.RenewAsync(self, knownOwnership, cancellation));

        public override ValueTask<IReadOnlyList<InstanceOwnership>> TakeAsync(string node, IReadOnlyList<InstanceEpoch> instances, NodeLease? unrenewed = null,
            CancellationToken cancellation = default)
        {
            if (member.FailingTakes-- > 0) throw new StoreUnavailableException("the database stumbles");
            return Through(() => base.TakeAsync(node, instances, unrenewed, cancellation));
        }

        private async ValueTask<T> Through<T>(Func<ValueTask<T>> work)
        {
            await member.RunsAsync();
            await member.TravelAsync();
            if (member.HasNoDatabase) throw new StoreUnavailableException("no way to the database");
            var answer = await work();
            await member.RunsAsync();
            return answer;
        }
    }
}
