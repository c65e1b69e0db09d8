using Cti.Cluster.Links;
using Cti.Kernel;

namespace Cti.Cluster.Tests.Links;

public sealed class NodeLinksTests
{
    [Fact]
    public void Two_nodes_have_one_link_and_each_hears_the_other_in_order()
    {
        var world = new LinkWorld();
        world.Network.Splits = true;
        var (a, b) = (world.Add("a"), world.Add("b"));
        world.Introduce();
        world.Runtime.Advance(1000);
        for (var i = 0; i < 50; i++)
        {
            a.Say("b", $"to b {i}").ShouldBeTrue();
            b.Say("a", $"to a {i}").ShouldBeTrue();
            if (i % 7 == 0) world.Runtime.Advance(3);
        }
        world.Runtime.Advance(100);

        world.Network.Opened.ShouldBe(1);
        a.Heard.ShouldBe(["b up", .. Enumerable.Range(0, 50).Select(static i => $"b: to a {i}")]);
        b.Heard.ShouldBe(["a up", .. Enumerable.Range(0, 50).Select(static i => $"a: to b {i}")]);
        world.Runtime.Advance(60_000);
        a.Links.IsConnected("b").ShouldBeTrue("pings keep a silent link up");
        world.Network.Opened.ShouldBe(1);
    }

    [Fact]
    public void Seven_nodes_that_start_at_once_have_one_link_a_pair()
    {
        for (var seed = 1UL; seed <= 20; seed++)
        {
            var world = new LinkWorld(seed);
            world.Network.DelayMillis = (1, 400);
            for (var i = 0; i < 7; i++) world.Add($"n{i}");
            world.Introduce();
            world.Runtime.Advance(10_000);
            world.Network.OpenStreams.ShouldBe(2 * 21);
            foreach (var node in world.Nodes.Values)
            {
                foreach (var peer in world.Nodes.Keys.Where(peer => peer != node.Node.Name)) node.Say(peer, "hello").ShouldBeTrue();
            }
            world.Runtime.Advance(1000);
            foreach (var node in world.Nodes.Values) node.Texts.Count().ShouldBe(6);
        }
    }

    [Fact]
    public void A_node_with_another_secret_is_refused_and_said_so_once()
    {
        var world = new LinkWorld();
        var a = world.Add("a");
        var b = world.Add("b", secret: "another secret, long enough");
        world.Introduce();
        world.Runtime.Advance(20_000);

        a.Links.IsConnected("b").ShouldBeFalse();
        b.Links.IsConnected("a").ShouldBeFalse();
        a.Heard.ShouldBeEmpty();
        b.Heard.ShouldBeEmpty();
        a.Log.Lines.ShouldBe(["no link with b: it does not prove that it is that node and knows the cluster's secret"]);
    }

    [Theory]
    [InlineData(1, 2)]
    [InlineData(2, 1)]
    public void Two_versions_of_links_refuse_each_other_and_both_logs_name_both(int ofA, int ofB)
    {
        var world = new LinkWorld();
        var a = world.Add("a", version: ofA);
        var b = world.Add("b", version: ofB);
        world.Introduce();
        world.Runtime.Advance(20_000);

        a.Links.IsConnected("b").ShouldBeFalse();
        a.Heard.ShouldBeEmpty();
        b.Heard.ShouldBeEmpty();
        const string Consequence = "; calls cannot be served together until both run programs of one version";
        a.Log.Lines.ShouldBe([$"no link with b: it speaks version {ofB} of the links between nodes, this node version {ofA}{Consequence}"],
            "said once, though tried again and again");
        b.Log.Lines.ShouldBe([$"no link with a: it speaks version {ofA} of the links between nodes, this node version {ofB}{Consequence}"]);
        a.Links.Snapshot().Refused.ShouldBeGreaterThan(1);
        world.Network.OpenStreams.ShouldBeLessThanOrEqualTo(1, "what was refused is closed");
    }

