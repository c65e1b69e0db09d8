using Cti.Kernel;
using Cti.Persistence;

namespace Cti.Cluster.Membership;

/// <summary>
/// This node's place in the cluster: renews its lease, watches those of the others, takes what is nobody's and notices what it lost. The decisions are
/// <see cref="MembershipCore"/>'s; the parts drive it with timers, the store's answers and what the links report, under one lock.
/// <code>
///   Heartbeat, EarlyVerdict, links --> Renewals --> store
///                                                     |  LeaseView
///                                                     v
///   LeaseHold, ClockFollower, PauseWatch &lt;-- ClusterMember --> MembershipCore
///                                                     |  MembershipStep
///                                   +-----------------+-----------------+
///                                   v                                   v
///                             InstanceClaims --> store            ClusterNews --> subscribers
/// </code>
/// </summary>
public sealed class ClusterMember : ICluster, IInstanceLeases, ILinkReceiver
{
    /// <summary>Looks at the database's clock before anything is served; each but the first is quick.</summary>
    private const int LooksMax = 4;

    private readonly ClusterMemberOptions _options;
    private readonly IJournalStore _store;
    private readonly ClusterClock _clock;
    private readonly ILog _log;
    private readonly MembershipCore _core;
    private readonly MemberLife _life = new();
    private readonly LeaseHold _hold;
    private readonly DatabaseWitnesses _witnesses;
    private readonly StoreTrouble _trouble;
    private readonly ClusterNews _news;
    private readonly PauseWatch _pause;
    private readonly ClockFollower _follower;
    private readonly Renewals _renewals;
    private readonly Heartbeat _heart;
    private readonly EarlyVerdict _verdict;
    private readonly InstanceClaims _claims;

    /// <summary>Puts it together; nothing runs before <see cref="StartAsync"/>.</summary>
    public ClusterMember(ClusterMemberOptions options, IJournalStore store, ClusterClock clock, ITimers timers, ILog log)
    {
        _options = options;
        _store = store;
        _clock = clock;
        _log = log;
        _core = new MembershipCore(new NodeLease
        {
            Name = options.Name,
            Incarnation = options.Incarnation,
            LinkAddress = options.LinkAddress,
            IsGateway = options.IsGateway,
            IsMedia = options.IsMedia,
            Version = options.Version,
            StartedMillis = clock.UnixMillis,
        }, options.LeaseNanos, !options.IsShared, options.IsAllocated);
        _hold = new LeaseHold(options, _core, clock);
        _witnesses = new DatabaseWitnesses(options, _life, _hold, clock);
        _trouble = new StoreTrouble(_life, log);
        _news = new ClusterNews(options, _life, log);
        _pause = new PauseWatch(options, log);
        _follower = new ClockFollower(options, clock, new JournalLook(options, _life, store, clock, _trouble), log);
        _renewals = new Renewals(options, _life, _hold, _core, store, clock, _trouble, (answer, began) => _claims!.Act(Arrive(answer, began)));
        _heart = new Heartbeat(options, _life, _hold, clock, timers, _pause, _renewals, _witnesses, _news);
        _verdict = new EarlyVerdict(_life, _core, clock, timers, _renewals);
        _claims = new InstanceClaims(options, _life, _core, store, _news, _trouble, _renewals, clock);
        options.Links?.Receive(LinkChannel.Control, this);
    }

    /// <inheritdoc/>
    public string Self => _options.Name;

    /// <inheritdoc/>
    public ClusterView View => _news.View;

    /// <inheritdoc/>
    public bool IsCutOff => _hold.IsCutOff;

    /// <inheritdoc/>
    public bool MayBye => _witnesses.MayBye;

    /// <summary>Says whether this process may speak for its calls: closed after a pause, until a renewal has succeeded.</summary>
    public PauseGuard Guard => _pause.Guard;

    /// <inheritdoc/>
    public void Subscribe(IClusterEvents events) => _news.Subscribe(events);

    /// <summary>
    /// Joins the cluster and takes what is nobody's: what this node's last run left, what never had an owner and, where no other node can have the store,
    /// everything. What others own stays theirs.
    /// </summary>
    /// <exception cref="StoreUnavailableException">The store cannot be reached.</exception>
    /// <exception cref="StoreMismatchException">Other nodes use the store, and not every one has links.</exception>
    public async Task StartAsync(CancellationToken cancellation = default)
    {
        _core.Previous = await _store.JoinAsync(_core.Self, cancellation).ConfigureAwait(false);
        var began = _clock.MonotonicNanos;
        var first = await _store.RenewAsync(_core.Self, _core.KnownOwnership, cancellation).ConfigureAwait(false);
        if (_options.NeedsLinks && UnlinkedNodes.WhyNot(_options, first) is { } why)
        {
            await _store.RemoveNodeAsync(_options.Name, _options.Incarnation, cancellation: cancellation).ConfigureAwait(false);
            throw new StoreMismatchException(why);
        }
        var step = Arrive(first, began);
        for (var looks = 1; _follower.IsRough && looks < LooksMax; looks++)
        {
            began = _clock.MonotonicNanos;
            var again = await _store.RenewAsync(_core.Self, _core.KnownOwnership, cancellation).ConfigureAwait(false);
            lock (_life.Gate) _follower.Follow(again.NowMillis, began, _clock.MonotonicNanos);
        }
        foreach (var plan in step.Takes) await _claims.TakeAsync(plan, cancellation).ConfigureAwait(false);
        lock (_life.Gate)
        {
            _life.Run();
            _renewals.ContinueFrom(began);
            _heart.Start();
        }
    }

