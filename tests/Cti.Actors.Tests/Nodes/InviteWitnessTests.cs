using Cti.Kernel;

namespace Cti.Actors.Tests.Nodes;

/// <summary>An INVITE that comes to two nodes of a large cluster is one call, whichever node is its witness and whatever becomes of that.</summary>
public sealed class InviteWitnessTests
{
    private const int Calls = 24;

    [Fact]
    public void In_a_large_cluster_too_an_invite_that_comes_to_any_two_nodes_is_one_call()
    {
        var large = new ClusterBench(count: 7, instances: 64);
        for (var i = 0; i < 42; i++)
        {
            var peer = large.Peer($"192.0.2.{i + 1}", large.Nodes[i % 7]);
            peer.Invite("100", $"Contact: <sip:caller@192.0.2.{i + 1}>", "z9hG4bKfirst");
            large.Expect("sys.call.on_incoming");
            peer.Towards = large.Nodes[(i + 1 + (i / 7)) % 7].Address;
            peer.Invite("100", $"Contact: <sip:caller@192.0.2.{i + 1}>", "z9hG4bKsecond");
            peer.Response(482).TopVia.Branch.ShouldBe("z9hG4bKfirst");
        }
        large.Runtime.Advance(1000);
        large.Count("sys.call.on_incoming").ShouldBe(0);
        large.Crashes.ShouldBeEmpty();
    }

    /// <summary>So few milliseconds apart that neither has an answer when the other asks; a witness may have told only one of the two.</summary>
    [Fact]
    public void In_a_large_cluster_too_an_invite_that_comes_to_two_nodes_at_once_is_one_call()
    {
        var large = new ClusterBench(count: 7, instances: 64);
        for (var i = 0; i < 140; i++)
        {
            large.Links.DelayMillis = (1, 1 + (i % 12));
            var peer = large.Peer($"192.0.2.{i + 1}", large.Nodes[i % 7]);
            peer.Invite("100", $"Contact: <sip:caller@192.0.2.{i + 1}>", "z9hG4bKfirst");
            large.Runtime.Advance(i / 7 % 4);
            peer.Towards = large.Nodes[(i + 1 + (i / 24)) % 7].Address;
            peer.Invite("100", $"Contact: <sip:caller@192.0.2.{i + 1}>", "z9hG4bKsecond");
            large.Expect("sys.call.on_incoming");
            large.Runtime.Advance(300);
            large.Count("sys.call.on_incoming").ShouldBe(0, $"call {i}");
        }
        large.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void The_witness_of_an_invite_may_die()
    {
        var large = new ClusterBench(count: 5, instances: 64);
        var peers = Offer(large, "n1", "n2");
        large.Kill(large["n5"]);
        JoinsAt(large, "n3", peers);
    }

    [Fact]
    public void A_node_that_joins_hears_of_the_invites_whose_witness_it_is_from_now_on()
    {
        var large = new ClusterBench(count: 3, instances: 64);
        var peers = Offer(large, "n1", "n2");
        large.Join("n4");
        large.Runtime.Advance(5000);
        JoinsAt(large, "n3", peers);
    }

    [Theory]
    [InlineData("n1", "n2", "n3")]
    [InlineData("n3", "n3", "n1")]
    public void Two_nodes_may_differ_about_who_the_witness_is_because_a_link_is_out(string first, string alsoFirst, string then)
    {
        var large = new ClusterBench(count: 5, instances: 64);
        large.Links.Cut("n1", "n5");
        large.Links.Cut("n2", "n4");
        large.Links.Break("n1", "n5");
        large.Links.Break("n2", "n4");
        large.Runtime.Advance(Limits.LinkSilenceMillis + 1000);
        JoinsAt(large, then, Offer(large, first, alsoFirst));
    }

    /// <summary>It is stopped: its link is up, and no answer comes.</summary>
    [Fact]
    public void A_witness_that_does_not_answer_is_done_without()
    {
        var large = new ClusterBench(count: 5, instances: 64);
        foreach (var other in (string[])["n1", "n2", "n3", "n4"]) large.Links.Cut(other, "n5");
        var peers = Offer(large, "n1", "n2");
        JoinsAt(large, "n3", peers);
    }

    private static RawPeer[] Offer(ClusterBench large, string node, string other)
    {
        RawPeer[] peers = [.. Enumerable.Range(1, Calls).Select(i => large.Peer($"192.0.2.{i}", large[i % 2 == 0 ? node : other]))];
        for (var i = 0; i < peers.Length; i++)
        {
            peers[i].Invite("100", $"Contact: <sip:caller@192.0.2.{i + 1}>", "z9hG4bKfirst");
            large.Expect("sys.call.on_incoming");
        }
        return peers;
    }

    private static void JoinsAt(ClusterBench large, string node, RawPeer[] peers)
    {
        for (var i = 0; i < peers.Length; i++)
        {
            peers[i].Towards = large[node].Address;
            peers[i].Invite("100", $"Contact: <sip:caller@192.0.2.{i + 1}>", "z9hG4bKsecond");
            peers[i].Response(482).TopVia.Branch.ShouldBe("z9hG4bKfirst", $"call {i}");
        }
        large.Runtime.Advance(1000);
        large.Count("sys.call.on_incoming").ShouldBe(0);
        large.Crashes.ShouldBeEmpty();
    }
}
