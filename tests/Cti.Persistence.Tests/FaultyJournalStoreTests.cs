using Cti.Persistence.Memory;
using Cti.Testing;

namespace Cti.Persistence.Tests;

/// <summary>The fault-injecting store passes the whole specification when nothing goes wrong, and goes wrong on demand.</summary>
public sealed class FaultyJournalStoreTests : JournalStoreSpecification
{
    private readonly MemoryDisk _disk = new();
    private readonly ScriptedStoreFaults _faults = new();

    protected override IJournalStore Create() => new FaultyJournalStore(new MemoryJournalStore(_disk), _faults);

    [Fact]
    public async Task A_failure_before_the_append_leaves_nothing_and_one_after_it_leaves_everything()
    {
        var epoch = await ClaimAsync(0);
        _faults.FailNext(StoreOperation.Append);
        await Should.ThrowAsync<StoreUnavailableException>(() => AppendAsync(Entries(0, epoch, 0)));
        (await Store.ReadOwnershipAsync())[0].Tail.ShouldBe(0);
        _faults.FailNext(StoreOperation.Append, applied: true);
        await Should.ThrowAsync<StoreUnavailableException>(() => AppendAsync(Entries(0, epoch, 0)));
        (await Store.ReadOwnershipAsync())[0].Tail.ShouldBe(1);
        (await AppendAsync(Entries(0, epoch, 0))).ShouldBe(AppendOutcome.TailMismatch);
        (await AppendAsync(Entries(0, epoch, 1))).ShouldBe(AppendOutcome.Accepted);
    }

    [Fact]
    public async Task A_held_append_is_answered_when_its_gate_opens()
    {
        var epoch = await ClaimAsync(0);
        var gate = _faults.HoldNext(StoreOperation.Append, applied: true);
        var append = AppendAsync(Entries(0, epoch, 0));
        append.IsCompleted.ShouldBeFalse();
        (await Store.ReadOwnershipAsync())[0].Tail.ShouldBe(1);
        gate.SetResult();
        (await append).ShouldBe(AppendOutcome.Accepted);
    }
}
