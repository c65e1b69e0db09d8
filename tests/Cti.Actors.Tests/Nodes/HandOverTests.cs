using System.Text.Json;
using Cti.Actors.Resources;
using Cti.Kernel;
using Cti.Media;
using Cti.Sip.Message;
using Cti.Testing;

namespace Cti.Actors.Tests.Nodes;

/// <summary>Instances that move between living nodes with their calls: a node is drained, a node joins.</summary>
public sealed class HandOverTests : ClusterNodeTests
{
    private void IsEmpty(string node)
    {
        for (var i = 0; i < 400 && bench[node].Server.InstanceCount > 0; i++) bench.Runtime.Advance(10);
        bench[node].Server.InstanceCount.ShouldBe(0);
        // Far ends that do not answer the new owner keep what is here for ten seconds.
        for (var i = 0; i < 1100 && bench[node].Media.OpenSessions > 0; i++) bench.Runtime.Advance(10);
        bench[node].Media.OpenSessions.ShouldBe(0, "nothing is left where the calls were");
        bench.Crashes.ShouldBeEmpty();
    }

    /// <summary>The far end hears the new owner's re-INVITE and agrees; until then it still hears the old one.</summary>
    private SipRequest Moved(string call, RawPeer peer)
    {
        var again = peer.Request("INVITE");
        again.To.Tag.ShouldNotBeNull("within the dialog");
        peer.Towards = bench.OwnerOf(call).Address;
        Answer(peer, again);
        return again;
    }

    [Fact]
    public void Calls_of_a_drained_node_move_one_by_one_and_sound_on_both_sides_of_the_move()
    {
        foreach (var node in bench.Nodes) node.Media.Files["long.wav"] = 60_000;
        var (idle, idlePeer) = Up(name => name == "n1");
        var (playing, playingPeer) = Up(name => name == "n1");
        bench.Ask(bench["n2"], "sys.call.play_start", ("res_id", playing), ("content", "long.wav")).Error.ShouldBeNull();
        bench.Runtime.Advance(3000);
        bench["n1"].Media.RunningActions.ShouldBe(1);
        bench.Drain(bench["n1"]);
        var again = playingPeer.Request("INVITE");
        bench["n1"].Media.RunningActions.ShouldBe(1, "it is heard from here until the far end listens there");
        var owner = bench.OwnerOf(playing);
        owner.Media.RunningActions.ShouldBe(0);
        playingPeer.Towards = owner.Address;
        Answer(playingPeer, again);
        bench.Runtime.Advance(50);
        bench["n1"].Media.RunningActions.ShouldBe(0);
        owner.Media.RunningActions.ShouldBe(1);
        Moved(idle, idlePeer);
        IsEmpty("n1");
        (State(idle), State(playing)).ShouldBe(("Idle", "Play"));
        bench.Count("sys.call.on_play_completed").ShouldBe(0);
        bench.Ask(bench["n1"], "sys.call.play_stop", ("res_id", playing)).Error.ShouldBeNull("the drained node still is a gateway");
        bench.Expect("sys.call.on_play_completed").GetProperty("error").ValueKind.ShouldBe(JsonValueKind.Null);
        bench.Count("sys.call.on_released").ShouldBe(0);
    }

