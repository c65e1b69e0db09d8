using Cti.Actors.Calls;
using Cti.Actors.Conferences;
using Cti.Actors.Extensions;
using Cti.Actors.Resources;
using Cti.Actors.Hosting;
using Cti.Actors.Trunks;
using Cti.Calls.Call;
using Cti.Calls.Conference;
using Cti.Calls.Extensions;
using Cti.Calls.Resources;
using Cti.Cluster.Membership;
using Cti.Kernel;
using Cti.Persistence;
using Cti.Persistence.Journal;

namespace Cti.Actors.Instances;

/// <summary>
/// Begins to serve the instances that this node gains, with the resources that their journals show alive, and stands down for those that it loses.
/// </summary>
internal sealed class InstanceKeeper(CallServices services, OwnedInstances owned, JournalWriter writer, IJournalStore store, CallPlacer placer, ActorHost system, bool isShared) : IClusterEvents
{
    /// <summary>Told which instances are served here from now on.</summary>
    public required Action<IReadOnlyList<int>> Served { get; init; }

    /// <summary>Journals of a start that are read at once, for memory's sake.</summary>
    private const int ReadsMax = 32;

    /// <summary>
    /// In so many parts a takeover reads the journals: few, because each part may need a new connection, which costs both ends more than the reading; and not one,
    /// because one slow answer of the store (a lost packet, a new connection) must not keep the calls of all others silent.
    /// </summary>
    private const int PartsMax = 3;
    private const int RetryMillisMin = 50, RetryMillisMax = 1000;

    private readonly Lock _gate = new();
    private readonly Dictionary<int, InstanceJournal> _recovering = [];
    // Its own lock: the membership asks under its lock.
    private readonly List<ResourceCell> _standingDown = [];
    private List<Gain>? _atStart = [];
    private volatile bool _isStopped;

    /// <summary>Whether something of a lost instance could still sound.</summary>
    public bool IsStandingDown
    {
        get
        {
            lock (_standingDown)
            {
                _standingDown.RemoveAll(static cell => cell.HasStoodDown);
                return _standingDown.Count > 0;
            }
        }
    }

    /// <inheritdoc/>
    public void OnGained(IReadOnlyList<InstanceOwnership> gained, long lostAtMillis, bool isHandedOver)
    {
        var gains = new List<Gain>(gained.Count);
        lock (_gate)
        {
            foreach (var claim in gained)
            {
                var journal = writer.Open(services.NodeName, claim);
                _recovering[claim.Instance] = journal;
                gains.Add(new Gain(journal, lostAtMillis, isHandedOver));
            }
            if (_atStart is not null)
            {
                _atStart.AddRange(gains);
                return;
            }
        }
        _ = BeginEachAsync(gains);
    }

    /// <inheritdoc/>
    public void OnLost(IReadOnlyList<int> instances)
    {
        var stoodDown = new HashSet<InstanceJournal>();
        lock (_gate)
        {
            foreach (var instance in instances)
            {
                if (_recovering.Remove(instance, out var journal)) journal.Depose();
                if (owned.Remove(instance) is not { } served) continue;
                served.Journal.Depose();
                served.Actor.Tell(new InstanceLost());
                stoodDown.Add(served.Journal);
            }
        }
        if (stoodDown.Count == 0) return;
        // In order of creation, so that a seed replays it.
        var lost = services.Directory.All.Where(cell => stoodDown.Contains(cell.Journal)).OrderBy(static cell => cell.Latest?.Id.ProcessId).ToList();
        lock (_standingDown)
        {
            _standingDown.RemoveAll(static cell => cell.HasStoodDown);
            _standingDown.AddRange(lost);
        }
        foreach (var cell in lost)
        {
            if (cell.Latest is { } resource) services.Directory.Remove(resource.Id, cell);
            cell.OnDeposed();
        }
    }

    /// <summary>Serves what was gained while the node started, all of it before anything of it acts; later gains follow as they come.</summary>
    public Task StartAsync()
    {
        List<Gain> gains;
        lock (_gate)
        {
            gains = _atStart ?? [];
            _atStart = null;
        }
        return BeginAllAsync(gains);
    }

    /// <summary>Gives up what is still being read.</summary>
    public void Stop() => _isStopped = true;

