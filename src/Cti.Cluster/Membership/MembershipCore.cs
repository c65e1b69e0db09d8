using System.Collections.Immutable;
using Cti.Persistence;

namespace Cti.Cluster.Membership;

/// <summary>What one renewal, or another thing that happened, means.</summary>
internal sealed record MembershipStep
{
    public static readonly MembershipStep Nothing = new();

    /// <summary>The view before and after, where it changed.</summary>
    public (ClusterView Before, ClusterView Now)? Changed { get; init; }
    /// <summary>Instances that this node owns no more.</summary>
    public ImmutableArray<int> Lost { get; init; } = [];
    /// <summary>What to take.</summary>
    public ImmutableArray<TakePlan> Takes { get; init; } = [];
    /// <summary>What this node owns by name but must not, and gives to nobody.</summary>
    public ImmutableArray<InstanceEpoch> PutDown { get; init; } = [];
    /// <summary>Rows of nodes that died long ago and own nothing.</summary>
    public ImmutableArray<NodeLease> Forget { get; init; } = [];
    /// <summary>This node's row is gone: it was taken for dead and forgotten.</summary>
    public bool MustJoin { get; init; }
    /// <summary>It was found out that another process has this node's name.</summary>
    public bool IsReplaced { get; init; }
}

/// <summary>Instances of one owner that this node is to take.</summary>
/// <param name="From">Their owner, "" for nobody.</param>
/// <param name="Unrenewed">The owner's row, if it is a dead node's: nothing is taken where that was renewed meanwhile.</param>
/// <param name="Instances">With the epochs as last read.</param>
/// <param name="LostAtMillis">When the owner last lived.</param>
/// <param name="IsHandedOver">Whether its owner lives and gave it.</param>
internal sealed record TakePlan(string From, NodeLease? Unrenewed, ImmutableArray<InstanceEpoch> Instances, long LostAtMillis, bool IsHandedOver);

/// <summary>
/// Decides who lives, who owns what and what this node is to take: pure, told the time with everything it hears. It owns an instance from the moment in which
/// the store says so until the store says that another does.
/// </summary>
/// <param name="self">What this node says of itself.</param>
/// <param name="leaseNanos">After this long without a renewal a node is dead.</param>
/// <param name="isAlone">Whether no other node can have the store: then whoever else stands in it is a former name of this node.</param>
/// <param name="isAllocated">
/// Whether others say which orphans are this node's (<see cref="Want"/>); what they have not decided for a quarter of a lease goes by rendezvous, as all does
/// without them.
/// </param>
internal sealed class MembershipCore(NodeLease self, long leaseNanos, bool isAlone, bool isAllocated)
{
    /// <summary>A row is forgotten after so many leases without a renewal, if it owns nothing.</summary>
    private const int ForgottenAfterLeases = 30;

    private readonly LeaseWatch _watch = new(self.Name, leaseNanos);
    private readonly SortedDictionary<int, long> _held = [];
    private readonly HashSet<int> _taking = [];
    private readonly HashSet<int> _given = [];
    private readonly HashSet<int> _wanted = [];
    /// <summary>What the store did not give since the last renewal: it is asked for again when that has shown why.</summary>
    private readonly HashSet<int> _refused = [];
    private readonly Dictionary<int, long> _orphanSince = [];
    private readonly Dictionary<string, long> _rowlessSince = new(StringComparer.Ordinal);
    private ImmutableArray<InstanceOwnership> _ownership = [];
    private IReadOnlyList<NodeLease> _rows = [];
    private long _lastBegan = long.MinValue, _nowMillis;
    private bool _isFirst = true;
    private volatile bool _isReplaced;
    /// <summary>Whether the last renewal showed nothing to do, and nothing has happened since: then one that shows the same needs no second thought.</summary>
    private bool _isQuiet;
    private ImmutableArray<(int Instance, string To)>? _gives;

    /// <summary>How long others may take to say whose an orphan is: twice what they need, and little beside the lease that went before.</summary>
    private long UndecidedNanos => leaseNanos / 4;

    /// <summary>What this node says of itself.</summary>
    public NodeLease Self { get; private set; } = self;

