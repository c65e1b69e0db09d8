using Cti.Persistence;

namespace Cti.Cluster.Membership;

/// <summary>
/// Brings the store to what was decided: takes instances, hands them over, puts down what this node must not own, and writes and removes rows of nodes. Nothing
/// is this node's before the store has said so.
/// </summary>
internal sealed class InstanceClaims(
    ClusterMemberOptions options,
    MemberLife life,
    MembershipCore core,
    IJournalStore store,
    ClusterNews news,
    StoreTrouble trouble,
    Renewals renewals,
    ClusterClock clock)
{
    /// <summary>Instances that this node handed over to others. Under the lock.</summary>
    public long HandedOver { get; private set; }

    /// <summary>Does what a renewal has shown to be missing.</summary>
    public void Act(MembershipStep step)
    {
        if (step.MustJoin) _ = trouble.TryAsync(() => store.JoinAsync(core.Self).AsTask());
        foreach (var plan in step.Takes) _ = trouble.TryAsync(() => TakeAsync(plan, CancellationToken.None));
        foreach (var own in step.PutDown) _ = trouble.TryAsync(() => store.GiveAsync(own.Instance, options.Name, own.Epoch, "").AsTask());
        foreach (var row in step.Forget) _ = trouble.TryAsync(() => store.RemoveNodeAsync(row.Name, row.Incarnation, row.Renewals).AsTask());
    }

    /// <summary>Takes instances of one owner, as far as they are still its.</summary>
    public async Task TakeAsync(TakePlan plan, CancellationToken cancellation)
    {
        IReadOnlyList<InstanceOwnership> taken;
        try
        {
            taken = await store.TakeAsync(options.Name, plan.Instances, plan.Unrenewed, cancellation).ConfigureAwait(false);
        }
        catch
        {
            lock (life.Gate) core.TakeEnded(plan);
            throw;
        }
        MembershipStep rest;
        lock (life.Gate)
        {
            if (life.IsStopped) return;
            news.Note(core.Taken(plan, taken));
            if (taken.Count > 0) news.NoteGain(plan, taken);
            rest = core.TakeWanted(clock.MonotonicNanos);
        }
        news.Tell();
        Act(rest);
    }

    /// <summary>Hands an instance over. False where this node does not own it (any more).</summary>
    public async Task<bool> GiveAsync(int instance, string to, CancellationToken cancellation)
    {
        long epoch;
        lock (life.Gate)
        {
            if (core.EpochOf(instance) is not { } held) return false;
            epoch = held;
        }
        var isGiven = await store.GiveAsync(instance, options.Name, epoch, to, cancellation).ConfigureAwait(false);
        if (!isGiven)
        {
            renewals.BeginNow();
            return false;
        }
        lock (life.Gate)
        {
            HandedOver++;
            news.Note(core.Given(instance, epoch, to));
        }
        news.Tell();
        return true;
    }

    /// <summary>The store refused an append: lets go of the instance, and looks whose it is.</summary>
    public void Fenced(int instance, long epoch)
    {
        lock (life.Gate) news.Note(core.Fenced(instance, epoch));
        news.Tell();
        renewals.BeginNow();
    }
}