    [Fact]
    public void What_the_links_did_is_counted_on_both_sides_alike()
    {
        var world = new LinkWorld();
        var a = world.Add("a");
        var b = world.Add("b");
        a.Say("b", "too early").ShouldBeFalse();
        world.Introduce();
        world.Runtime.Advance(100);
        for (var i = 0; i < 10; i++) a.Say("b", "message").ShouldBeTrue();
        world.Runtime.Advance(10_050);

        var (ofA, ofB) = (a.Links.Snapshot(), b.Links.Snapshot());
        (ofA.Peers, ofA.Up, ofB.Peers, ofB.Up).ShouldBe((1, 1, 1, 1));
        ofA.WithoutLink.ShouldBe(1);
        ofA.FramesSent.ShouldBeGreaterThan(10, "the messages, and signs of life");
        (ofB.FramesReceived, ofB.BytesReceived).ShouldBe((ofA.FramesSent, ofA.BytesSent));
        (ofA.FramesReceived, ofA.BytesReceived).ShouldBe((ofB.FramesSent, ofB.BytesSent));
        world.Network.Kill("b");
        world.Runtime.Advance(1_000);
        (a.Links.Snapshot().Up, a.Links.Snapshot().Broken).ShouldBe((0, 1));
    }

    [Fact]
    public void A_short_secret_is_refused_at_once() =>
        Should.Throw<ArgumentException>(static () => new LinkWorld().Add("a", secret: "short")).Message.ShouldContain("at least 16 characters");

    [Fact]
    public void A_node_at_another_nodes_address_is_refused()
    {
        var world = new LinkWorld();
        var a = world.Add("a");
        world.Add("c", host: "b");
        a.Links.SetPeers([new() { Name = "b", Incarnation = "1", LinkAddress = "b:7000" }]);
        world.Runtime.Advance(5000);

        a.Links.IsConnected("b").ShouldBeFalse();
        world.Nodes["c"].Log.Lines.ShouldContain("no link with a: it calls itself a and looks for b; this is c");
    }