    /// <summary>The cluster, as last decided.</summary>
    public ClusterView View { get; private set; } = new(0, [], []);

    /// <summary>The version of the ownership that is known; -1 before the first renewal.</summary>
    public long KnownOwnership { get; private set; } = -1;

    /// <summary>The row of this node's last run, if there was one.</summary>
    public NodeLease? Previous { get; set; }

    /// <summary>Whether another process has this node's name. Any thread.</summary>
    public bool IsReplaced => _isReplaced;

    /// <summary>Whether it is worth to renew more often, because a node may have died.</summary>
    public bool IsSuspecting => !isAlone && _watch.IsSuspecting;

    /// <summary>When a renewal can tell that a node whose host refuses connections is dead; <see cref="long.MaxValue"/> for never.</summary>
    public long EarlyVerdictNanos => isAlone ? long.MaxValue : _watch.EarlyVerdictNanos;

    /// <summary>How many instances this node owns.</summary>
    public int Held => _held.Count;

    public void Connected(string node) => _watch.Connected(node);

    public void Broken(string node) => _watch.Broken(node);

    public void Refused(string node) => _watch.Refused(node);

    /// <summary>From the next renewal on this node takes nothing new.</summary>
    public void Drain()
    {
        Self = Self with { IsDraining = true };
        Disturb();
    }

    /// <summary>Nodes by what they are: living, living and draining, dead and not forgotten.</summary>
    public (int Up, int Draining, int Dead) Count()
    {
        var draining = View.Nodes.Count(static node => node.IsDraining);
        return (View.Nodes.Length - draining, draining, _rows.Count(row => View.Find(row.Name) is null));
    }

    /// <summary>How often this node took an instance, by <see cref="TakenFrom"/>.</summary>
    public long[] TakenByKind { get; } = new long[Enum.GetValues<TakenFrom>().Length];

    /// <summary>A renewal that was sent at <paramref name="began"/> was answered.</summary>
    public MembershipStep Renewed(LeaseView view, long began, long arrived)
    {
        // Renewals may overtake each other; what an older one shows is the past.
        if (began < _lastBegan || IsReplaced) return MembershipStep.Nothing;
        _lastBegan = began;
        var own = view.Nodes.FirstOrDefault(node => node.Name == Self.Name);
        if (own is not null && own.Incarnation != Self.Incarnation) return Replace();
        if (own is null) return new MembershipStep { MustJoin = true };
        var isKnown = _isQuiet && view.Ownership is null && ShowsTheSame(view.Nodes);
        _rows = view.Nodes;
        _nowMillis = view.NowMillis;
        var judged = _watch.Verdicts;
        var isUnbroken = _watch.Observe(view.Nodes, began, arrived);
        if (isKnown && _watch.Verdicts == judged) return Forgettable() is { IsEmpty: false } old ? new MembershipStep { Forget = old } : MembershipStep.Nothing;
        Disturb();
        _refused.Clear();
        if (view.Ownership is { } read)
        {
            KnownOwnership = view.OwnershipVersion;
            Merge(read);
        }
        LookForRowless(arrived, isUnbroken);
        var lost = Lose();
        var changed = Look();
        var (takes, putDown) = Plan(view.NowMillis, began);
        _isFirst = false;
        _isQuiet = changed is null && lost.IsEmpty && takes.IsEmpty && putDown.IsEmpty && _taking.Count == 0 && _rowlessSince.Count == 0
            && _orphanSince.Count == 0;
        return new MembershipStep { Changed = changed, Lost = lost, Takes = takes, PutDown = putDown, Forget = Forgettable() };
    }

    /// <summary>A take was answered.</summary>
    public MembershipStep Taken(TakePlan plan, IReadOnlyList<InstanceOwnership> taken)
    {
        TakeEnded(plan);
        if (IsReplaced) return MembershipStep.Nothing;
        foreach (var claim in taken)
        {
            _held[claim.Instance] = claim.Epoch;
            _refused.Remove(claim.Instance);
            _orphanSince.Remove(claim.Instance);
            TakenByKind[(int)KindOf(plan, claim.Instance)]++;
            if (_ownership[claim.Instance].Epoch <= claim.Epoch) _ownership = _ownership.SetItem(claim.Instance, claim);
        }
        return new MembershipStep { Changed = Look() };
    }

