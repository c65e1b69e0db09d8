using System.Text;
using Cti.Testing;

namespace Cti.Persistence.Tests;

/// <summary>What a new owner reads: journals, and what requests were answered.</summary>
public abstract partial class JournalStoreSpecification
{
    [Fact]
    public async Task Idempotency_rows_are_read_from_a_time_on_and_swept()
    {
        var epoch = await ClaimAsync(0);
        var (old, young) = (Guid.NewGuid(), Guid.NewGuid());
        await AppendAsync(new InstanceAppend
        {
            Instance = 0, Owner = "a", Epoch = epoch, ExpectedTail = 0, NewTail = 1,
            Idempotency =
            [
                new IdempotencyRow("app", young, ulong.MaxValue, 200, "{}"u8.ToArray()), new IdempotencyRow("app", old, 5, 100, "{\"result\":1}"u8.ToArray()),
            ],
        });
        var all = await Store.ReadIdempotencyAsync(0, 0);
        all.Select(row => (row.Application, row.RequestId, row.ParametersHash, row.UnixMillis))
            .ShouldBe([("app", old, 5, 100), ("app", young, ulong.MaxValue, 200)]);
        Encoding.UTF8.GetString(all[0].Reply.Span).ShouldBe("{\"result\":1}");
        (await Store.ReadIdempotencyAsync(0, 101)).ShouldHaveSingleItem().RequestId.ShouldBe(young);
        (await Store.ReadIdempotencyAsync(0, 200)).Count.ShouldBe(1);
        (await Store.ReadIdempotencyAsync(1, 0)).ShouldBeEmpty();
        await Store.SweepAsync(0, 200, 0);
        (await Store.ReadIdempotencyAsync(0, 0)).ShouldHaveSingleItem().RequestId.ShouldBe(young);
    }

    [Fact]
    public async Task What_a_new_owner_reads_of_several_instances_is_each_ones_own_and_in_order()
    {
        foreach (var instance in (int[])[1, 3, 4])
        {
            var epoch = await ClaimAsync(instance);
            await AppendAsync(Entries(instance, epoch, 0, 2, resource: $"r{instance}"));
            await AppendAsync(new InstanceAppend
            {
                Instance = instance, Owner = "a", Epoch = epoch, ExpectedTail = 2, NewTail = 3,
                Idempotency = [.. Enumerable.Range(0, instance).Select(i => new IdempotencyRow("app", Guid.NewGuid(), (ulong)i, 100 - i, "{}"u8.ToArray()))],
            });
        }
        var journals = await Store.ReadJournalsAsync([4, 0, 1]);
        journals.Keys.Order().ShouldBe([0, 1, 4]);
        journals[0].ShouldBeEmpty();
        foreach (var instance in (int[])[1, 4])
        {
            journals[instance].Select(static entry => entry.Position).ShouldBe([1, 2]);
            journals[instance].ShouldAllBe(entry => entry.ResourceId == $"r{instance}");
        }
        var answers = await Store.ReadIdempotencyAsync([3, 0, 4], 98);
        answers.Keys.Order().ShouldBe([0, 3, 4]);
        answers[0].ShouldBeEmpty();
        answers[3].Select(static row => row.UnixMillis).ShouldBe([98, 99, 100]);
        answers[4].Select(static row => row.UnixMillis).ShouldBe([98, 99, 100]);
        (await Store.ReadJournalsAsync([])).ShouldBeEmpty();
        await Should.ThrowAsync<ArgumentException>(async () => await Store.ReadJournalsAsync([0, Instances]));
        await Should.ThrowAsync<ArgumentException>(async () => await Store.ReadIdempotencyAsync([Instances], 0));
    }

    [Fact]
    public async Task A_later_result_of_the_same_request_replaces_the_earlier()
    {
        var epoch = await ClaimAsync(0);
        var id = Guid.NewGuid();
        for (var i = 0; i < 2; i++)
        {
            await AppendAsync(new InstanceAppend
            {
                Instance = 0, Owner = "a", Epoch = epoch, ExpectedTail = i, NewTail = i + 1,
                Idempotency = [new IdempotencyRow("app", id, (ulong)i, 100 + i, new[] { (byte)i })],
            });
        }
        var row = (await Store.ReadIdempotencyAsync(0, 0)).ShouldHaveSingleItem();
        (row.ParametersHash, row.UnixMillis, row.Reply.ToArray()[0]).ShouldBe((1UL, 101, (byte)1));
    }
}