    private async Task BeginAllAsync(List<Gain> gains)
    {
        foreach (var some in gains.Chunk(ReadsMax)) await ReadAsync(some).ConfigureAwait(false);
        var recovered = new List<(ResourceCell Cell, long LostAtMillis)>();
        // A node that is alone says at its start what it cannot read; beside others it serves what it can.
        var served = gains.Count(gain => isShared ? ServeIfReadable(gain, recovered) : Serve(gain, recovered));
        system.Log.Write(LogEvents.InstancesClaimed, served, recovered.Count);
        // What other nodes write to is theirs to complete; a takeover looks at the files of its own calls.
        if (!isShared) CompleteWhatNobodyRecords(recovered.Select(static one => one.Cell.Latest));
        Begin(recovered, gains);
        foreach (var some in gains.Chunk(ReadsMax)) await RememberAsync(some).ConfigureAwait(false);
    }

    private async Task BeginEachAsync(List<Gain> gains)
    {
        var (served, live) = (0, 0);
        async Task BeginPartAsync(Gain[] part)
        {
            await ReadAsync(part).ConfigureAwait(false);
            foreach (var gain in part)
            {
                var recovered = new List<(ResourceCell Cell, long LostAtMillis)>();
                if (ServeIfReadable(gain, recovered)) Interlocked.Increment(ref served);
                Interlocked.Add(ref live, recovered.Count);
                Begin(recovered, [gain]);
            }
        }
        var parts = gains.Chunk((gains.Count + PartsMax - 1) / PartsMax).ToList();
        await Task.WhenAll(parts.Select(BeginPartAsync)).ConfigureAwait(false);
        system.Log.Write(LogEvents.InstancesRecovered, served, live);
        // The calls first: only a repeated request needs to know what was answered, and waits.
        await Task.WhenAll(parts.Select(RememberAsync)).ConfigureAwait(false);
    }

    private void Begin(List<(ResourceCell Cell, long LostAtMillis)> recovered, List<Gain> gains)
    {
        foreach (var (cell, lostAtMillis) in recovered) cell.Actor.Tell(new Recover(lostAtMillis));
        services.Post.OnServed();
        Served([.. gains.Select(static gain => gain.Journal.Instance)]);
    }

    private void CompleteWhatNobodyRecords(IEnumerable<ResourceState?> recovered)
    {
        services.Recordings.RepairAll(recovered.SelectMany(PathsOf).ToHashSet(StringComparer.Ordinal), (completed, isWhole) =>
        {
            if (completed > 0) system.Log.Write(LogEvents.RecordingsRepaired, completed);
            if (!isWhole) system.Log.Write(LogEvents.RecordingsNotLookedAt);
        });
    }

    /// <summary>Where a resource records to: it decides itself what becomes of those files.</summary>
    private static IEnumerable<string> PathsOf(ResourceState? resource) => ((string?[])(resource switch
    {
        CallState call => [(call.Action as RecordAction)?.FullPath, call.SideRecord?.FullPath, call.Bridge?.Spec?.RecordPath],
        ConferenceState conference => [conference.Recording?.FullPath],
        _ => [],
    })).OfType<string>();

    /// <summary>Reads what the journals show.</summary>
    private Task ReadAsync(Gain[] gains) => UntilReadAsync(gains, async () =>
    {
        var read = await store.ReadJournalsAsync(Wanted(gains)).ConfigureAwait(false);
        foreach (var gain in gains) gain.Entries = read.GetValueOrDefault(gain.Journal.Instance);
    });

    /// <summary>Reads what requests were answered, and tells it to the instances that are served.</summary>
    private Task RememberAsync(Gain[] gains) => UntilReadAsync(gains, async () =>
    {
        var read = await store.ReadIdempotencyAsync(Wanted(gains), system.Clock.UnixMillis - Limits.IdempotencyMillis).ConfigureAwait(false);
        foreach (var gain in gains)
        {
            if (read.TryGetValue(gain.Journal.Instance, out var rows)) gain.Actor?.Tell(new Remember(rows));
        }
    });

    private static int[] Wanted(Gain[] gains) => [.. gains.Where(static gain => !gain.Journal.IsDeposed).Select(static gain => gain.Journal.Instance)];

    /// <summary>Again and again while the store cannot be reached: the instances wait for nobody else.</summary>
    private async Task UntilReadAsync(Gain[] gains, Func<Task> read)
    {
        for (var retryMillis = RetryMillisMin; !_isStopped && gains.Any(static gain => !gain.Journal.IsDeposed); retryMillis = Math.Min(RetryMillisMax, retryMillis * 2))
        {
            try
            {
                await read().ConfigureAwait(false);
                return;
            }
            catch (StoreUnavailableException)
            {
                await PauseAsync(retryMillis).ConfigureAwait(false);
            }
        }
    }

