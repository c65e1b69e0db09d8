using Akka.Actor;
using Akka.Persistence;

namespace Cti.Persistence.AkkaJournal;

/// <summary>Replay: who waits, and one read at a time for all of them, whatever their instances.</summary>
public sealed partial class CtiJournal
{
    private const int RetryMillisMin = 50, RetryMillisMax = 1000;

    private List<Recovery> _waiting = [];
    private List<Recovery> _reading = [];
    private int _retryMillis = RetryMillisMin;

    private void Replay(ReplayMessages request)
    {
        if (!_instances.TryFind(request.PersistenceId, out var instance, out var fault))
        {
            request.PersistentActor.Tell(new ReplayMessagesFailure(fault), Self);
            return;
        }
        _waiting.Add(new Recovery(request, instance, instance.Queued));
        Serve();
    }

    /// <summary>Answers who needs no read, and begins the next read for those who do, unless one is under way.</summary>
    private void Serve()
    {
        List<Recovery> rest = [], next = [];
        foreach (var recovery in _waiting)
        {
            if (recovery.Instance.Journal.IsDeposed) Fail(recovery, JournalInstances.Deposed(recovery.Instance));
            else if (recovery.Instance.TakeUnread(recovery.Id) is { } entries) Answer(recovery, entries);
            else if (_reading.Count == 0 && recovery.Instance.IsSettled(recovery.Behind)) next.Add(recovery);
            else rest.Add(recovery);
        }
        _waiting = rest;
        if (next.Count == 0) return;
        _reading = next;
        Read();
    }

    private void Read() => ReadAsync(_instances.Store, [.. _reading.Select(static recovery => recovery.Instance.Journal.Instance).Distinct()])
        .PipeTo(Self, success: static read => new JournalsRead(read), failure: static fault => new ReadFailed(fault));

    private static async Task<IReadOnlyDictionary<int, IReadOnlyList<JournalEntry>>> ReadAsync(IJournalStore store, int[] instances) =>
        await store.ReadJournalsAsync(instances).ConfigureAwait(false);

    private void Take(JournalsRead read)
    {
        _retryMillis = RetryMillisMin;
        var recoveries = _reading;
        _reading = [];
        foreach (var ofInstance in recoveries.GroupBy(static recovery => recovery.Instance))
        {
            var instance = ofInstance.Key;
            var resources = read.Journals[instance.Journal.Instance].GroupBy(static entry => entry.ResourceId)
                .ToDictionary(static group => group.Key, static group => group.ToList(), StringComparer.Ordinal);
            instance.Keep(resources);
            foreach (var recovery in ofInstance)
            {
                // A deposed node may have read behind its successor.
                if (instance.Journal.IsDeposed) Fail(recovery, JournalInstances.Deposed(instance));
                else Answer(recovery, instance.TakeUnread(recovery.Id) ?? resources.GetValueOrDefault(recovery.Id, []));
            }
        }
        Serve();
    }

    private void Take(ReadFailed failed)
    {
        if (failed.Fault is StoreUnavailableException { IsBroken: false })
        {
            // Away, as long as it takes: those who wait go on waiting, and whoever comes joins the read after.
            Timers.StartSingleTimer(nameof(ReadAgain), ReadAgain.Instance, TimeSpan.FromMilliseconds(_retryMillis));
            _retryMillis = Math.Min(RetryMillisMax, _retryMillis * 2);
            return;
        }
        var recoveries = _reading;
        _reading = [];
        foreach (var recovery in recoveries) Fail(recovery, failed.Fault);
        Serve();
    }

    private void Answer(Recovery recovery, IReadOnlyList<JournalEntry> entries)
    {
        try
        {
            recovery.Request.PersistentActor.Tell(new RecoverySuccess(Replay(recovery.Request, entries)), Self);
        }
        catch (Exception unreadable)
        {
            // An event adapter that cannot read what was stored is that actor's trouble alone.
            Fail(recovery, unreadable);
        }
    }

    /// <summary>Tells the actor what it asked for of its entries; answers the highest sequence number, deleted ones included.</summary>
    private long Replay(ReplayMessages request, IReadOnlyList<JournalEntry> entries)
    {
        var (highest, deleted) = EventForm.Bounds(entries);
        var left = request.Max;
        foreach (var entry in entries)
        {
            if (left <= 0) break;
            var sequence = EventForm.Sequence(entry);
            if (EventForm.IsDeletion(entry) || sequence <= deleted || sequence < request.FromSequenceNr || sequence > request.ToSequenceNr) continue;
            left--;
            foreach (var replayed in AdaptFromJournal(EventForm.Event(entry)))
                request.PersistentActor.Tell(new ReplayedMessage(replayed), ActorRefs.NoSender);
        }
        return highest;
    }

    private void Fail(Recovery recovery, Exception fault) => recovery.Request.PersistentActor.Tell(new ReplayMessagesFailure(fault), Self);

    /// <summary>An actor that recovers.</summary>
    /// <param name="Request">What it asked.</param>
    /// <param name="Instance">Where.</param>
    /// <param name="Behind">The append behind which the read must be.</param>
    private sealed record Recovery(ReplayMessages Request, OpenInstance Instance, long Behind)
    {
        internal string Id => Request.PersistenceId;
    }

    private sealed record JournalsRead(IReadOnlyDictionary<int, IReadOnlyList<JournalEntry>> Journals);

    private sealed record ReadFailed(Exception Fault);

    private sealed class ReadAgain
    {
        internal static readonly ReadAgain Instance = new();
    }
}
