using Cti.Calls.Api;
using Cti.Kernel;
using Cti.Sip;
using Cti.Storage;
using Cti.Testing;

namespace Cti.Server.Tests.Nodes;

/// <summary>A node whose journal turned out to be damaged or gone.</summary>
public sealed class BrokenJournalTests
{
    private readonly Breakage breakage = new();
    private readonly CountedLog log = new();

    private (NodeBench Bench, RawPeer Phone, string Call, SipResponse Ok) Answered(int maxAnswerSeconds = 60)
    {
        var bench = new NodeBench(faults: breakage, log: log);
        var phone = bench.Peer("192.0.2.10");
        phone.Invite("100", "Contact: <sip:caller@192.0.2.10>");
        var call = bench.Expect("sys.call.on_incoming").GetProperty("res_id").GetString()!;
        phone.Response(180);
        bench.Ask("sys.call.answer", ("res_id", call), ("max_answer_seconds", maxAnswerSeconds)).Error.ShouldBeNull();
        var ok = phone.Response(200);
        InDialog(phone, ok, "ACK", 1);
        bench.Expect("sys.call.on_answer_completed");
        return (bench, phone, call, ok);
    }

    private static void InDialog(RawPeer peer, SipResponse ok, string method, int number) => peer.Send($"""
        {method} {ok.Contact!.Uri} SIP/2.0
        Via: SIP/2.0/UDP {peer.Local};branch=z9hG4bK{method}{number}
        Max-Forwards: 70
        From: <sip:caller@{peer.Local.Address}>;tag=caller
        To: {ok.Get(HeaderId.To)}
        Call-ID: {ok.CallId}
        CSeq: {number} {method}
        """);

    [Fact]
    public void Nothing_new_is_taken_and_nothing_is_promised()
    {
        var (bench, _, call, _) = Answered();
        bench.Server.IsReady.ShouldBeTrue();
        breakage.WhyBroken = "journal.db: the file was deleted";
        bench.Server.IsReady.ShouldBeFalse("before anything was written");
        bench.Server.Journal.WhyBroken.ShouldBe("journal.db: the file was deleted");
        var caller = bench.Peer("192.0.2.11");
        caller.Invite("100", "Contact: <sip:caller@192.0.2.11>");
        caller.Response(503);
        bench.Ask("sys.call.construct", ("to_uri", "sip:1@192.0.2.10"), ("max_answer_seconds", 60)).Error!.Code.ShouldBe(ErrorCodes.Unavailable);
        bench.Ask("sys.call.drop", ("res_id", call)).Error!.Code.ShouldBe(ErrorCodes.Unavailable);
        bench.Runtime.Advance(120_000);
        log.Count(LogEvents.JournalUnreachable).ShouldBe(0, "the store itself says what is wrong");
        log.Count(LogEvents.LeaseNotRenewed).ShouldBe(0);
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_call_goes_on_and_its_far_end_may_hang_up()
    {
        var (bench, phone, _, ok) = Answered();
        breakage.WhyBroken = "journal.db: the file was deleted";
        bench.Runtime.Advance(20_000);
        phone.Rest().ShouldBeEmpty("it is up");
        InDialog(phone, ok, "BYE", 2);
        phone.Response(200).CSeq.Method.ShouldBe("BYE");
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_limit_on_time_is_kept_because_nobody_else_would()
    {
        var (bench, phone, _, _) = Answered(maxAnswerSeconds: 30);
        breakage.WhyBroken = "journal.db: the file was deleted";
        bench.Runtime.Advance(29_000);
        phone.Rest().ShouldBeEmpty();
        bench.Runtime.Advance(2_000);
        phone.Respond(phone.Request("BYE"), 200);
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_node_that_stops_hangs_up_its_calls_without_having_written_it()
    {
        var (bench, phone, _, _) = Answered();
        breakage.WhyBroken = "journal.db: the file was deleted";
        bench.Runtime.Advance(2_000);
        bench.Server.DropAll();
        phone.Respond(phone.Request("BYE"), 200);
        bench.Runtime.Advance(1_000);
        phone.Rest().ShouldBeEmpty("once");
        bench.Crashes.ShouldBeEmpty();
    }

    private sealed class Breakage : IStoreFaults
    {
        private static readonly StoreOperation[] s_writes = [StoreOperation.Append, StoreOperation.Renew, StoreOperation.Sweep, StoreOperation.ReleasePermit];

        public string? WhyBroken { get; set; }

        public ValueTask BeforeAsync(StoreOperation operation, CancellationToken cancellation) =>
            WhyBroken is { } why && s_writes.Contains(operation)
                ? throw new StoreUnavailableException(why) { IsBroken = true } : ValueTask.CompletedTask;

        public ValueTask AfterAsync(StoreOperation operation, CancellationToken cancellation) => ValueTask.CompletedTask;
    }
}
