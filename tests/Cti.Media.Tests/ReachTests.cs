using System.Net;
using Cti.Media.Files;
using Cti.Media.Rtp;
using Cti.Media.Session;

namespace Cti.Media.Tests;

/// <summary>Who is sent to before it has shown itself.</summary>
public sealed class ReachTests
{
    private static readonly byte[] Sound = new byte[160];

    private static MediaHarness Configured(FarEnd farEnd, MediaHarness? harness = null)
    {
        harness ??= new MediaHarness();
        harness.Session.Apply(MediaCommand.Configure(MediaHarness.Description() with { FarEnd = farEnd }));
        return harness;
    }

    [Fact]
    public void An_address_that_has_not_shown_itself_gets_nothing_at_all()
    {
        var harness = Configured(new FarEnd { Sources = [MediaHarness.Far.Address] });
        harness.Play(1, 0, 0, Prompt.FromLinear(new short[80_000]));
        harness.Session.Apply(MediaCommand.SendKeys(new SendKeysRequest(2, "123")));
        harness.Ticks(1000);
        harness.Session.Apply(MediaCommand.Close());
        harness.Ticks(5);
        harness.Sent.ShouldBeEmpty();
        harness.SentRtcp.ShouldBeEmpty();
        harness.Session.IsFinished.ShouldBeTrue();
    }

    [Fact]
    public void Once_it_has_shown_itself_it_gets_everything()
    {
        var farEnd = new FarEnd { Sources = [MediaHarness.Far.Address] };
        var harness = Configured(farEnd);
        harness.Ticks(10);
        harness.Sent.ShouldBeEmpty();
        Configured(farEnd with { Shown = MediaHarness.Far.Address }, harness);
        harness.Ticks(10);
        harness.Sent.Count.ShouldBe(10);
    }

    [Fact]
    public void A_victim_that_a_caller_names_gets_nothing_although_the_caller_has_shown_itself()
    {
        var harness = Configured(new FarEnd { Sources = [IPAddress.Parse("198.51.100.9")], Shown = IPAddress.Parse("198.51.100.9") });
        harness.Ticks(1000);
        harness.Sent.ShouldBeEmpty();
        harness.SentRtcp.ShouldBeEmpty();
    }

    [Fact]
    public void What_comes_from_an_address_pays_for_three_times_its_bytes_to_it_and_for_no_more()
    {
        var harness = Configured(new FarEnd());
        for (var i = 0; i < 4; i++) harness.Receive(MediaHarness.Pcma, Sound);
        harness.Ticks(500);
        var sent = harness.Sent.Sum(packet => packet.Payload.Length + 12) + harness.SentRtcp.Sum(rtcp => rtcp.Bytes.Length);
        sent.ShouldBeInRange(3 * 172 * 3, 4 * 172 * 3);
        harness.Receive(MediaHarness.Pcma, Sound, from: SocketAddressKey.From(IPEndPoint.Parse("192.0.2.1:9")));
        var before = harness.Sent.Count;
        harness.Ticks(10);
        harness.Sent.Count.ShouldBe(before);
    }

    [Fact]
    public void An_address_that_sends_as_telephones_do_gets_all_of_its_sound()
    {
        var harness = Configured(new FarEnd());
        harness.BeforeTick = _ => harness.Receive(MediaHarness.Pcma, Sound);
        harness.Ticks(500);
        harness.Sent.Count.ShouldBe(500);
    }

    [Fact]
    public void A_burst_saves_up_no_more_than_a_second()
    {
        var harness = Configured(new FarEnd());
        for (var i = 0; i < 2000; i++) harness.Receive(MediaHarness.Pcma, Sound);
        harness.Ticks(500);
        harness.Sent.Count.ShouldBeInRange(45, 50);
    }
}
