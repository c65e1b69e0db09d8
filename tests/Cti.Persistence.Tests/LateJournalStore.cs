using Cti.Persistence;
using Cti.Testing;

namespace Cti.Persistence.Tests;

/// <summary>Commits that a connection lost from sight.</summary>
internal sealed class LateCommits
{
    /// <summary>Appends of a batch that are left out while it is set: what a store must never do within one transaction, but may between two.</summary>
    public Func<InstanceAppend, bool>? KeepBack { get; set; }

    /// <summary>The next batch seems to fail, and is applied right after the next look at the tails.</summary>
    public bool LandsAfterNextRead { get; set; }

    /// <summary>Thrown by the next append.</summary>
    public Exception? Bug { get; set; }

    public IReadOnlyList<InstanceAppend>? OnTheWay { get; set; }
}

/// <summary>A store whose commits may land after the connection to it broke.</summary>
internal sealed class LateJournalStore(IJournalStore inner, LateCommits late) : ForwardingJournalStore(inner)
{
    public override async ValueTask<IReadOnlyList<InstanceOwnership>> ReadOwnershipAsync(CancellationToken cancellation = default)
    {
        var rows = await base.ReadOwnershipAsync(cancellation);
        if (late.OnTheWay is { } batch)
        {
            late.OnTheWay = null;
            await base.AppendAsync(batch, cancellation);
        }
        return rows;
    }

    public override async ValueTask<IReadOnlyList<AppendOutcome>> AppendAsync(IReadOnlyList<InstanceAppend> appends, CancellationToken cancellation = default)
    {
        if (late.Bug is { } bug) throw bug;
        if (late.LandsAfterNextRead)
        {
            late.LandsAfterNextRead = false;
            late.OnTheWay = appends;
            throw new StoreUnavailableException("the connection broke");
        }
        if (late.KeepBack is { } keptBack) return await base.AppendAsync([.. appends.Where(append => !keptBack(append))], cancellation);
        return await base.AppendAsync(appends, cancellation);
    }
}
