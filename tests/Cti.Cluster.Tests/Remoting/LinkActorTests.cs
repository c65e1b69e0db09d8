using System.Text;
using Akka.Actor;
using Akka.Remote;
using Akka.TestKit;
using Akka.TestKit.Xunit2;
using Cti.Cluster.Membership;
using Cti.Cluster.Remoting;
using Cti.Kernel;

namespace Cti.Cluster.Tests.Remoting;

/// <summary>A node's link actor, and a peer that is played by hand.</summary>
public sealed class LinkActorTests : TestKit, ILinkReceiver
{
    private readonly RemoteLinks _links;
    private readonly IActorRef _actor;
    private readonly WrittenLog _log = new();
    private readonly List<string> _heard = [];
    private readonly List<string> _refused = [];
    private long _mine;
    private readonly HandProbe _probe = new();
    private readonly HandClock _clock = new();

    public LinkActorTests()
    {
        _links = new RemoteLinks("a", "run", 2, _clock, _log, _probe, _refused.Add);
        _links.Receive(LinkChannel.Requests, this);
        _actor = Sys.ActorOf(Props.Create(() => new LinkActor(_links)), LinkActor.Name);
        _links.Use(_actor);
    }

    [Fact]
    public void A_greeting_brings_a_link_up_on_which_frames_pass_in_order()
    {
        var peer = Up(77);
        peer.Send(_actor, Frame(77, 1, "one"));
        peer.Send(_actor, Frame(77, 2, "two"));
        Hears("b up", "b: one", "b: two");
        _links.Send("b", LinkChannel.Requests, "x"u8.ToArray()).ShouldBeTrue();
        var frame = peer.ExpectMsg<LinkFrame>();
        (frame.Number, Encoding.ASCII.GetString(frame.Payload.Span)).ShouldBe((1, "x"));
    }

    [Fact]
    public void A_frame_that_is_missing_ends_the_link_and_nothing_of_the_rest_is_heard()
    {
        var peer = Up(77);
        peer.Send(_actor, Frame(77, 1, "one"));
        peer.Send(_actor, Frame(77, 3, "three"));
        peer.Send(_actor, Frame(77, 4, "four"));
        Hears("b up", "b: one", "b broken");
        _links.IsConnected("b").ShouldBeFalse();
        _links.Send("b", LinkChannel.Requests, "x"u8.ToArray()).ShouldBeFalse();
    }

    [Fact]
    public void Frames_of_an_older_link_and_of_strangers_are_not_heard()
    {
        var peer = Up(77);
        peer.Send(_actor, new Greeting(2, 78, "b", "later", "a"));
        peer.ExpectMsg<Welcome>();
        peer.Send(_actor, Frame(77, 1, "old"));
        CreateTestProbe().Send(_actor, Frame(78, 1, "a stranger's"));
        peer.Send(_actor, Frame(78, 1, "new"));
        Hears("b up", "b broken", "b up", "b: new");
    }

    [Fact]
    public void A_repeated_greeting_is_answered_and_changes_nothing()
    {
        var peer = Up(77);
        peer.Send(_actor, new Greeting(2, 77, "b", "run of b", "a"));
        peer.ExpectMsg<Welcome>().Link.ShouldBe(77);
        Hears("b up");
    }

    [Fact]
    public void What_is_under_way_is_bounded_and_a_receipt_makes_room()
    {
        var peer = Up(77);
        var large = new byte[Limits.LinkMessageBytes];
        var sent = 0;
        while (_links.Send("b", LinkChannel.Requests, large)) sent++;
        sent.ShouldBe(Limits.LinkQueueBytes / Limits.LinkMessageBytes);
        var first = peer.ExpectMsg<LinkFrame>();
        peer.Send(_actor, new LinkReceipt(first.Link, 3 * large.Length));
        AwaitCondition(() => _links.Send("b", LinkChannel.Requests, large));
        _links.Snapshot().QueueFull.ShouldBeGreaterThan(0);
    }

