using Cti.Kernel;
using Cti.Persistence;

namespace Cti.Cluster.Membership;

/// <summary>
/// This node's place in the cluster: renews its lease, watches those of the others, takes what is nobody's and notices what it lost. The decisions are
/// <see cref="MembershipCore"/>'s; this drives it with timers, the store's answers and what the links report.
/// </summary>
public sealed partial class ClusterMember : ICluster, ILinkReceiver
{
    private const long NanosPerMilli = 1_000_000;
    private const int AloneMillis = 1000;
    /// <summary>Renewals on their way at once: the store may have swallowed the first ones for good.</summary>
    private const int AttemptsMax = 4;
    /// <summary>Looks at the database's clock before anything is served; each but the first is quick.</summary>
    private const int LooksMax = 4;
    private const byte AskAccess = 1, HaveAccess = 2, PutOut = 3;

    private readonly Lock gate = new();
    private readonly ClusterMemberOptions options;
    private readonly IJournalStore store;
    private readonly ClusterClock clock;
    private readonly ITimers timers;
    private readonly ILog log;
    private readonly MembershipCore core;
    private readonly long leaseNanos;
    private readonly int beatMillis;
    private readonly List<IClusterEvents> receivers = [];
    private readonly Queue<Action> news = new();
    private readonly List<Attempt> attempts = [];
    private INodeLinks? links;
    private ITimerHandle? timer, verdict;
    private ClusterView view = new(0, [], []);
    private long lastBegun = long.MinValue;
    private long verdictDue = long.MaxValue;
    private long renewedNanos = long.MinValue;
    private long databaseUpNanos = long.MinValue;
    private long pausedAt = long.MinValue;
    private int untoldLosses;
    private long handedOver, lost, renewalsFailed;
    private bool isTelling, isFailing, isRunning;
    private volatile bool isReplaced, isStopped;

    /// <summary>Puts it together; nothing runs before <see cref="StartAsync"/>.</summary>
    public ClusterMember(ClusterMemberOptions options, IJournalStore store, ClusterClock clock, ITimers timers, ILog log)
    {
        this.options = options;
        this.store = store;
        this.clock = clock;
        this.timers = timers;
        this.log = log;
        leaseNanos = options.LeaseMillis * NanosPerMilli;
        beatMillis = options.IsShared ? Math.Max(1, options.LeaseMillis / 20) : AloneMillis;
        Guard = options.Guard ?? new PauseGuard(options.IsShared ? leaseNanos / 2 : 0);
        core = new MembershipCore(new NodeLease
        {
            Name = options.Name,
            Incarnation = options.Incarnation,
            LinkAddress = options.LinkAddress,
            IsGateway = options.IsGateway,
            IsMedia = options.IsMedia,
            Version = options.Version,
            StartedMillis = clock.UnixMillis,
        }, leaseNanos, !options.IsShared);
    }

    /// <inheritdoc/>
    public string Self => options.Name;

    /// <inheritdoc/>
    public ClusterView View => Volatile.Read(ref view);

    /// <inheritdoc/>
    public bool IsCutOff
    {
        get
        {
            if (isReplaced) return true;
            var renewed = Volatile.Read(ref renewedNanos);
            return options.IsShared && renewed != long.MinValue && clock.MonotonicNanos - renewed > leaseNanos / 2;
        }
    }

    /// <inheritdoc/>
    public bool MayBye
    {
        get
        {
            if (!IsCutOff) return true;
            var up = Volatile.Read(ref databaseUpNanos);
            return !isReplaced && (up == long.MinValue || clock.MonotonicNanos - up > leaseNanos);
        }
    }

    /// <summary>Says whether this process may speak for its calls: closed after a pause, until a renewal has succeeded.</summary>
    public PauseGuard Guard { get; }

    /// <summary>Whether something of a lost instance could still speak; asked on any thread.</summary>
    public Func<bool>? IsStandingDown { get; set; }

    /// <inheritdoc/>
    public void Subscribe(IClusterEvents events) => receivers.Add(events);

    /// <summary>Uses links to ask peers whether the database is up, and hears from them which links hold; before the start of both.</summary>
    public void Use(INodeLinks nodeLinks)
    {
        links = nodeLinks;
        nodeLinks.Receive(LinkChannel.Control, this);
    }

