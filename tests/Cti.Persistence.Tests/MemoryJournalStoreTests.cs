using Cti.Persistence.Memory;

namespace Cti.Persistence.Tests;

public sealed class MemoryJournalStoreTests : JournalStoreSpecification
{
    private readonly MemoryDisk _disk = new();

    protected override IJournalStore Create() => new MemoryJournalStore(_disk);

    [Fact]
    public async Task Every_operation_completes_before_it_returns()
    {
        var claim = Store.ClaimAsync("a", [0]);
        claim.IsCompletedSuccessfully.ShouldBeTrue();
        var append = Store.AppendAsync([Entries(0, (await claim)[0].Epoch, 0)]);
        append.IsCompletedSuccessfully.ShouldBeTrue();
        (await append).ShouldBe([AppendOutcome.Accepted]);
    }

    [Fact]
    public async Task Two_stores_on_one_disk_see_each_other_and_fence_each_other()
    {
        await using var second = Create();
        await second.OpenAsync(Instances);
        var epoch = await ClaimAsync(0);
        await AppendAsync(Entries(0, epoch, 0));
        (await second.ClaimAsync("b", [0]))[0].ShouldBe(new InstanceOwnership(0, "b", epoch + 1, 1));
        (await AppendAsync(Entries(0, epoch, 1))).ShouldBe(AppendOutcome.Fenced);
    }
}