    [Fact]
    public void A_changed_byte_ends_the_link_and_nothing_of_the_changed_message_is_heard()
    {
        for (var offset = 0; offset < LinkCipher.OverheadBytes + 5; offset++)
        {
            var world = new LinkWorld();
            var (a, b) = (world.Add("a"), world.Add("b"));
            world.Introduce();
            world.Runtime.Advance(100);
            b.Heard.Clear();
            var at = offset;
            world.Network.Tamper = (from, _, bytes) =>
            {
                if (from == "a") bytes[at] ^= 0x01;
                return bytes;
            };
            a.Say("b", "hello");
            world.Runtime.Advance(2);
            world.Network.Tamper = null;
            world.Runtime.Advance(10_000);
            b.Heard.ShouldBe(["a broken", "a up"], $"byte {offset} changed");
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_message_that_is_repeated_or_left_out_by_the_network_ends_the_link(bool repeated)
    {
        var world = new LinkWorld();
        var (a, b) = (world.Add("a"), world.Add("b"));
        world.Introduce();
        world.Runtime.Advance(100);
        world.Network.Tamper = (from, _, bytes) => from != "a" ? bytes : repeated ? [.. bytes, .. bytes] : null;
        a.Say("b", "one");
        world.Runtime.Advance(2);
        world.Network.Tamper = null;
        a.Say("b", "two");
        world.Runtime.Advance(10);

        b.Texts.ShouldBe(repeated ? ["a: one"] : []);
        b.Heard.ShouldContain("a broken");
    }

    [Fact]
    public void What_was_recorded_on_one_connection_opens_none_later()
    {
        var world = new LinkWorld();
        var recorded = new List<byte[]>();
        var (a, b) = (world.Add("a"), world.Add("b"));
        world.Network.Tamper = (from, _, bytes) =>
        {
            if (from == "a") recorded.Add([.. bytes]);
            return bytes;
        };
        world.Introduce();
        world.Runtime.Advance(100);
        a.Say("b", "pay");
        world.Runtime.Advance(100);
        b.Texts.ShouldBe(["a: pay"]);
        world.Network.Tamper = null;
        a.Links.Stop();
        world.Runtime.Advance(100);
        b.Heard.Clear();

        var thief = new Thief();
        var stream = world.Network.For("thief").Connect("b:7000", thief);
        world.Runtime.Advance(10);
        foreach (var piece in recorded) stream.Send(piece);
        world.Runtime.Advance(10);

        thief.IsClosed.ShouldBeTrue();
        b.Heard.ShouldNotContain("a up");
        b.Texts.ShouldBeEmpty();
        b.Log.Lines.ShouldContain("no link with a: it does not prove that it knows the cluster's secret");
    }

    [Fact]
    public void A_link_that_broke_is_opened_again_at_once_and_both_sides_hear_it()
    {
        var world = new LinkWorld();
        var (a, b) = (world.Add("a"), world.Add("b"));
        world.Introduce();
        world.Runtime.Advance(1000);
        world.Network.Break("a", "b");
        a.Say("b", "nobody hears this").ShouldBeFalse();
        world.Runtime.Advance(50);
        a.Say("b", "again").ShouldBeTrue();
        world.Runtime.Advance(50);

        a.Heard.ShouldBe(["b up", "b broken", "b up"]);
        b.Heard.ShouldBe(["a up", "a broken", "a up", "a: again"]);
        world.Network.OpenStreams.ShouldBe(2);
    }

    [Fact]
    public void Both_sides_learn_within_milliseconds_that_nobody_listens_at_a_killed_nodes_address()
    {
        foreach (var killed in new[] { "a", "b" })
        {
            var world = new LinkWorld();
            var (a, b) = (world.Add("a"), world.Add("b"));
            world.Introduce();
            world.Runtime.Advance(1000);
            var (dead, alive) = killed == "a" ? (a, b) : (b, a);
            world.Network.Kill(killed);
            world.Runtime.Advance(20);
            alive.Heard.ShouldBe([$"{killed} up", $"{killed} broken", $"1002 {killed} refused"]);
            dead.Heard.Count.ShouldBe(1, "the dead hear nothing");
        }
    }

    [Fact]
    public void A_partition_breaks_the_link_after_its_silence_and_is_no_refusal()
    {
        var world = new LinkWorld();
        var (a, b) = (world.Add("a"), world.Add("b"));
        world.Introduce();
        world.Runtime.Advance(1000);
        world.Network.Cut("a", "b");
        world.Runtime.Advance(Limits.LinkSilenceMillis - Limits.LinkPingMillis - 100);
        a.Links.IsConnected("b").ShouldBeTrue();
        world.Runtime.Advance(20_000);
        a.Heard.ShouldBe(["b up", "b broken"]);
        b.Heard.ShouldBe(["a up", "a broken"]);

        world.Network.Heal();
        world.Runtime.Advance(6_000);
        a.Say("b", "back").ShouldBeTrue();
        world.Runtime.Advance(10);
        b.Heard.ShouldBe(["a up", "a broken", "a up", "a: back"]);
    }

    [Fact]
    public void A_short_partition_loses_nothing()
    {
        var world = new LinkWorld();
        var (a, b) = (world.Add("a"), world.Add("b"));
        world.Introduce();
        world.Runtime.Advance(1000);
        world.Network.Cut("a", "b");
        a.Say("b", "one").ShouldBeTrue();
        world.Runtime.Advance(900);
        a.Say("b", "two").ShouldBeTrue();
        world.Network.Heal();
        world.Runtime.Advance(10);
        b.Heard.ShouldBe(["a up", "a: one", "a: two"]);
    }

    [Fact]
    public void A_full_queue_refuses_and_takes_again_when_it_has_emptied()
    {
        var world = new LinkWorld();
        var (a, b) = (world.Add("a"), world.Add("b"));
        world.Introduce();
        world.Runtime.Advance(1000);
        world.Network.Cut("a", "b");
        var large = new byte[1024 * 1024];
        var taken = 0;
        while (a.Links.Send("b", LinkChannel.Requests, large)) taken++;
        taken.ShouldBe(15, "16 MiB with what is around each message");
        world.Network.Heal();
        world.Runtime.Advance(10);
        b.Texts.Count().ShouldBe(15);
        a.Say("b", "room again").ShouldBeTrue();
        world.Runtime.Advance(10);
        b.Texts.Last().ShouldBe("a: room again");
        b.Heard.ShouldNotContain("a broken");
    }

    [Fact]
    public void A_restarted_node_replaces_its_former_self_before_the_old_link_is_known_to_be_broken()
    {
        var world = new LinkWorld();
        var (a, b) = (world.Add("a"), world.Add("b"));
        world.Introduce();
        world.Runtime.Advance(1000);
        // The host lost its power: nobody is told.
        world.Network.Cut("a", "b");
        world.Network.Kill("b");
        world.Network.Heal();
        var again = world.Add("b", run: "2");
        world.Introduce();
        world.Runtime.Advance(500);

        a.Heard.ShouldBe(["b up", "b broken", "b up"]);
        a.Say("b", "welcome back").ShouldBeTrue();
        world.Runtime.Advance(10);
        again.Heard.ShouldBe(["a up", "a: welcome back"]);
        b.Texts.ShouldBeEmpty();
    }

    [Fact]
    public void A_node_that_left_the_cluster_loses_its_link_and_is_not_called_again()
    {
        var world = new LinkWorld();
        var (a, b) = (world.Add("a"), world.Add("b"));
        world.Introduce();
        world.Runtime.Advance(1000);
        a.Links.SetPeers([a.Node]);
        b.Links.SetPeers([b.Node]);
        world.Runtime.Advance(10_000);
        a.Heard.ShouldBe(["b up", "b broken"]);
        world.Network.Opened.ShouldBe(1);
    }

    [Fact]
    public void What_a_node_was_told_as_it_left_the_view_still_reaches_it()
    {
        var world = new LinkWorld();
        var (a, b) = (world.Add("a"), world.Add("b"));
        world.Introduce();
        world.Runtime.Advance(1000);
        a.Say("b", "you are out").ShouldBeTrue();
        a.Links.SetPeers([a.Node]);
        world.Runtime.Advance(Limits.LinkPartingMillis / 2);
        b.Heard.ShouldBe(["a up", "a: you are out"]);
        world.Runtime.Advance(Limits.LinkPartingMillis);
        b.Heard.Take(3).ShouldBe(["a up", "a: you are out", "a broken"]);
    }

    [Fact]
    public void A_node_that_is_back_in_the_view_at_once_keeps_its_link()
    {
        var world = new LinkWorld();
        var (a, b) = (world.Add("a"), world.Add("b"));
        world.Introduce();
        world.Runtime.Advance(1000);
        a.Links.SetPeers([a.Node]);
        world.Runtime.Advance(10);
        a.Links.SetPeers([a.Node, b.Node]);
        world.Runtime.Advance(2000);
        a.Heard.ShouldBe(["b up"]);
        world.Network.Opened.ShouldBe(1);
    }

    [Fact]
    public void Strangers_that_say_nothing_or_nonsense_are_closed()
    {
        var world = new LinkWorld();
        world.Add("a");
        var (silent, noisy) = (new Thief(), new Thief());
        world.Network.For("x").Connect("a:7000", silent);
        var stream = world.Network.For("y").Connect("a:7000", noisy);
        world.Runtime.Advance(10);
        stream.Send("GET / HTTP/1.1\r\n\r\n"u8.ToArray());
        world.Runtime.Advance(10);
        noisy.IsClosed.ShouldBeTrue();
        silent.IsClosed.ShouldBeFalse();
        world.Runtime.Advance(Limits.LinkHandshakeMillis + 200);
        silent.IsClosed.ShouldBeTrue();
        world.Network.OpenStreams.ShouldBe(0);
    }

    private sealed class Thief : ILinkStreamEvents
    {
        public bool IsClosed { get; private set; }

        public void OnOpened()
        {
        }

        public void OnData(ReadOnlySpan<byte> bytes)
        {
        }

        public void OnClosed(LinkStreamEnd end) => IsClosed = true;
    }
}
