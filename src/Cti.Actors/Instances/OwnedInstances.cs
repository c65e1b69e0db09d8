using Cti.Actors.Hosting;
using Cti.Persistence.Journal;

namespace Cti.Actors.Instances;

/// <summary>The instances that this node owns and serves now; they come and go while it runs. Readers take no lock.</summary>
/// <param name="count">How many instances the cluster has.</param>
internal sealed class OwnedInstances(int count)
{
    private readonly Lock _gate = new();
    private readonly Owned?[] _slots = new Owned?[count];
    private Owned[] _all = [];
    private int _next;

    /// <summary>How many instances the cluster has.</summary>
    public int ClusterCount => _slots.Length;

    /// <summary>How many this node serves.</summary>
    public int Count => Volatile.Read(ref _all).Length;

    /// <summary>The actor of an instance; null where another node owns it, or it is being recovered.</summary>
    public ActorHandle? ActorOf(int instance) => Volatile.Read(ref _slots[instance]) is { IsClosed: false } owned ? owned.Actor : null;

    /// <summary>The journal of an instance; null where another node owns it, or it is being recovered.</summary>
    public InstanceJournal? JournalOf(int instance) => Volatile.Read(ref _slots[instance])?.Journal;

    /// <summary>The instance for a call that came in, in turn; null where there is none.</summary>
    public InstanceJournal? Next()
    {
        var now = Volatile.Read(ref _all);
        return now.Length == 0 ? null : now[(int)((uint)Interlocked.Increment(ref _next) % (uint)now.Length)].Journal;
    }

    /// <summary>One of this node's own, by a random number; null where there is none.</summary>
    public int? Pick(ulong random)
    {
        var now = Volatile.Read(ref _all);
        return now.Length == 0 ? null : now[(int)(random % (ulong)now.Length)].Journal.Instance;
    }

    /// <summary>Begins to serve an instance.</summary>
    public void Add(InstanceJournal journal, ActorHandle actor)
    {
        lock (_gate)
        {
            Volatile.Write(ref _slots[journal.Instance], new Owned(journal, actor));
            Publish();
        }
    }

    /// <summary>The instance is about to move: from now on nothing new finds it here.</summary>
    public void Close(int instance) => SetClosed(instance, true);

    /// <summary>It does not move after all.</summary>
    public void Reopen(int instance) => SetClosed(instance, false);

    private void SetClosed(int instance, bool isClosed)
    {
        lock (_gate)
        {
            if (_slots[instance] is not { } owned) return;
            owned.Journal.IsClosed = isClosed;
            Volatile.Write(ref _slots[instance], owned with { IsClosed = isClosed });
            Publish();
        }
    }

    /// <summary>Ends to serve an instance; null where it was not served.</summary>
    public (InstanceJournal Journal, ActorHandle Actor)? Remove(int instance)
    {
        lock (_gate)
        {
            if (_slots[instance] is not { } owned) return null;
            Volatile.Write(ref _slots[instance], null);
            Publish();
            return (owned.Journal, owned.Actor);
        }
    }

    private void Publish() => Volatile.Write(ref _all, [.. _slots.OfType<Owned>().Where(static owned => !owned.IsClosed)]);

    private sealed record Owned(InstanceJournal Journal, ActorHandle Actor)
    {
        public bool IsClosed { get; init; }
    }
}