    [Fact]
    public void Who_receives_much_tells_so()
    {
        var peer = Up(77);
        for (var number = 1; number <= 2; number++)
            peer.Send(_actor, new LinkFrame(77, number, LinkChannel.Requests, new byte[Limits.LinkQueueBytes / 16]));
        peer.ExpectMsg<LinkReceipt>().Bytes.ShouldBe(Limits.LinkQueueBytes / 16);
        peer.ExpectMsg<LinkReceipt>().Bytes.ShouldBe(Limits.LinkQueueBytes / 8);
    }

    [Fact]
    public void Another_version_is_refused_and_both_sides_are_told_which()
    {
        var peer = CreateTestProbe();
        peer.Send(_actor, new Greeting(3, 5, "b", "run", "a"));
        peer.ExpectMsg<Unwelcome>().Version.ShouldBe(2);
        _log.Lines.ShouldHaveSingleItem().ShouldContain("no link with b: it speaks version 3 of the links between nodes, this node version 2");
        peer.Send(_actor, new Greeting(3, 5, "b", "run", "a"));
        peer.ExpectMsg<Unwelcome>();
        _heard.ShouldBeEmpty();
    }

    [Fact]
    public void Who_looks_for_another_node_is_refused_with_a_word()
    {
        var peer = CreateTestProbe();
        peer.Send(_actor, new Greeting(2, 5, "b", "run", "c"));
        peer.ExpectMsg<Unwelcome>().Why.ShouldBe("it says that it is a");
        _log.Lines.ShouldHaveSingleItem().ShouldContain("it calls itself b and looks for c; this is a");
    }

    [Fact]
    public void A_lost_association_breaks_the_link_and_its_host_is_asked_whether_anybody_listens()
    {
        _links.SetPeers([new ClusterNode { Name = "b", Incarnation = "run of b", LinkAddress = "10.0.0.2:7400" }]);
        Up(77);
        _actor.Tell(new DisassociatedEvent(new Address("akka.ssl.tcp", "cti", "10.0.0.1", 7400), new Address("akka.ssl.tcp", "cti", "10.0.0.2", 7400), true));
        // It is asked again while it says nothing.
        AwaitAssert(() => _probe.Asked.Distinct().ShouldBe(["10.0.0.2:7400"]));
        Hears("b up", "b broken");
        _probe.Done!(true);
        AwaitAssert(() => _refused.ShouldBe(["b"]));
    }

    [Fact]
    public void A_link_ends_a_moment_after_its_peer_left_the_view()
    {
        ClusterNode b = new() { Name = "b", Incarnation = "run of b", LinkAddress = "10.0.0.2:7400" };
        _links.SetPeers([b]);
        Up(77);
        _links.SetPeers([]);
        _links.IsConnected("b").ShouldBeTrue("what it was told last must reach it");
        AwaitCondition(() => !_links.IsConnected("b"));
    }

    [Fact]
    public void A_silent_link_is_greeted_again_and_one_that_does_not_answer_is_ended()
    {
        var peer = Up(77, hearsBeats: true);
        Pass(1_100);
        peer.ExpectMsg<Greeting>().Link.ShouldBe(_mine);
        peer.Send(_actor, new Welcome(_mine, 77, "b", "run of b"));
        Pass(4_500);
        _links.IsConnected("b").ShouldBeTrue();
        Pass(1_000);
        Hears("b up", "b broken");
        _log.Lines.ShouldContain(static line => line.Contains("link to b broke: nothing has come over it for 5 s", StringComparison.Ordinal));
    }