    /// <summary>Stops renewing and removes this node's row, so that nobody has to wait for its lease: after its calls are gone.</summary>
    public async Task StopAsync()
    {
        IReadOnlyList<RenewalAttempt> late;
        lock (_life.Gate)
        {
            if (_life.IsStopped) return;
            _life.Stop();
            _heart.Stop();
            _verdict.Stop();
            late = _renewals.Unanswered;
        }
        foreach (var attempt in late) attempt.Cancel();
        if (!_life.IsRunning || _hold.IsReplaced || !_options.IsShared) return;
        try
        {
            await _store.RemoveNodeAsync(_options.Name, _options.Incarnation).ConfigureAwait(false);
        }
        catch (StoreUnavailableException fault)
        {
            // The others find out by themselves, a lease later.
            _log.Write(LogEvents.LeaseNotRenewed, fault.Message);
        }
    }

    /// <summary>The cluster as it is seen from here, and what was done in it so far.</summary>
    public MembershipStatistics Snapshot()
    {
        lock (_life.Gate)
        {
            var (up, draining, dead) = _core.Count();
            var taken = _core.TakenByKind;
            // What was handed over is told as a loss, and is none.
            var lost = _news.Lost - _claims.HandedOver;
            return new MembershipStatistics(up, draining, dead, _core.Held,
                taken[(int)TakenFrom.Dead], taken[(int)TakenFrom.Given], taken[(int)TakenFrom.Own], taken[(int)TakenFrom.Nobody],
                _claims.HandedOver, lost, _trouble.Failed, _hold.SinceRenewedMillis, _clock.OffsetMillis, IsCutOff);
        }
    }

    /// <summary>From now on this node gets no instances, and its rendezvous winners are others.</summary>
    public void Drain()
    {
        lock (_life.Gate) _core.Drain();
        RenewNow();
    }

    /// <summary>Looks at once: something has changed that a renewal shows.</summary>
    public void RenewNow() => _renewals.BeginNow();

    /// <inheritdoc/>
    public bool Holds(int instance)
    {
        lock (_life.Gate) return _core.EpochOf(instance) is not null;
    }

    /// <inheritdoc/>
    public void Want(int instance)
    {
        MembershipStep step;
        lock (_life.Gate)
        {
            if (_life.IsStopped) return;
            _core.Want(instance);
            step = _life.IsRunning ? _core.TakeWanted(_clock.MonotonicNanos) : MembershipStep.Nothing;
        }
        _claims.Act(step);
    }

    /// <inheritdoc/>
    public void WantNoMore(int instance)
    {
        lock (_life.Gate) _core.WantNoMore(instance);
    }

    /// <summary>Instances of this node that another living, ready node ought to have.</summary>
    public IReadOnlyList<(int Instance, string To)> PlanGives()
    {
        lock (_life.Gate) return _core.PlanGives();
    }

    /// <summary>Hands an instance over; this node stands down when the store has said yes. False where it does not own the instance (any more).</summary>
    /// <exception cref="StoreUnavailableException">Whether it was handed over is unknown; the next renewal shows it.</exception>
    public Task<bool> GiveAsync(int instance, string to, CancellationToken cancellation = default) => _claims.GiveAsync(instance, to, cancellation);

    /// <summary>
    /// The store refused an append: the instance is another's, or cannot be written to as it stands. It is taken again where it is still this node's.
    /// </summary>
    public void Fenced(int instance, long epoch) => _claims.Fenced(instance, epoch);

    /// <summary>A peer's host has refused a connection to its address: no process listens there.</summary>
    public void PeerRefused(string node)
    {
        lock (_life.Gate)
        {
            _core.Refused(node);
            _verdict.Await();
        }
        RenewNow();
    }

    /// <inheritdoc/>
    public void OnMessage(string node, ReadOnlyMemory<byte> payload)
    {
        if (payload.IsEmpty) return;
        switch (payload.Span[0])
        {
            case ControlMessages.HaveAccess: _witnesses.Hear(); break;
            case ControlMessages.PutOut: BePutOut(node); break;
            case ControlMessages.AskAccess: _witnesses.Answer(node); break;
            default: break; // Of a newer version, which copes without an answer.
        }
    }

    /// <inheritdoc/>
    public void OnConnected(string node)
    {
        lock (_life.Gate) _core.Connected(node);
    }

    /// <inheritdoc/>
    public void OnBroken(string node)
    {
        lock (_life.Gate) _core.Broken(node);
        RenewNow();
    }

    /// <summary>Only a node that is cut off believes it: one that renews is nobody's to put out.</summary>
    private void BePutOut(string node)
    {
        if (!IsCutOff) return;
        _log.Write(LogEvents.PutOut, node);
        lock (_life.Gate) _news.Note(_core.PutOut());
        _news.Tell();
    }

    /// <summary>Notes what a renewal has shown; the caller acts on the rest.</summary>
    private MembershipStep Arrive(LeaseView answer, long began)
    {
        var arrived = _clock.MonotonicNanos;
        MembershipStep step;
        lock (_life.Gate)
        {
            if (_life.IsStopped) return MembershipStep.Nothing;
            step = _core.Renewed(answer, began, arrived);
            _news.Note(step);
            if (!step.IsReplaced && !step.MustJoin) Accept(answer, began, arrived, step);
            _verdict.Await();
        }
        _news.Tell();
        return step;
    }

    private void Accept(LeaseView answer, long began, long arrived, MembershipStep step)
    {
        if (_trouble.End()) _log.Write(LogEvents.LeaseRenewed, _hold.MillisUntil(began));
        _hold.Renew(began);
        _follower.Follow(answer.NowMillis, began, arrived);
        _pause.Renewed(began, arrived, !step.Lost.IsEmpty, _news.HasUntoldLosses);
    }
}