    /// <summary>A take ended; what it took without saying so shows in the next view.</summary>
    public void TakeEnded(TakePlan plan)
    {
        Disturb();
        foreach (var planned in plan.Instances)
        {
            _taking.Remove(planned.Instance);
            if (_wanted.Contains(planned.Instance)) _refused.Add(planned.Instance);
        }
    }

    private TakenFrom KindOf(TakePlan plan, int instance) =>
        plan.From.Length == 0 ? TakenFrom.Nobody : plan.From != Self.Name ? TakenFrom.Dead : _given.Remove(instance) ? TakenFrom.Given : TakenFrom.Own;

    /// <summary>This node is to have an instance, as soon as nobody alive owns it.</summary>
    public void Want(int instance)
    {
        _wanted.Add(instance);
        Disturb();
    }

    /// <summary>It is not, any more.</summary>
    public void WantNoMore(int instance) => _wanted.Remove(instance);

    /// <summary>What is wanted and nobody's, by what is known; while something is being taken the rest waits, to be taken together.</summary>
    public MembershipStep TakeWanted(long now)
    {
        if (IsReplaced || _taking.Count > 0 || !_wanted.Any(IsWanted)) return MembershipStep.Nothing;
        Disturb();
        var (takes, putDown) = Plan(_nowMillis, now);
        return new MembershipStep { Takes = takes, PutDown = putDown };
    }

    /// <summary>The epoch under which this node owns an instance; null where it does not.</summary>
    public long? EpochOf(int instance) => _held.TryGetValue(instance, out var epoch) ? epoch : null;

    /// <summary>An instance was handed over.</summary>
    public MembershipStep Given(int instance, long epoch, string to)
    {
        if (EpochOf(instance) != epoch) return MembershipStep.Nothing;
        Disturb();
        _held.Remove(instance);
        if (_ownership[instance].Epoch <= epoch) _ownership = _ownership.SetItem(instance, _ownership[instance] with { Owner = to, Epoch = epoch + 1 });
        return new MembershipStep { Changed = Look(), Lost = [instance] };
    }

    /// <summary>An append was refused: the instance is not, or not safely, this node's any more.</summary>
    public MembershipStep Fenced(int instance, long epoch)
    {
        if (EpochOf(instance) != epoch) return MembershipStep.Nothing;
        Disturb();
        _held.Remove(instance);
        return new MembershipStep { Lost = [instance] };
    }

    /// <summary>A peer that has the database takes this node for dead, while this node cannot reach it: nothing is this node's any more until it can.</summary>
    public MembershipStep PutOut()
    {
        ImmutableArray<int> lost = [.. _held.Keys.Order()];
        Disturb();
        _held.Clear();
        return lost.IsEmpty ? MembershipStep.Nothing : new MembershipStep { Lost = lost };
    }

    /// <summary>Instances that another node ought to have: what a joining or a draining node makes to move.</summary>
    public ImmutableArray<(int Instance, string To)> PlanGives() => _gives ??= FindGives();

    private ImmutableArray<(int Instance, string To)> FindGives()
    {
        var candidates = Candidates();
        if (candidates.Count == 0 || (Self.IsDraining && candidates.Contains(Self.Name))) return [];
        var found = ImmutableArray.CreateBuilder<(int, string)>();
        foreach (var instance in _held.Keys)
        {
            if (Rendezvous.Winner(instance, candidates) is { } winner && winner != Self.Name) found.Add((instance, winner));
        }
        return found.DrainToImmutable();
    }

    private void Disturb() => (_isQuiet, _gives) = (false, null);

    /// <summary>Whether rows say what the last ones said, but for how often and when they were renewed.</summary>
    private bool ShowsTheSame(IReadOnlyList<NodeLease> now)
    {
        if (now.Count != _rows.Count) return false;
        for (var i = 0; i < now.Count; i++)
        {
            var (one, other) = (now[i], _rows[i]);
            if (one.Name != other.Name || one.Incarnation != other.Incarnation || one.LinkAddress != other.LinkAddress || one.Version != other.Version
                || one.IsGateway != other.IsGateway || one.IsMedia != other.IsMedia || one.IsDraining != other.IsDraining
                || one.StartedMillis != other.StartedMillis)
                return false;
        }
        return true;
    }