    /// <summary>
    /// Joins the cluster and takes what is nobody's: what this node's last run left, what never had an owner and, where no other node can have the store,
    /// everything. What others own stays theirs.
    /// </summary>
    /// <exception cref="StoreUnavailableException">The store cannot be reached.</exception>
    /// <exception cref="StoreMismatchException">Other nodes use the store, and not every one has links.</exception>
    public async Task StartAsync(CancellationToken cancellation = default)
    {
        core.Previous = await store.JoinAsync(core.Self, cancellation).ConfigureAwait(false);
        var began = clock.MonotonicNanos;
        var first = await store.RenewAsync(core.Self, core.KnownOwnership, cancellation).ConfigureAwait(false);
        if (options.NeedsLinks && WhyUnlinked(first) is { } why)
        {
            await store.RemoveNodeAsync(options.Name, options.Incarnation, cancellation: cancellation).ConfigureAwait(false);
            throw new StoreMismatchException(why);
        }
        var step = Arrive(first, began);
        for (var looks = 1; isClockRough && looks < LooksMax; looks++)
        {
            began = clock.MonotonicNanos;
            var again = await store.RenewAsync(core.Self, core.KnownOwnership, cancellation).ConfigureAwait(false);
            lock (gate) Follow(again.NowMillis, began, clock.MonotonicNanos);
        }
        foreach (var plan in step.Takes) await TakeAsync(plan, cancellation).ConfigureAwait(false);
        lock (gate)
        {
            isRunning = true;
            lastBegun = began;
            if (!isStopped) timer = timers.Schedule(beatMillis, static member => ((ClusterMember)member!).Beat(), this);
        }
    }

    /// <summary>A row that was not renewed for a lease may be a former name of this very node: it keeps nobody from starting.</summary>
    private string? WhyUnlinked(LeaseView view)
    {
        var others = view.Nodes.Where(node => node.Name != options.Name && view.NowMillis - node.RenewedAtMillis < options.LeaseMillis).ToList();
        if (others.Count == 0) return null;
        if (options.LinkAddress.Length == 0)
            return $"{string.Join(", ", others.Select(static node => node.Name))} use{(others.Count == 1 ? "s" : "")} this database too, and this node has no cti.cluster.listen: nodes that share a database need links, set cti.cluster.listen and cti.cluster.secret on each";
        var unlinked = others.Where(static node => node.LinkAddress.Length == 0).Select(static node => node.Name).ToList();
        return unlinked.Count == 0 ? null : $"{string.Join(", ", unlinked)} use{(unlinked.Count == 1 ? "s" : "")} this database too, without cti.cluster.listen: nodes that share a database need links, set cti.cluster.listen and cti.cluster.secret on each";
    }

    /// <summary>Stops renewing and removes this node's row, so that nobody has to wait for its lease: after its calls are gone.</summary>
    public async Task StopAsync()
    {
        List<Attempt> late;
        lock (gate)
        {
            if (isStopped) return;
            isStopped = true;
            timer?.Cancel();
            verdict?.Cancel();
            late = [.. attempts];
        }
        foreach (var attempt in late) attempt.Cancel();
        if (!isRunning || isReplaced || !options.IsShared) return;
        try
        {
            await store.RemoveNodeAsync(options.Name, options.Incarnation).ConfigureAwait(false);
        }
        catch (StoreUnavailableException fault)
        {
            // The others find out by themselves, a lease later.
            log.Write(LogEvents.LeaseNotRenewed, fault.Message);
        }
    }

    /// <summary>The cluster as it is seen from here, and what was done in it so far.</summary>
    public MembershipStatistics Snapshot()
    {
        lock (gate)
        {
            var (up, draining, dead) = core.Count();
            var taken = core.TakenByKind;
            return new MembershipStatistics(up, draining, dead, core.Held, taken[(int)TakenFrom.Dead], taken[(int)TakenFrom.Given], taken[(int)TakenFrom.Own], taken[(int)TakenFrom.Nobody],
                handedOver, lost, renewalsFailed, renewedNanos == long.MinValue ? -1 : Math.Max(0, clock.MonotonicNanos - renewedNanos) / (double)NanosPerMilli, clock.OffsetMillis, IsCutOff);
        }
    }

