using Cti.Sip.Message;

namespace Cti.Actors.Tests.Nodes;

/// <summary>Nothing here can be subscribed to, and who asks for it learns so in the words of RFC 6665.</summary>
public sealed class SubscribeTests
{
    [Theory]
    [InlineData("Event: presence", 489)]
    [InlineData("o: dialog;id=7", 489)]
    [InlineData("Event: message-summary", 489)]
    [InlineData("", 489)]
    [InlineData("Event: refer;id=7", 403)]
    public void Outside_of_a_dialog_the_event_is_refused_and_nothing_is_kept(string more, int status)
    {
        var bench = new NodeBench();
        var phone = bench.Peer("192.0.2.10");
        phone.Send($"""
            SUBSCRIBE sip:100@10.0.0.100 SIP/2.0
            Via: SIP/2.0/UDP {phone.Local};branch=z9hG4bKs1
            Max-Forwards: 70
            From: <sip:caller@192.0.2.10>;tag=caller
            To: <sip:100@10.0.0.100>
            Call-ID: s-1
            CSeq: 1 SUBSCRIBE
            Contact: <sip:caller@192.0.2.10>
            Expires: 3600
            {more}
            """.Trim());
        phone.Response(status).Get(HeaderId.AllowEvents).ShouldBe("refer");
        bench.Server.TransactionCount.ShouldBe(0);
        bench.Crashes.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("Event: dialog", 489)]
    [InlineData("Event: refer", 403)]
    public void Within_a_dialog_too_and_the_call_goes_on(string more, int status)
    {
        var bench = new NodeBench();
        var (call, far, invite) = bench.Up(10);
        far.SendInDialog(invite, "SUBSCRIBE", 7, $"Contact: <sip:far@192.0.2.10>\nExpires: 0\n{more}");
        far.Response(status).Get(HeaderId.AllowEvents).ShouldBe("refer");
        // Its number counts: what is older comes too late.
        far.SendInDialog(invite, "OPTIONS", 6);
        far.Response(500);
        bench.Ask("sys.call.get", ("res_id", call)).Error.ShouldBeNull();
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void In_a_dialog_that_is_none_there_is_nothing()
    {
        var bench = new NodeBench();
        var (_, far, invite) = bench.Up(10);
        far.SendInDialog(invite, "BYE", 7);
        bench.Expect("sys.call.on_released");
        far.SendInDialog(invite, "SUBSCRIBE", 8, "Event: dialog");
        far.Response(481);
        bench.Crashes.ShouldBeEmpty();
    }
}