    private MembershipStep Replace()
    {
        Disturb();
        _isReplaced = true;
        ImmutableArray<int> lost = [.. _held.Keys];
        _held.Clear();
        return new MembershipStep { IsReplaced = true, Lost = lost };
    }

    /// <summary>A view may be older than what a take has answered since: an epoch never goes back.</summary>
    private void Merge(IReadOnlyList<InstanceOwnership> read)
    {
        var merged = ImmutableArray.CreateBuilder<InstanceOwnership>(read.Count);
        for (var i = 0; !_ownership.IsEmpty && i < read.Count; i++)
        {
            if (read[i].Owner != Self.Name) _given.Remove(i);
            else if (read[i].Epoch > _ownership[i].Epoch && _ownership[i].Owner != Self.Name && View.Find(_ownership[i].Owner) is not null) _given.Add(i);
        }
        for (var i = 0; i < read.Count; i++) merged.Add(!_ownership.IsEmpty && _ownership[i].Epoch > read[i].Epoch ? _ownership[i] : read[i]);
        _ownership = merged.MoveToImmutable();
    }

    private ImmutableArray<int> Lose()
    {
        var lost = ImmutableArray.CreateBuilder<int>();
        foreach (var (instance, epoch) in _held)
        {
            if (_ownership[instance].Epoch > epoch) lost.Add(instance);
        }
        foreach (var instance in lost) _held.Remove(instance);
        return lost.DrainToImmutable();
    }

    private (ClusterView Before, ClusterView Now)? Look()
    {
        var nodes = ImmutableArray.CreateBuilder<ClusterNode>(_rows.Count);
        foreach (var row in _rows)
        {
            if (row.Name == Self.Name) nodes.Add(ToNode(Self));
            else if (!isAlone && !_watch.IsDead(row.Name)) nodes.Add(ToNode(row));
        }
        var before = View;
        var owners = before.Owners.Length == _ownership.Length
            && !_ownership.Where((claim, i) => before.Owners[i] != new InstanceOwner(claim.Owner, claim.Epoch)).Any()
            ? before.Owners
            : [.. _ownership.Select(static claim => new InstanceOwner(claim.Owner, claim.Epoch))];
        if (owners == before.Owners && nodes.SequenceEqual(before.Nodes)) return null;
        View = new ClusterView(before.Number + 1, nodes.DrainToImmutable(), owners);
        return (before, View);
    }

    private (ImmutableArray<TakePlan> Takes, ImmutableArray<InstanceEpoch> PutDown) Plan(long nowMillis, long now)
    {
        var candidates = Candidates();
        var groups = new SortedDictionary<string, ImmutableArray<InstanceEpoch>.Builder>(StringComparer.Ordinal);
        var putDown = ImmutableArray.CreateBuilder<InstanceEpoch>();
        foreach (var claim in _ownership)
        {
            if (_held.ContainsKey(claim.Instance) || _taking.Contains(claim.Instance)) continue;
            var isOwn = claim.Owner == Self.Name;
            if (isOwn && !Self.IsMedia) putDown.Add(new InstanceEpoch(claim.Instance, claim.Epoch));
            var isFree = !isOwn && IsFree(claim.Owner, now);
            if (!isFree) _orphanSince.Remove(claim.Instance);
            if (!Self.IsMedia || !(isOwn || (isFree && IsAllocated(claim.Instance, now, candidates)))) continue;
            if (!groups.TryGetValue(claim.Owner, out var group)) groups.Add(claim.Owner, group = ImmutableArray.CreateBuilder<InstanceEpoch>());
            group.Add(new InstanceEpoch(claim.Instance, claim.Epoch));
            _taking.Add(claim.Instance);
        }
        return ([.. groups.Select(group =>
            new TakePlan(group.Key, group.Key == Self.Name ? null : RowOf(group.Key), group.Value.DrainToImmutable(), LostAt(group.Key, nowMillis),
            group.Key == Self.Name && !_isFirst))],
            putDown.DrainToImmutable());
    }