    /// <summary>From now on this node gets no instances, and its rendezvous winners are others.</summary>
    public void Drain()
    {
        lock (gate) core.Drain();
        RenewNow();
    }

    /// <summary>Looks at once: something has changed that a renewal shows.</summary>
    public void RenewNow()
    {
        lock (gate)
        {
            if (!isRunning || isStopped || isReplaced) return;
        }
        Begin();
    }

    /// <summary>Instances of this node that another living, ready node ought to have.</summary>
    public IReadOnlyList<(int Instance, string To)> PlanGives()
    {
        lock (gate) return core.PlanGives();
    }

    /// <summary>Hands an instance over; this node stands down when the store has said yes. False where it does not own the instance (any more).</summary>
    /// <exception cref="StoreUnavailableException">Whether it was handed over is unknown; the next renewal shows it.</exception>
    public async Task<bool> GiveAsync(int instance, string to, CancellationToken cancellation = default)
    {
        long epoch;
        lock (gate)
        {
            if (core.EpochOf(instance) is not { } held) return false;
            epoch = held;
        }
        var isGiven = await store.GiveAsync(instance, options.Name, epoch, to, cancellation).ConfigureAwait(false);
        if (!isGiven)
        {
            RenewNow();
            return false;
        }
        lock (gate)
        {
            handedOver++;
            // It is told as a loss, and is none.
            lost--;
            Note(core.Given(instance, epoch, to));
        }
        Tell();
        return true;
    }

    /// <summary>The store refused an append: the instance is another's, or cannot be written to as it stands. It is taken again where it is still this node's.</summary>
    public void Fenced(int instance, long epoch)
    {
        lock (gate) Note(core.Fenced(instance, epoch));
        Tell();
        RenewNow();
    }

    /// <summary>A peer's host has refused a connection to its address: no process listens there.</summary>
    public void PeerRefused(string node)
    {
        lock (gate)
        {
            core.Refused(node);
            AwaitVerdict();
        }
        RenewNow();
    }

    /// <summary>Looks in the moment in which a renewal can tell: calls are silent until then, and a beat more is a tenth of a second. Under the lock.</summary>
    private void AwaitVerdict()
    {
        var due = core.EarlyVerdictNanos;
        if (due == verdictDue || isStopped) return;
        verdict?.Cancel();
        verdictDue = due;
        verdict = due == long.MaxValue ? null : timers.Schedule(Math.Max(1, ((due - clock.MonotonicNanos) / NanosPerMilli) + 1), static member => ((ClusterMember)member!).RenewNow(), this);
    }

    /// <inheritdoc/>
    public void OnMessage(string node, ReadOnlyMemory<byte> payload)
    {
        if (payload.IsEmpty) return;
        if (payload.Span[0] == HaveAccess) Volatile.Write(ref databaseUpNanos, clock.MonotonicNanos);
        else if (payload.Span[0] == PutOut) BePutOut(node);
        else if (payload.Span[0] == AskAccess && isRunning && !IsCutOff) links?.Send(node, LinkChannel.Control, new[] { HaveAccess });
    }

    /// <summary>Only a node that is cut off believes it: one that renews is nobody's to put out.</summary>
    private void BePutOut(string node)
    {
        if (!IsCutOff) return;
        log.Write(LogEvents.PutOut, node);
        lock (gate) Note(core.PutOut());
        Tell();
    }

    /// <inheritdoc/>
    public void OnConnected(string node)
    {
        lock (gate) core.Connected(node);
    }

    /// <inheritdoc/>
    public void OnBroken(string node)
    {
        lock (gate) core.Broken(node);
        RenewNow();
    }

    private void Beat()
    {
        var now = clock.MonotonicNanos;
        bool isDue;
        List<Attempt> late;
        lock (gate)
        {
            if (isStopped) return;
            timer = timers.Schedule(beatMillis, static member => ((ClusterMember)member!).Beat(), this);
            if (isReplaced) return;
            isDue = NotePause(now) | IsDue(now);
            late = attempts.FindAll(attempt => now - attempt.Began > leaseNanos);
        }
        foreach (var attempt in late) attempt.Cancel();
        if (isDue) Begin();
        if (!IsCutOff || links is null) return;
        foreach (var peer in View.Nodes)
        {
            if (peer.Name != options.Name) links.Send(peer.Name, LinkChannel.Control, new[] { AskAccess });
        }
    }