    [Fact]
    public void Whatever_comes_keeps_it_up()
    {
        var peer = Up(77);
        for (var i = 1; i <= 8; i++)
        {
            peer.Send(_actor, i % 4 == 0 ? Frame(77, i / 4, "x") : i % 4 == 1 ? new LinkReceipt(_mine, 0)
                : i % 4 == 2 ? new Greeting(2, 77, "b", "run of b", "a") : new Welcome(_mine, 77, "b", "run of b"));
            Pass(3_000);
        }
        _links.IsConnected("b").ShouldBeTrue();
        Hears("b up", "b: x", "b: x");
    }

    [Fact]
    public void What_this_process_did_not_hear_while_it_stood_still_breaks_nothing()
    {
        Up(77);
        Pass(200);
        _clock.Pass(60_000);
        Pass(1_000);
        _links.IsConnected("b").ShouldBeTrue();
        Pass(5_000);
        Hears("b up", "b broken");
    }

    [Fact]
    public void A_peer_that_had_lost_the_link_and_begins_another_is_asked_for_one_with_numbers_of_its_own()
    {
        _links.SetPeers([new ClusterNode { Name = "b", Incarnation = "run of b", LinkAddress = "10.0.0.2:7400" }]);
        var peer = Up(77);
        peer.Send(_actor, new Welcome(_mine, 99, "b", "run of b"));
        Hears("b up", "b broken");
        peer.Send(_actor, Frame(77, 1, "old"));
        peer.Send(_actor, new Greeting(2, 100, "b", "run of b", "a"));
        peer.ExpectMsg<Welcome>().Own.ShouldNotBe(_mine);
        Hears("b up", "b broken", "b up");
    }

    void ILinkReceiver.OnMessage(string node, ReadOnlyMemory<byte> payload) => Hear($"{node}: {Encoding.ASCII.GetString(payload.Span)}");

    void ILinkReceiver.OnConnected(string node) => Hear($"{node} up");

    void ILinkReceiver.OnBroken(string node) => Hear($"{node} broken");

    private void Hear(string what)
    {
        lock (_heard) _heard.Add(what);
    }

    private void Hears(params string[] expected) => AwaitAssert(() =>
    {
        lock (_heard) _heard.ShouldBe(expected);
    });

    private TestProbe Up(long link, bool hearsBeats = false)
    {
        var peer = CreateTestProbe();
        if (!hearsBeats) peer.IgnoreMessages(static message => message is Greeting);
        peer.Send(_actor, new Greeting(2, link, "b", "run of b", "a"));
        var welcome = peer.ExpectMsg<Welcome>();
        welcome.Link.ShouldBe(link);
        _mine = welcome.Own;
        AwaitCondition(() => _links.IsConnected("b"));
        return peer;
    }

    /// <summary>Time passes, and the actor looks at its links each 100 ms of it.</summary>
    private void Pass(int millis)
    {
        for (var passed = 0; passed < millis; passed += Limits.LinkTickMillis)
        {
            _clock.Pass(Limits.LinkTickMillis);
            _actor.Tell(LookAtLinks.Instance);
            // It has looked when it answers who asks it.
            _actor.Ask<ActorIdentity>(new Identify(passed)).GetAwaiter().GetResult().Subject.ShouldBe(_actor);
        }
    }

    private static LinkFrame Frame(long link, long number, string text) => new(link, number, LinkChannel.Requests, Encoding.ASCII.GetBytes(text));

    private sealed class HandProbe : IPortProbe
    {
        public List<string> Asked { get; } = [];
        public Action<bool>? Done { get; private set; }

        public void Probe(string address, Action<bool> done)
        {
            Done = done;
            Asked.Add(address);
        }
    }

    /// <summary>Runs, and can be put forward.</summary>
    private sealed class HandClock : IClock
    {
        private long _ahead;

        public long MonotonicNanos => (long)global::System.Diagnostics.Stopwatch.GetElapsedTime(0).TotalNanoseconds + Interlocked.Read(ref _ahead);
        public long UnixMillis => 0;

        public void Pass(int millis) => Interlocked.Add(ref _ahead, millis * 1_000_000L);
    }
}