    /// <summary>
    /// Whether an orphan is this node's to take. A node that is alone when it starts asks nobody; and where Akka's cluster cannot decide, because two nodes do
    /// not hear each other while a third one dies, the rows do.
    /// </summary>
    private bool IsAllocated(int instance, long now, List<string> candidates)
    {
        if (IsWanted(instance)) return true;
        _orphanSince.TryAdd(instance, now);
        var isUndecided = !isAllocated || (_isFirst && View.Nodes.Length == 1) || now - _orphanSince[instance] >= UndecidedNanos;
        // The sharding names one after the other, by the same hashing: its first word on a dead node's instances is its word on all of them, and they are taken
        // and read together.
        var isBegun = !isUndecided && _wanted.Any(other => IsWanted(other) && _ownership[other].Owner == _ownership[instance].Owner);
        return (isUndecided || isBegun) && Rendezvous.Winner(instance, candidates) == Self.Name;
    }

    private bool IsWanted(int instance) =>
        _wanted.Contains(instance) && instance < _ownership.Length && !_held.ContainsKey(instance) && !_refused.Contains(instance);

    /// <summary>Whether nobody alive owns it.</summary>
    private bool IsFree(string owner, long now)
    {
        if (owner.Length == 0 || isAlone) return true;
        if (RowOf(owner) is not null) return _watch.IsDead(owner);
        return _rowlessSince.TryGetValue(owner, out var since) && now - since >= leaseNanos;
    }

    private long LostAt(string owner, long nowMillis)
    {
        if (owner.Length == 0) return nowMillis;
        // At the start its own instances are what its last run left; later they are what it was given.
        var last = owner != Self.Name ? RowOf(owner) : _isFirst ? Previous : null;
        return last?.RenewedAtMillis ?? nowMillis;
    }

    private NodeLease? RowOf(string node)
    {
        foreach (var row in _rows)
        {
            if (row.Name == node) return row;
        }
        return null;
    }

    /// <summary>Owners without a row (a program of before leases) are given a lease to show one.</summary>
    private void LookForRowless(long arrived, bool isUnbroken)
    {
        if (!isUnbroken) _rowlessSince.Clear();
        var owners = _ownership.Select(static claim => claim.Owner).Where(owner => owner.Length > 0 && RowOf(owner) is null).ToHashSet(StringComparer.Ordinal);
        foreach (var known in _rowlessSince.Keys.Where(known => !owners.Contains(known)).ToList()) _rowlessSince.Remove(known);
        foreach (var owner in owners) _rowlessSince.TryAdd(owner, arrived);
    }

    /// <summary>Who may get instances: living media nodes that are not draining, or that are if there are no others.</summary>
    private List<string> Candidates()
    {
        var media = View.Nodes.Where(static node => node.IsMedia).ToList();
        var staying = media.Where(static node => !node.IsDraining).ToList();
        return [.. (staying.Count > 0 ? staying : media).Select(static node => node.Name)];
    }

    private ImmutableArray<NodeLease> Forgettable()
    {
        if (_rows.Count <= 1 || !(isAlone || _watch.HasDead)) return [];
        if (isAlone) return [.. _rows.Where(row => row.Name != Self.Name && !_ownership.Any(claim => claim.Owner == row.Name))];
        return [.. _rows.Where(row => row.Name != Self.Name && _watch.IsDead(row.Name) && _watch.UnchangedNanos(row.Name) >= ForgottenAfterLeases * leaseNanos
            && !_ownership.Any(claim => claim.Owner == row.Name))];
    }

    private static ClusterNode ToNode(NodeLease row) => new()
    {
        Name = row.Name,
        Incarnation = row.Incarnation,
        LinkAddress = row.LinkAddress,
        IsGateway = row.IsGateway,
        IsMedia = row.IsMedia,
        IsDraining = row.IsDraining,
        Version = row.Version,
        StartedMillis = row.StartedMillis,
    };
}