    /// <summary>Whether this beat is the first after a pause.</summary>
    private bool NotePause(long now)
    {
        if (Guard.Beat(now) || pausedAt != long.MinValue) return false;
        pausedAt = now;
        log.Write(LogEvents.ProcessStoodStill);
        return true;
    }

    /// <summary>A renewal each tenth of a lease, each twentieth while a node may have died; the next goes out where the last is not answered for a quarter.</summary>
    private bool IsDue(long now)
    {
        if (attempts.Count > 0) return now - lastBegun >= (options.IsShared ? leaseNanos / 4 : long.MaxValue);
        if (!options.IsShared || core.IsSuspecting) return true;
        // A beat may come a little early.
        return now - lastBegun >= (leaseNanos / 10) - (leaseNanos / 40);
    }

    private void Begin()
    {
        Attempt attempt;
        NodeLease self;
        long known;
        lock (gate)
        {
            if (isStopped || attempts.Count >= AttemptsMax) return;
            lastBegun = clock.MonotonicNanos;
            attempts.Add(attempt = new Attempt(lastBegun));
            (self, known) = (core.Self, core.KnownOwnership);
        }
        _ = RenewAsync(attempt, self, known);
    }

    private async Task RenewAsync(Attempt attempt, NodeLease self, long known)
    {
        try
        {
            var answer = await store.RenewAsync(self, known, attempt.Token).ConfigureAwait(false);
            End(attempt);
            Act(Arrive(answer, attempt.Began));
        }
        catch (Exception fault) when (fault is StoreUnavailableException or OperationCanceledException)
        {
            End(attempt);
            Fail(fault);
        }
#pragma warning disable CA1031 // A bug here must be seen in the log: nothing else observes this task.
        catch (Exception fault)
#pragma warning restore CA1031
        {
            End(attempt);
            if (!isStopped) log.Write(LogEvents.MembershipFault, fault);
        }
    }

    private void End(Attempt attempt)
    {
        lock (gate) attempts.Remove(attempt);
        attempt.Dispose();
    }

    private void Fail(Exception fault)
    {
        lock (gate)
        {
            if (isStopped) return;
            renewalsFailed++;
            if (isFailing) return;
            isFailing = true;
        }
        // A store that is broken has said so.
        if (fault is not StoreUnavailableException { IsBroken: true }) log.Write(LogEvents.LeaseNotRenewed, fault.Message);
    }

    /// <summary>Notes what a renewal has shown; the caller acts on the rest.</summary>
    private MembershipStep Arrive(LeaseView answer, long began)
    {
        var arrived = clock.MonotonicNanos;
        MembershipStep step;
        lock (gate)
        {
            if (isStopped) return MembershipStep.Nothing;
            step = core.Renewed(answer, began, arrived);
            Note(step);
            if (!step.IsReplaced && !step.MustJoin) Accept(answer, began, arrived, step);
            AwaitVerdict();
        }
        Tell();
        return step;
    }

    private void Accept(LeaseView answer, long began, long arrived, MembershipStep step)
    {
        if (isFailing)
        {
            isFailing = false;
            log.Write(LogEvents.LeaseRenewed, (began - renewedNanos) / NanosPerMilli);
        }
        if (began > renewedNanos) Volatile.Write(ref renewedNanos, began);
        Follow(answer.NowMillis, began, arrived);
        // Where calls were lost during the pause, their actors stand down first: the next renewal opens the way for the rest. One that hangs does not keep them silent for ever.
        if (pausedAt == long.MinValue || began < pausedAt || !step.Lost.IsEmpty) return;
        if ((untoldLosses > 0 || IsStandingDown?.Invoke() == true) && arrived - pausedAt < leaseNanos) return;
        pausedAt = long.MinValue;
        Guard.Confirm(arrived);
    }

    private void Act(MembershipStep step)
    {
        if (step.MustJoin) _ = AgainAsync(() => store.JoinAsync(core.Self).AsTask());
        foreach (var plan in step.Takes) _ = AgainAsync(() => TakeAsync(plan, CancellationToken.None));
        foreach (var own in step.PutDown) _ = AgainAsync(() => store.GiveAsync(own.Instance, options.Name, own.Epoch, "").AsTask());
        foreach (var row in step.Forget) _ = AgainAsync(() => store.RemoveNodeAsync(row.Name, row.Incarnation, row.Renewals).AsTask());
    }

