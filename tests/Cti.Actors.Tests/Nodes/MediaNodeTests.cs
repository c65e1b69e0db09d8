using System.Net;
using Cti.Actors.Hosting;
using Cti.Actors.MediaNode;
using Cti.Actors.Resources;
using Cti.Cluster.Membership;
using Cti.Kernel;
using Cti.Media;
using Cti.Media.Session.Mix;
using Cti.Testing;

namespace Cti.Actors.Tests.Nodes;

/// <summary>Sessions and mixes end with whoever they are for, or later, where that has gone to another node; none outlives both.</summary>
public sealed class MediaNodeTests
{
    private static readonly ResourceId Call = ResourceId.TryParse("0.0.1-sys.call-257", out var id) ? id : default;

    private readonly ManualRuntime _runtime = new();
    private readonly VirtualMediaPort _port;
    private readonly Departures _departures = new();
    private readonly ResourcePost _post;
    private readonly ActorHost _system;
    private readonly NodeMedia _media;
    private readonly List<object> _heard = [];

    public MediaNodeTests()
    {
        _port = new VirtualMediaPort(_runtime, IPAddress.Loopback);
        _system = new ActorHost(_runtime, _runtime, _runtime, NullLog.Instance);
        _post = new ResourcePost("a", new ResourceDirectory(), static _ => false, static () => new ClusterView(1, [], []), null, _runtime, NullLog.Instance);
        _media = new NodeMedia(_port, _departures, _post, _system);
    }

    [Theory]
    [InlineData("stop")]
    [InlineData("fail")]
    public void A_session_and_a_mix_end_with_their_holder(string how)
    {
        var holder = Holder();
        Open(holder);
        _media.TryOpenMix(new ConferenceOptions(), holder, out _).ShouldNotBeNull();
        _runtime.Advance(1);
        (_media.OpenSessions, _media.OpenConferences).ShouldBe((1, 1));
        for (var i = 0; i < (how == "stop" ? 1 : 6); i++) holder.Tell(how);
        _runtime.Advance(1_000);
        holder.IsStopped.ShouldBeTrue();
        (_media.OpenSessions, _media.OpenConferences, _port.OpenSessions, _port.PortsInUse).ShouldBe((0, 0, 0, 0));
    }

    [Fact]
    public void A_crash_of_the_holder_ends_nothing()
    {
        var holder = Holder();
        Open(holder);
        holder.Tell("fail");
        _runtime.Advance(60_000);
        _media.OpenSessions.ShouldBe(1);
    }

    [Fact]
    public void A_session_that_is_opened_for_one_who_has_stopped_is_closed()
    {
        var holder = Holder();
        holder.Tell("stop");
        _runtime.Advance(1);
        Open(holder);
        _runtime.Advance(1_000);
        (_media.OpenSessions, _port.PortsInUse).ShouldBe((0, 0));
    }

