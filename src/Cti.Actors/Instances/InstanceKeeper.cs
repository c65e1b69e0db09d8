using Cti.Actors.Calls;
using Cti.Actors.Conferences;
using Cti.Actors.Extensions;
using Cti.Actors.Hosting;
using Cti.Actors.Resources;
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
internal sealed class InstanceKeeper(CallServices services, OwnedInstances owned, JournalWriter writer, IJournalStore store, CallPlacer placer,
    ActorHost system, bool isShared) : IClusterEvents
{
    /// <summary>Told which instances are served here from now on.</summary>
    public required Action<IReadOnlyList<int>> Served { get; init; }

    /// <summary>Journals of a start that are read at once, for memory's sake.</summary>
    private const int ReadsMax = 32;

    /// <summary>
    /// In so many parts a takeover reads the journals: few, because each part may need a new connection, which costs both ends more than the reading; and not
    /// one, because one slow answer of the store (a lost packet, a new connection) must not keep the calls of all others silent.
    /// </summary>
    private const int PartsMax = 3;
    private const int RetryMillisMin = 50, RetryMillisMax = 1000;

    private readonly Lock _gate = new();
    private readonly Dictionary<int, InstanceJournal> _recovering = [];
    // Its own lock: the membership asks under its lock.
    private readonly List<ResourceListing> _standingDown = [];
    private List<Gain>? _atStart = [];
    private volatile bool _isStopped;

    /// <summary>Whether something of a lost instance could still sound.</summary>
    public bool IsStandingDown
    {
        get
        {
            lock (_standingDown)
            {
                _standingDown.RemoveAll(static resource => resource.HasStoodDown);
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
        var lost = services.Directory.InOrder(resource => stoodDown.Contains(resource.Journal));
        lock (_standingDown)
        {
            _standingDown.RemoveAll(static resource => resource.HasStoodDown);
            _standingDown.AddRange(lost);
        }
        foreach (var resource in lost)
        {
            services.Directory.Remove(resource);
            resource.OnDeposed();
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
        var recovered = new List<Restored>();
        // A node that is alone says at its start what it cannot read; beside others it serves what it can.
        var served = gains.Count(gain => isShared ? ServeIfReadable(gain, recovered) : Serve(gain, recovered));
        system.Log.Write(LogEvents.InstancesClaimed, served, recovered.Count);
        // What other nodes write to is theirs to complete; a takeover looks at the files of its own calls.
        if (!isShared) CompleteWhatNobodyRecords(recovered.Select(static one => one.Listing.Published));
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
                var recovered = new List<Restored>();
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

    private void Begin(List<Restored> recovered, List<Gain> gains)
    {
        foreach (var one in recovered) one.Listing.Actor.Tell(one.First);
        services.Post.OnServed();
        Served([.. gains.Select(static gain => gain.Journal.Instance)]);
    }

    private void CompleteWhatNobodyRecords(IEnumerable<ResourceState?> recovered)
    {
        // Where a resource records to: it decides itself what becomes of those files.
        var kept = recovered.SelectMany(static resource => resource?.RecordPaths ?? []).ToHashSet(StringComparer.Ordinal);
        services.Recordings.RepairAll(kept, (completed, isWhole) =>
        {
            if (completed > 0) system.Log.Write(LogEvents.RecordingsRepaired, completed);
            if (!isWhole) system.Log.Write(LogEvents.RecordingsNotLookedAt);
        });
    }

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
        for (var retryMillis = RetryMillisMin; !_isStopped && gains.Any(static gain => !gain.Journal.IsDeposed); retryMillis = Math.Min(RetryMillisMax,
            retryMillis * 2))
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

    private bool ServeIfReadable(Gain gain, List<Restored> recovered)
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

    private bool Serve(Gain gain, List<Restored> recovered)
    {
        var journal = gain.Journal;
        // Nobody may be told of a loss between the look and the beginning.
        lock (_gate)
        {
            if (gain.Entries is not { } entries || journal.IsDeposed) return false;
            if (_recovering.GetValueOrDefault(journal.Instance) == journal) _recovering.Remove(journal.Instance);
            recovered.AddRange(Restore(gain, entries));
            gain.Actor = system.Spawn($"instance {journal.Instance}", () => new InstanceActor(services, journal, placer, store));
            owned.Add(journal, gain.Actor);
            return true;
        }
    }

    private List<Restored> Restore(Gain gain, IReadOnlyList<JournalEntry> entries)
    {
        var states = new Dictionary<string, ResourceState>(StringComparer.Ordinal);
        foreach (var entry in entries) states[entry.ResourceId] = Fold(states.GetValueOrDefault(entry.ResourceId), entry);
        var restored = new List<Restored>(states.Count);
        foreach (var state in states.Values)
        {
            var listing = Begin(state, gain.Journal, gain.IsHandedOver);
            services.Directory.Add(state.Id, listing);
            var driven = state is FlowState ? states.Values.Where(other => other.Owner == state.Id.ToString()).ToList() : [];
            restored.Add(new Restored(listing, new Recover(gain.LostAtMillis) { Owned = driven }));
        }
        return restored;
    }

    private static ResourceState Fold(ResourceState? state, JournalEntry entry) => ResourceId.TryParse(entry.ResourceId, out var id) ? id.Module switch
    {
        Modules.Call => CallDecider.Apply((CallState?)state, CallEntryCodec.Decode(entry.Version, entry.Payload.Span)),
        Modules.Conference => ConferenceDecider.Apply((ConferenceState?)state, ConferenceEntryCodec.Decode(entry.Version, entry.Payload.Span)),
        Modules.NotifyCall or Modules.CaptchaCall or Modules.DuoCallback => FlowDecider.Apply((FlowState?)state,
            FlowEntryCodec.Decode(entry.Version, entry.Payload.Span)),
        _ => throw new NotSupportedException($"the journal has a {id.Module}, which this version does not know"),
    } : throw new InvalidOperationException($"the journal names a resource {entry.ResourceId}");

    private ResourceListing Begin(ResourceState state, InstanceJournal journal, bool isHandedOver)
    {
        switch (state)
        {
            case ConferenceState conference:
                return ConferenceActor.Begin(services, services.Media, services.MediaProfile, system, $"conference {state.Id}", journal, conference,
                    isHandedOver);
            case FlowState flow:
                return FlowActor.Begin(services, placer, system, $"flow {state.Id}", journal, flow);
            default:
                if (isHandedOver) services.Media.SoundsElsewhere(state.Id);
                return CallActor.Begin(services, system, $"call {state.Id}", journal, (CallState)state, isHandedOver);
        }
    }

    private Task PauseAsync(int millis)
    {
        var elapsed = new TaskCompletionSource();
        system.Timers.Schedule(millis, static state => ((TaskCompletionSource)state!).TrySetResult(), elapsed);
        return elapsed.Task;
    }

    /// <summary>A resource that the journal showed alive, and its first message.</summary>
    private sealed record Restored(ResourceListing Listing, Recover First);

    private sealed class Gain(InstanceJournal journal, long lostAtMillis, bool isHandedOver)
    {
        public bool IsHandedOver { get; } = isHandedOver;
        public InstanceJournal Journal { get; } = journal;
        public long LostAtMillis { get; } = lostAtMillis;
        public IReadOnlyList<JournalEntry>? Entries { get; set; }
        public ActorHandle? Actor { get; set; }
    }
}