    /// <summary>Does what the next view would show as missing, and plan again, if it failed.</summary>
    private async Task AgainAsync(Func<Task> work)
    {
        try
        {
            await work().ConfigureAwait(false);
        }
        catch (StoreUnavailableException fault)
        {
            Fail(fault);
        }
#pragma warning disable CA1031 // As above.
        catch (Exception fault)
#pragma warning restore CA1031
        {
            if (!isStopped) log.Write(LogEvents.MembershipFault, fault);
        }
    }

    private async Task TakeAsync(TakePlan plan, CancellationToken cancellation)
    {
        IReadOnlyList<InstanceOwnership> taken;
        try
        {
            taken = await store.TakeAsync(options.Name, plan.Instances, plan.Unrenewed, cancellation).ConfigureAwait(false);
        }
        catch
        {
            lock (gate) core.TakeEnded(plan);
            throw;
        }
        lock (gate)
        {
            if (isStopped) return;
            Note(core.Taken(plan, taken));
            if (taken.Count > 0) news.Enqueue(() => Gain(plan, taken));
        }
        Tell();
    }

    private void Gain(TakePlan plan, IReadOnlyList<InstanceOwnership> taken)
    {
        log.Write(LogEvents.InstancesTaken, taken.Count, plan.From.Length == 0 ? "nobody" : plan.From);
        foreach (var receiver in receivers) receiver.OnGained(taken, plan.LostAtMillis, plan.IsHandedOver);
    }

    /// <summary>Puts what a step tells into the order of the news. Under the lock.</summary>
    private void Note(MembershipStep step)
    {
        if (step.IsReplaced)
        {
            isReplaced = true;
            log.Write(LogEvents.NodeReplaced, options.Name);
        }
        if (!step.Lost.IsEmpty)
        {
            lost += step.Lost.Length;
            log.Write(LogEvents.InstancesLost, step.Lost.Length);
            untoldLosses++;
            news.Enqueue(() =>
            {
                try
                {
                    foreach (var receiver in receivers) receiver.OnLost(step.Lost);
                }
                finally
                {
                    lock (gate) untoldLosses--;
                }
            });
        }
        if (step.Changed is not { } changed) return;
        Volatile.Write(ref view, changed.Now);
        news.Enqueue(() => Change(changed.Before, changed.Now));
    }

    private void Change(ClusterView before, ClusterView now)
    {
        foreach (var node in now.Nodes.Where(node => node.Name != options.Name && before.Find(node.Name)?.Incarnation != node.Incarnation)) log.Write(LogEvents.NodeJoined, node.Name);
        foreach (var node in before.Nodes.Where(node => now.Find(node.Name) is null))
        {
            log.Write(LogEvents.NodeGone, node.Name);
            // It may live, cut off from the database alone: then it shall not sound beside its successors.
            if (node.Name != options.Name) links?.Send(node.Name, LinkChannel.Control, new[] { PutOut });
        }
        foreach (var receiver in receivers) receiver.OnViewChanged(before, now);
    }

    /// <summary>Tells the news, one at a time and outside the lock, whoever brought them.</summary>
    private void Tell()
    {
        lock (gate)
        {
            if (isTelling) return;
            isTelling = true;
        }
        while (true)
        {
            Action tell;
            lock (gate)
            {
                if (!news.TryDequeue(out tell!))
                {
                    isTelling = false;
                    return;
                }
            }
            try
            {
                tell();
            }
#pragma warning disable CA1031 // One receiver's bug must not keep the news from all others.
            catch (Exception fault)
#pragma warning restore CA1031
            {
                log.Write(LogEvents.MembershipFault, fault);
            }
        }
    }

    /// <summary>A renewal on its way.</summary>
    private sealed class Attempt(long began) : IDisposable
    {
        private readonly CancellationTokenSource source = new();
        private bool isDisposed;

        public long Began => began;

        public CancellationToken Token => source.Token;

        public void Cancel()
        {
            if (!isDisposed) source.Cancel();
        }

        public void Dispose()
        {
            isDisposed = true;
            source.Dispose();
        }
    }
}