    [Fact]
    public void A_receiver_that_dies_before_the_far_ends_have_moved_leaves_one_node_to_be_heard()
    {
        var calls = Enumerable.Range(0, 12).Select(_ => Up(_ => true)).ToList();
        foreach (var node in bench.Nodes) node.Media.Files["long.wav"] = 60_000;
        foreach (var (call, _) in calls) bench.Ask(bench["n2"], "sys.call.play_start", ("res_id", call), ("content", "long.wav")).Error.ShouldBeNull();
        var joined = bench.Join("n4");
        joined.Media.Files["long.wav"] = 60_000;
        for (var i = 0; i < 800 && calls.Count(up => bench.OwnerOf(up.Call) == joined) < 3; i++) bench.Runtime.Advance(10);
        var moved = calls.Where(up => bench.OwnerOf(up.Call) == joined).ToList();
        moved.Count.ShouldBeGreaterThanOrEqualTo(3);
        Playing().ShouldBe(12, "from the old places until the far ends listen to the new one");
        bench.Kill(joined);
        foreach (var (_, peer) in moved) peer.Rest();
        for (var i = 0; i < 400 && moved.Any(up => OwnerOf(up.Call) is null or "n4"); i++) bench.Runtime.Advance(10);
        foreach (var (call, peer) in moved)
        {
            var again = peer.Request("INVITE");
            peer.Towards = bench.OwnerOf(call).Address;
            Answer(peer, again);
        }
        bench.Runtime.Advance(300);
        Playing().ShouldBe(12, "no far end hears two streams");
        foreach (var (call, _) in calls) State(call).ShouldBe("Play");
        bench.Count("sys.call.on_released").ShouldBe(0);
        bench.Crashes.ShouldBeEmpty();

        int Playing() => bench.Nodes.Where(static node => node.IsAlive).Sum(static node => node.Media.RunningActions);
        string? OwnerOf(string call) => ResourceId.TryParse(call, out var id) ? bench["n1"].Server.Cluster.View.OwnerOf(id.Instance)?.Name : null;
    }

    [Fact]
    public void A_drained_node_keeps_an_instance_whose_call_rings_and_gives_it_when_that_is_answered()
    {
        var last = 200;
        string call;
        RawPeer peer;
        SipRequest invite;
        while (true)
        {
            var address = $"192.0.2.{last++}";
            peer = bench.Peer(address, bench["n1"]);
            call = bench.Construct(bench["n1"], $"sip:phone@{address}");
            invite = peer.Request("INVITE");
            peer.Towards = bench.OwnerOf(call).Address;
            if (bench.OwnerOf(call).Name == "n1") break;
            peer.Respond(invite, 486);
            peer.Request("ACK");
            bench.Expect("sys.call.on_dial_completed");
        }
        peer.Respond(invite, 180);
        bench.Drain(bench["n1"]);
        bench.Runtime.Advance(3000);
        bench.OwnerOf(call).Name.ShouldBe("n1");
        bench["n1"].Server.InstanceCount.ShouldBe(1, "all others have moved");
        Answer(peer, invite);
        bench.Expect("sys.call.on_dial_completed").GetProperty("error").ValueKind.ShouldBe(JsonValueKind.Null);
        Moved(call, peer);
        IsEmpty("n1");
        State(call).ShouldBe("Idle");
    }