    [Fact]
    public void What_is_given_up_is_gone_at_once_and_closed_twice_it_is_counted_once()
    {
        var holder = Holder();
        var (given, closed) = (Open(holder), Open(holder));
        _media.Abandon(given);
        _media.Abandon(given);
        NodeMedia.Close(given);
        NodeMedia.Close(closed);
        NodeMedia.Close(closed);
        _media.Abandon(closed);
        _runtime.Advance(1_000);
        (_media.OpenSessions, _port.OpenSessions).ShouldBe((0, 0));
        holder.Tell("stop");
        _runtime.Advance(1_000);
        _media.OpenSessions.ShouldBe(0);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_a_moved_call_sounds_by_stays_until_it_is_heard_elsewhere_or_ten_seconds(bool isHeard)
    {
        var session = Leave();
        _runtime.Advance(9_900);
        _port.OpenSessions.ShouldBe(1);
        _departures.Has(Call.ToString()).ShouldBeTrue();
        if (isHeard) _media.LetGo(Call);
        _runtime.Advance(isHeard ? 1 : 200);
        (_port.OpenSessions, _media.OpenSessions, _departures.Count).ShouldBe((0, 0, 0));
        _media.Abandon(session);
    }

    [Fact]
    public void Who_is_heard_elsewhere_before_it_has_let_go_of_here_is_not_kept()
    {
        var holder = Holder();
        var session = Open(holder);
        _departures.Begin(Call, "b", 1);
        _media.LetGo(Call);
        _runtime.Advance(1);
        _port.OpenSessions.ShouldBe(1, "its actor is still at it");
        _media.Keep(Call, [session]);
        _runtime.Advance(1);
        (_port.OpenSessions, _departures.Count).ShouldBe((0, 0));
    }

    [Fact]
    public void A_call_that_came_back_and_goes_again_is_kept_once()
    {
        Leave();
        var again = Holder();
        var session = Open(again);
        _departures.Begin(Call, "c", 3);
        _media.Keep(Call, [session]);
        _runtime.Advance(1);
        (_port.OpenSessions, _departures.CallCount).ShouldBe((1, 1), "what was kept of the first time is gone");
        _departures.Find(Call)!.To.ShouldBe("c");
        _media.LetGo(Call);
        _runtime.Advance(1);
        (_port.OpenSessions, _media.OpenSessions, _departures.CallCount).ShouldBe((0, 0, 0));
    }

    [Fact]
    public void Where_it_was_not_given_after_all_nothing_is_kept()
    {
        var holder = Holder();
        _media.Keep(Call, [Open(holder)]);
        _runtime.Advance(1);
        _port.OpenSessions.ShouldBe(0);
    }

    [Fact]
    public void A_crash_of_the_media_node_forgets_neither_its_holders_nor_what_it_keeps()
    {
        Leave();
        var holder = Holder();
        Open(holder);
        _runtime.Advance(1);
        var node = _system.Find("media-1").ShouldNotBeNull();
        node.Tell("no message of its own");
        _runtime.Advance(1);
        holder.Tell("stop");
        _runtime.Advance(100);
        _port.OpenSessions.ShouldBe(1, "what is kept is still heard");
        _runtime.Advance(10_000);
        (_port.OpenSessions, _media.OpenSessions, _departures.Count).ShouldBe((0, 0, 0));
    }

    [Fact]
    public void A_key_that_is_heard_in_what_is_kept_is_sent_after_its_call()
    {
        var session = Leave();
        session.OnMediaEvent(session.Id, new KeyPressed('5', new KeyEvent(1, 2)));
        session.OnMediaEvent(session.Id, new MediaInactive());
        _runtime.Advance(1);
        _post.IsUnderway(Call.ToString()).ShouldBeTrue();
        _post.Pending.ShouldBe(1, "of silence nobody asks any more");
        _heard.OfType<MediaHappened>().ShouldBeEmpty();
    }

    private HeldSession Leave()
    {
        var holder = Holder();
        var session = Open(holder);
        _departures.Begin(Call, "b", 1);
        _media.Keep(Call, [session]);
        holder.Tell("stop");
        _runtime.Advance(1);
        _port.OpenSessions.ShouldBe(1);
        return session;
    }

    private HeldSession Open(ActorHandle holder) => _media.TryOpen(new MediaSessionOptions(), holder, isHeard: true, out _).ShouldNotBeNull();

    private ActorHandle Holder()
    {
        var holder = _system.Spawn("call of a test", () => new Resource(_heard));
        holder.Tell("begin");
        _runtime.Advance(1);
        return holder;
    }

    private sealed class Resource(List<object> heard) : NodeActor
    {
        protected override void OnStart() => Become(Any);

        private bool Any(object message)
        {
            switch (message)
            {
                case "stop": StopSelf(); return true;
                case "fail": throw new InvalidOperationException("planted");
                default: heard.Add(message); return true;
            }
        }
    }
}