    private bool ServeIfReadable(Gain gain, List<(ResourceCell Cell, long LostAtMillis)> recovered)
    {
        try
        {
            return Serve(gain, recovered);
        }
#pragma warning disable CA1031 // An instance that this version cannot read must not keep the others from being served.
        catch (Exception fault)
#pragma warning restore CA1031
        {
            system.Log.Write(LogEvents.InstanceUnreadable, gain.Journal.Instance, fault);
            return false;
        }
    }

    private bool Serve(Gain gain, List<(ResourceCell Cell, long LostAtMillis)> recovered)
    {
        var journal = gain.Journal;
        // Nobody may be told of a loss between the look and the beginning.
        lock (_gate)
        {
            if (gain.Entries is not { } entries || journal.IsDeposed) return false;
            if (_recovering.GetValueOrDefault(journal.Instance) == journal) _recovering.Remove(journal.Instance);
            foreach (var cell in Restore(journal, entries))
            {
                cell.IsHandedOver = gain.IsHandedOver;
                recovered.Add((cell, gain.LostAtMillis));
            }
            gain.Actor = system.Spawn($"instance {journal.Instance}", () => new InstanceActor(services, journal, placer, store));
            owned.Add(journal, gain.Actor);
            return true;
        }
    }

    private List<ResourceCell> Restore(InstanceJournal journal, IReadOnlyList<JournalEntry> entries)
    {
        var cells = new List<ResourceCell>();
        var states = new Dictionary<string, ResourceState>(StringComparer.Ordinal);
        foreach (var entry in entries) states[entry.ResourceId] = Fold(states.GetValueOrDefault(entry.ResourceId), entry);
        foreach (var state in states.Values)
        {
            var cell = CellOf(state, journal);
            cell.Restore(state);
            services.Directory.Add(state.Id, cell);
            cells.Add(cell);
        }
        return cells;
    }

    private static ResourceState Fold(ResourceState? state, JournalEntry entry) => ResourceId.TryParse(entry.ResourceId, out var id) ? id.Module switch
    {
        Modules.Call => CallDecider.Apply((CallState?)state, CallEntryCodec.Decode(entry.Version, entry.Payload.Span)),
        Modules.Conference => ConferenceDecider.Apply((ConferenceState?)state, ConferenceEntryCodec.Decode(entry.Version, entry.Payload.Span)),
        Modules.NotifyCall or Modules.CaptchaCall or Modules.DuoCallback => FlowDecider.Apply((FlowState?)state, FlowEntryCodec.Decode(entry.Version, entry.Payload.Span)),
        _ => throw new NotSupportedException($"the journal has a {id.Module}, which this version does not know"),
    } : throw new InvalidOperationException($"the journal names a resource {entry.ResourceId}");

    private ResourceCell CellOf(ResourceState state, InstanceJournal journal)
    {
        switch (state)
        {
            case ConferenceState:
                var conference = new ConferenceCell(journal);
                conference.Actor = system.Spawn($"conference {state.Id}", () => new ConferenceActor(services, services.Media, services.MediaProfile, conference));
                return conference;
            case FlowState:
                var flow = new FlowCell(journal);
                flow.Actor = system.Spawn($"flow {state.Id}", () => new FlowActor(services, flow, placer));
                return flow;
            default:
                var call = new CallCell(journal);
                call.Actor = system.Spawn($"call {state.Id}", () => new CallActor(services, call));
                return call;
        }
    }

    private Task PauseAsync(int millis)
    {
        var elapsed = new TaskCompletionSource();
        system.Timers.Schedule(millis, static state => ((TaskCompletionSource)state!).TrySetResult(), elapsed);
        return elapsed.Task;
    }

    private sealed class Gain(InstanceJournal journal, long lostAtMillis, bool isHandedOver)
    {
        public bool IsHandedOver { get; } = isHandedOver;
        public InstanceJournal Journal { get; } = journal;
        public long LostAtMillis { get; } = lostAtMillis;
        public IReadOnlyList<JournalEntry>? Entries { get; set; }
        public ActorHandle? Actor { get; set; }
    }
}