    [Fact]
    public void A_node_that_stops_ends_what_rings_and_the_other_calls_of_that_instance_move()
    {
        var (standing, standingPeer) = Up(name => name == "n1");
        string ringing;
        RawPeer peer;
        SipRequest invite;
        for (var last = 100; ; last++)
        {
            peer = bench.Peer($"192.0.2.{last}", bench["n1"]);
            ringing = bench.Construct(bench["n1"], $"sip:phone@192.0.2.{last}");
            invite = peer.Request("INVITE");
            peer.Towards = bench.OwnerOf(ringing).Address;
            peer.Respond(invite, 180);
            if (InstanceOf(ringing) == InstanceOf(standing)) break;
            peer.Respond(invite, 486);
            peer.Request("ACK");
            bench.Expect("sys.call.on_dial_completed");
        }
        bench.Drain(bench["n1"]);
        bench.Runtime.Advance(3000);
        (bench.OwnerOf(standing).Name, bench["n1"].Server.InstanceCount).ShouldBe(("n1", 1));
        ManualRuntime.Inline(() => bench["n1"].Server.DropWhatCannotMove().ShouldBeTrue());
        peer.Request("CANCEL");
        bench.Expect("sys.call.on_dial_completed").GetProperty("error").GetProperty("code").GetInt32().ShouldBe(ErrorCodes.Unavailable);
        peer.Respond(invite, 487);
        Moved(standing, standingPeer);
        IsEmpty("n1");
        State(standing).ShouldBe("Idle");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_party_whose_other_party_stays_is_heard_by_it_from_the_old_place_until_the_new_one_carries_it(bool isFirst)
    {
        var (goes, goesPeer) = Up(name => name == "n1");
        var (stays, staysPeer) = Up(name => name == "n2");
        bench.Ask(bench["n3"], "sys.call.connect_start", ("res_id", isFirst ? goes : stays), ("call_res_id", isFirst ? stays : goes), ("max_seconds", 500))
            .Error.ShouldBeNull();
        bench.Runtime.Advance(1000);
        var link = bench["n2"].Media.LinkSessions.ShouldHaveSingleItem().Local;
        bench.Drain(bench["n1"]);
        var again = goesPeer.Request("INVITE");
        bench.Runtime.Advance(7000);
        bench["n1"].Media.Bridges.ShouldHaveSingleItem("an answer may take its time");
        bench["n2"].Media.LinkSessions.ShouldHaveSingleItem().Local.ShouldBe(link);
        var owner = bench.OwnerOf(goes);
        goesPeer.Towards = owner.Address;
        Answer(goesPeer, again);
        bench.Runtime.Advance(100);
        bench["n1"].Media.OpenSessions.ShouldBe(0);
        owner.Media.Bridges.ShouldHaveSingleItem();
        bench["n2"].Media.Bridges.ShouldHaveSingleItem();
        if (owner.Name == "n2") owner.Media.LinkSessions.ShouldBeEmpty();
        else owner.Media.LinkSessions.ShouldHaveSingleItem().Remote.ShouldBe(bench["n2"].Media.LinkSessions.ShouldHaveSingleItem().Local);
        var settled = bench["n2"].Media.Bridges.Single();
        bench.Runtime.Advance(10_000);
        bench["n2"].Media.Bridges.Single().ShouldBe(settled, "nothing is made anew without need");
        staysPeer.Rest().ShouldBeEmpty();
        (State(goes), State(stays)).ShouldBe(("Connect", "Connect"));
        (bench.Count("sys.call.on_connect_completed"), bench.Count("sys.call.on_released")).ShouldBe((0, 0));
        bench.Crashes.ShouldBeEmpty();
    }

    private static int InstanceOf(string resource) => ResourceId.TryParse(resource, out var id) ? id.Instance : -1;

    [Fact]
    public void A_recording_is_completed_where_it_was_and_goes_on_in_the_same_file()
    {
        var (call, peer) = Up(name => name == "n1");
        bench.Ask(bench["n2"], "sys.call.record_start", ("res_id", call), ("record_file", "note"), ("max_seconds", 100)).Error.ShouldBeNull();
        bench.Runtime.Advance(2000);
        bench.Drain(bench["n1"]);
        Moved(call, peer);
        bench["n1"].Media.Recordings["/n1/note.wav"].IsComplete.ShouldBeTrue("a file has one writer");
        IsEmpty("n1");
        State(call).ShouldBe("Record");
        bench.Ask(bench["n2"], "sys.call.record_stop", ("res_id", call)).Error.ShouldBeNull();
        bench.Expect("sys.call.on_record_completed").GetProperty("error").GetProperty("code").GetInt32()
            .ShouldBe(ErrorCodes.Terminated, "it was stopped, and by nothing else");
        bench.Count("sys.call.on_record_completed").ShouldBe(0);
    }

    /// <summary>
    /// Its file takes so long to be completed that the call stays, and goes on in a new session: what the former one says then is of no concern.
    /// </summary>
    [Fact]
    public void A_recording_that_stayed_because_its_file_took_too_long_does_not_end_when_it_is_complete_after_all()
    {
        var (call, peer) = Up(name => name == "n1");
        bench.Ask(bench["n2"], "sys.call.record_start", ("res_id", call), ("record_file", "note"), ("max_seconds", 100)).Error.ShouldBeNull();
        bench.Runtime.Advance(2000);
        (bench["n1"].Media.CompletionMillis, bench["n1"].Media.IsHeardAfterwards) = (60_000, true);
        bench.Drain(bench["n1"]);
        bench.Runtime.Advance(1000);
        bench["n1"].Media.CompletionMillis = 0;
        var stays = peer.Request("INVITE");
        bench.OwnerOf(call).Name.ShouldBe("n1");
        Answer(peer, stays);
        Moved(call, peer);
        IsEmpty("n1");
        State(call).ShouldBe("Record");
        bench.Count("sys.call.on_record_completed").ShouldBe(0);
    }

    /// <summary>Another call of its instance does not agree to go; what was asked of this one meanwhile is done after all.</summary>
    [Theory]
    [InlineData(null)]
    [InlineData("2f0b6c1e-8a51-4e5e-9a2f-0d4a3a5c7b11")]
    public void A_call_that_was_asked_for_something_while_it_was_about_to_go_keeps_its_media_when_it_stays(string? requestId)
    {
        var (call, _) = Up(name => name == "n1");
        var cell = bench["n1"].Server.Resources.Find(call).ShouldNotBeNull();
        cell.Actor.Tell(new AskToPart(new Parting([cell], bench.Runtime)));
        var asked = bench.Begin(bench["n1"], requestId is null ? null : Guid.Parse(requestId), "sys.call.record_start",
            ("res_id", call), ("record_file", "note"), ("max_seconds", 100));
        bench.Runtime.Advance(10);
        asked.IsCompleted.ShouldBeFalse("it is asked again, here or there");
        cell.Actor.Tell(new Stay());
        bench.Wait(asked).Error.ShouldBeNull();
        State(call).ShouldBe("Record");
        bench.Count("sys.call.on_record_completed").ShouldBe(0);
    }

    [Fact]
    public void A_conferences_recording_that_stayed_because_its_file_took_too_long_does_not_end_when_it_is_complete_after_all()
    {
        var node = bench["n1"];
        string conference;
        do conference = bench.Result(bench.Ask(node, "sys.conf.construct", ("max_seconds", 600))).GetProperty("res_id").GetString()!;
        while (bench.OwnerOf(conference).Name != "n1");
        bench.Ask(node, "sys.conf.record_start", ("res_id", conference), ("max_seconds", 100), ("record_file", "all")).Error.ShouldBeNull();
        bench.Runtime.Advance(2000);
        (node.Media.CompletionMillis, node.Media.IsHeardAfterwards) = (60_000, true);
        var begun = bench.Runtime.ElapsedMillis;
        bench.Drain(node);
        bench.Runtime.Advance(1000);
        node.Media.CompletionMillis = 0;
        for (var i = 0; i < 500 && bench.OwnerOf(conference).Name == "n1"; i++) bench.Runtime.Advance(10);
        bench.Runtime.ElapsedMillis.ShouldBeGreaterThan(begun + 2500, "it stayed at first");
        IsEmpty("n1");
        bench.Count("sys.conf.on_record_completed").ShouldBe(0);
        bench.Ask(bench["n2"], "sys.conf.record_stop", ("res_id", conference)).Error.ShouldBeNull();
        bench.Expect("sys.conf.on_record_completed").GetProperty("error").GetProperty("code").GetInt32().ShouldBe(ErrorCodes.Terminated);
    }

    [Fact]
    public void Keys_pressed_during_the_move_count()
    {
        var (call, peer) = Up(name => name == "n1");
        bench.Ask(bench["n2"], "sys.call.receive_dtmf_start", ("res_id", call), ("max_keys", 3)).Error.ShouldBeNull();
        var rtp = bench["n1"].Media.OpenAddresses.Single();
        bench["n1"].Media.Press(rtp, '4').ShouldBeTrue();
        bench.Runtime.Advance(100);
        bench.Drain(bench["n1"]);
        var again = peer.Request("INVITE");
        bench["n1"].Media.Press(rtp, '2').ShouldBeTrue();
        bench.Runtime.Advance(100);
        peer.Towards = bench.OwnerOf(call).Address;
        Answer(peer, again);
        bench.Runtime.Advance(100);
        var owner = bench.OwnerOf(call);
        owner.Media.Press(owner.Media.OpenAddresses.Single(), '7').ShouldBeTrue();
        var completed = bench.Expect("sys.call.on_receive_dtmf_completed");
        completed.GetProperty("keys").GetString().ShouldBe("427");
        IsEmpty("n1");
    }

    /// <summary>
    /// A telephone sends the packets of one event to wherever it is told to send: the first ones to the old place, the others to the new one.
    /// </summary>
    [Fact]
    public void A_key_that_both_nodes_hear_counts_once_and_in_its_place()
    {
        var (call, peer) = Up(name => name == "n1");
        bench.Ask(bench["n2"], "sys.call.receive_dtmf_start", ("res_id", call), ("max_keys", 4)).Error.ShouldBeNull();
        var rtp = bench["n1"].Media.OpenAddresses.Single();
        bench["n1"].Media.Press(rtp, '4', new KeyEvent(9, 1600)).ShouldBeTrue();
        bench.Runtime.Advance(100);
        bench.Drain(bench["n1"]);
        var again = peer.Request("INVITE");
        bench["n1"].Media.Press(rtp, '2', new KeyEvent(9, 3200)).ShouldBeTrue();
        var owner = bench.OwnerOf(call);
        peer.Towards = owner.Address;
        Answer(peer, again);
        var there = owner.Media.OpenAddresses.Single();
        owner.Media.Press(there, '2', new KeyEvent(9, 3200)).ShouldBeTrue();
        bench.Runtime.Advance(5);
        owner.Media.Press(there, '2', new KeyEvent(9, 4800)).ShouldBeTrue("pressed once more, it is another key");
        bench.Runtime.Advance(5);
        owner.Media.Press(there, '7', new KeyEvent(9, 6400)).ShouldBeTrue();
        bench.Expect("sys.call.on_receive_dtmf_completed").GetProperty("keys").GetString().ShouldBe("4227");
        IsEmpty("n1");
    }

    /// <summary>The old place hears a key before the new one serves the call: it is told as soon as the new one does, not at some later look.</summary>
    [Fact]
    public void A_key_heard_before_the_new_owner_serves_the_call_comes_before_those_that_are_heard_there()
    {
        var (call, peer) = Up(name => name == "n1");
        bench.Ask(bench["n2"], "sys.call.receive_dtmf_start", ("res_id", call), ("max_keys", 9)).Error.ShouldBeNull();
        var rtp = bench["n1"].Media.OpenAddresses.Single();
        // An instance with a conference goes last: no other one moves after it, which would be a reason to look.
        while (true)
        {
            var conference = bench.Result(bench.Ask(bench["n1"], "sys.conf.construct", ("max_seconds", 600))).GetProperty("res_id").GetString()!;
            if (InstanceOf(conference) == InstanceOf(call)) break;
            bench.Ask(bench["n1"], "sys.conf.release", ("res_id", conference)).Error.ShouldBeNull();
        }
        bench.Drain(bench["n1"]);
        for (var i = 0; i < 5000 && bench.OwnerOf(call).Name == "n1"; i++)
        {
            foreach (var node in bench.Nodes) node.SlowReadMillis = 130;
            bench.Runtime.Advance(1);
        }
        bench["n1"].Media.Press(rtp, '1', new KeyEvent(9, 1600)).ShouldBeTrue();
        bench.Runtime.Advance(20);
        bench["n1"].Media.Press(rtp, '2', new KeyEvent(9, 3200)).ShouldBeTrue();
        var owner = bench.OwnerOf(call);
        peer.Towards = owner.Address;
        Answer(peer, peer.Request("INVITE"));
        owner.Media.Press(owner.Media.OpenAddresses.Single(), '#', new KeyEvent(9, 4800)).ShouldBeTrue();
        bench.Expect("sys.call.on_receive_dtmf_completed").GetProperty("keys").GetString().ShouldBe("12");
        IsEmpty("n1");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_bridge_within_the_drained_node_stands_again_and_completes_once(bool isRecorded)
    {
        var (first, firstPeer) = Up(name => name == "n1");
        var (second, secondPeer) = Up(name => name == "n1");
        bench.Ask(bench["n3"], "sys.call.connect_start", [("res_id", first), ("call_res_id", second), ("max_seconds", 500),
            .. isRecorded ? [("record_file", (object?)"both")] : Array.Empty<(string, object?)>()])
            .Error.ShouldBeNull();
        bench["n1"].Media.Bridges.ShouldHaveSingleItem();
        bench.Drain(bench["n1"]);
        // In two instances one goes after the other, so that there is always somebody to ask.
        var (one, onePeer, last, otherPeer) = firstPeer.Hears("INVITE", 400) ? (first, firstPeer, second, secondPeer) : (second, secondPeer, first, firstPeer);
        var again = onePeer.Request("INVITE");
        bench["n1"].Media.Bridges.Count.ShouldBe(isRecorded && one == first ? 0 : 1,
            "they hear each other from here until they do over there; a file has one writer");
        onePeer.Towards = bench.OwnerOf(one).Address;
        Answer(onePeer, again);
        Moved(last, otherPeer);
        bench.Runtime.Advance(100);
        bench["n1"].Media.OpenSessions.ShouldBe(0);
        bench.Runtime.Advance(900);
        (State(first), State(second)).ShouldBe(("Connect", "Connect"));
        var (at, other) = (bench.OwnerOf(first), bench.OwnerOf(second));
        at.Media.Bridges.ShouldNotBeEmpty();
        if (at != other) other.Media.Bridges.ShouldHaveSingleItem();
        (bench.Count("sys.call.on_connect_completed"), bench.Count("sys.call.on_released")).ShouldBe((0, 0));
        IsEmpty("n1");
        bench.Ask(at, "sys.call.connect_stop", ("res_id", first)).Error.ShouldBeNull();
        bench.Expect("sys.call.on_connect_completed").GetProperty("error").ValueKind.ShouldBe(JsonValueKind.Null);
        bench.Runtime.Advance(500);
        bench.Count("sys.call.on_connect_completed").ShouldBe(0);
        (State(first), State(second)).ShouldBe(("Idle", "Idle"));
    }

    [Fact]
    public void A_conference_of_the_drained_node_is_whole_again()
    {
        string conference;
        do conference = bench.Result(bench.Ask(bench["n1"], "sys.conf.construct", ("max_seconds", 600))).GetProperty("res_id").GetString()!;
        while (bench.OwnerOf(conference).Name != "n1");
        var members = new[] { "n1", "n1", "n2" }.Select(name => Up(owner => owner == name)).ToList();
        foreach (var (call, _) in members)
            bench.Ask(bench["n2"], "sys.call.conf_enter", ("res_id", call), ("conf_res_id", conference), ("max_seconds", 300)).Error.ShouldBeNull();
        bench.Drain(bench["n1"]);
        var first = members[0].Peer.Request("INVITE");
        bench["n1"].Media.Conferences.Single().Members.Count.ShouldBeGreaterThanOrEqualTo(2, "who has not moved yet is still together");
        bench.Runtime.Advance(2000);
        if (members.TrueForAll(up => InstanceOf(up.Call) != InstanceOf(conference)))
            bench.OwnerOf(conference).Name.ShouldBe("n1", "its members go first, so that it is whole all the time");
        members[0].Peer.Towards = bench.OwnerOf(members[0].Call).Address;
        Answer(members[0].Peer, first);
        Moved(members[1].Call, members[1].Peer);
        bench.Runtime.Advance(500);
        bench.OwnerOf(conference).Name.ShouldNotBe("n1");
        AreAllHeard(conference, members.Select(up => up.Call));
        IsEmpty("n1");
        bench.Runtime.Advance(8000);
        AreAllHeard(conference, members.Select(up => up.Call));
        (bench.Count("sys.call.on_conf_completed"), bench.Count("sys.conf.on_exited")).ShouldBe((0, 0));
    }

    [Fact]
    public void A_node_that_is_cut_off_from_the_database_falls_silent_when_a_new_owner_tells_it()
    {
        foreach (var node in bench.Nodes) node.Media.Files["long.wav"] = 60_000;
        var (call, peer) = Up(name => name == "n1");
        bench.Ask(bench["n2"], "sys.call.play_start", ("res_id", call), ("content", "long.wav")).Error.ShouldBeNull();
        bench.Runtime.Advance(1000);
        bench["n1"].IsCut = true;
        bench.Runtime.Advance(1500);
        bench["n1"].Media.RunningActions.ShouldBe(1, "until somebody else has the call it is heard");
        var again = peer.Request("INVITE");
        bench.Runtime.Advance(50);
        bench["n1"].Media.RunningActions.ShouldBe(0, "no far end hears two nodes");
        ResourceId.TryParse(call, out var id).ShouldBeTrue();
        var owner = bench[bench["n2"].Server.Cluster.View.OwnerOf(id.Instance).ShouldNotBeNull().Name];
        peer.Towards = owner.Address;
        Answer(peer, again);
        bench.Runtime.Advance(100);
        bench["n1"].IsCut.ShouldBeTrue();
        owner.Media.RunningActions.ShouldBe(1);
        bench["n1"].IsCut = false;
        bench.Runtime.Advance(5000);
        bench.Ask(bench["n1"], "sys.call.get", ("res_id", call)).Error.ShouldBeNull();
        bench.Count("sys.call.on_released").ShouldBe(0);
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void What_is_asked_of_a_drained_node_is_done_by_another()
    {
        bench.Drain(bench["n1"]);
        IsEmpty("n1");
        var peer = bench.Peer("192.0.2.250", bench["n1"]);
        var call = bench.Construct(bench["n1"], "sip:phone@192.0.2.250");
        bench.OwnerOf(call).Name.ShouldNotBe("n1");
        peer.Request("INVITE");
        peer.Send($"OPTIONS sip:10.0.0.101 SIP/2.0\nVia: SIP/2.0/UDP {peer.Local};branch=z9hG4bKopt\nMax-Forwards: 70\nFrom: <sip:a@b>;tag=o\n"
            + "To: <sip:10.0.0.101>\nCall-ID: options\nCSeq: 1 OPTIONS");
        peer.Response(503);
    }

    [Fact]
    public void A_node_that_joins_gets_its_share_without_disturbing_a_call()
    {
        var calls = Enumerable.Range(0, 12).Select(_ => Up(_ => true)).ToList();
        var joined = bench.Join("n4");
        bench.Runtime.Advance(5000);
        var moved = calls.Where(up => bench.OwnerOf(up.Call) == joined).ToList();
        moved.ShouldNotBeEmpty();
        foreach (var (call, peer) in moved) Moved(call, peer);
        bench.Runtime.Advance(500);
        joined.Server.InstanceCount.ShouldBeInRange(2, 12);
        foreach (var (call, _) in calls) State(call).ShouldBe("Idle");
        foreach (var (call, peer) in calls.Except(moved)) peer.Rest().ShouldBeEmpty($"{call} stays where it is");
        bench.Count("sys.call.on_released").ShouldBe(0);
        bench.Crashes.ShouldBeEmpty();
    }
}
