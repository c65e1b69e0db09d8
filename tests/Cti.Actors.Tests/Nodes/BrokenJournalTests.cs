using Cti.Kernel;
using Cti.Persistence;
using Cti.Testing;

namespace Cti.Actors.Tests.Nodes;

/// <summary>A node whose journal turned out to be damaged or gone.</summary>
public sealed class BrokenJournalTests
{
    private readonly Breakage _breakage = new();
    private readonly CountedLog _log = new();

    private (NodeBench Bench, AnsweredCall Call) Answered(int maxAnswerSeconds = 60)
    {
        var bench = new NodeBench(faults: _breakage, log: _log);
        return (bench, AnsweredCall.On(bench, maxAnswerSeconds));
    }

    [Fact]
    public void Nothing_new_is_taken_and_nothing_is_promised()
    {
        var (bench, call) = Answered();
        bench.Server.IsReady.ShouldBeTrue();
        _breakage.WhyBroken = "journal.db: the file was deleted";
        bench.Server.IsReady.ShouldBeFalse("before anything was written");
        bench.Server.Journal.WhyBroken.ShouldBe("journal.db: the file was deleted");
        var caller = bench.Peer("192.0.2.11");
        caller.Invite("100", "Contact: <sip:caller@192.0.2.11>");
        caller.Response(503);
        bench.Server.CallsRefusedForJournal.ShouldBe(1, "an operator sees why");
        bench.Ask("sys.call.construct", ("to_uri", "sip:1@192.0.2.10"), ("max_answer_seconds", 60)).Error!.Code.ShouldBe(ErrorCodes.Unavailable);
        bench.Ask("sys.call.drop", ("res_id", call.Id)).Error!.Code.ShouldBe(ErrorCodes.Unavailable);
        bench.Runtime.Advance(120_000);
        _log.Count(LogEvents.JournalUnreachable).ShouldBe(0, "the store itself says what is wrong");
        _log.Count(LogEvents.LeaseNotRenewed).ShouldBe(0);
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_call_goes_on_and_its_far_end_may_hang_up()
    {
        var (bench, call) = Answered();
        _breakage.WhyBroken = "journal.db: the file was deleted";
        bench.Runtime.Advance(20_000);
        call.Phone.Rest().ShouldBeEmpty("it is up");
        call.Send("BYE", 2);
        call.Phone.Response(200).CSeq.Method.ShouldBe("BYE");
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_limit_on_time_is_kept_because_nobody_else_would()
    {
        var (bench, call) = Answered(maxAnswerSeconds: 30);
        _breakage.WhyBroken = "journal.db: the file was deleted";
        bench.Runtime.Advance(29_000);
        call.Phone.Rest().ShouldBeEmpty();
        bench.Runtime.Advance(2_000);
        call.Phone.Respond(call.Phone.Request("BYE"), 200);
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_node_that_stops_hangs_up_its_calls_without_having_written_it()
    {
        var (bench, call) = Answered();
        _breakage.WhyBroken = "journal.db: the file was deleted";
        bench.Runtime.Advance(2_000);
        bench.Server.DropAll();
        call.Phone.Respond(call.Phone.Request("BYE"), 200);
        bench.Runtime.Advance(1_000);
        call.Phone.Rest().ShouldBeEmpty("once");
        bench.Crashes.ShouldBeEmpty();
    }

    private sealed class Breakage : IStoreFaults
    {
        private static readonly StoreOperation[] Writes = [StoreOperation.Append, StoreOperation.Renew, StoreOperation.Sweep, StoreOperation.ReleasePermit];

        public string? WhyBroken { get; set; }

        public ValueTask BeforeAsync(StoreOperation operation, CancellationToken cancellation) =>
            WhyBroken is { } why && Writes.Contains(operation)
                ? throw new StoreUnavailableException(why) { IsBroken = true } : ValueTask.CompletedTask;

        public ValueTask AfterAsync(StoreOperation operation, CancellationToken cancellation) => ValueTask.CompletedTask;
    }
}
