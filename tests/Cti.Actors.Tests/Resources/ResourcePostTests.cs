using System.Buffers.Binary;
using Cti.Actors.Resources;
using Cti.Calls.Call;
using Cti.Cluster;
using Cti.Cluster.Membership;
using Cti.Kernel;
using Cti.Testing;

namespace Cti.Actors.Tests.Resources;

/// <summary>How often, and to whom, a letter between resources is sent.</summary>
public sealed class ResourcePostTests
{
    private const string From = "0.0.1-sys.call-129", To = "0.0.2-sys.call-130";
    private const byte Accepted = 2, NotMine = 4;
    private readonly ManualRuntime _runtime = new();
    private readonly Wire _wire = new();
    private readonly ResourcePost _post;
    private ClusterView _view = View("b", 1);

    public ResourcePostTests() => _post = new ResourcePost("a", new ResourceDirectory(), static _ => false, () => _view, _wire, _runtime, NullLog.Instance);

    private static ClusterView View(string owner, long number) => new(number,
        [.. ((string[])["a", "b", "c"]).Select(static name => new ClusterNode { Name = name, Incarnation = "1", LinkAddress = name })],
        [new("a", number), new("a", number), new(owner, 1)]);

    private void See(string owner)
    {
        var before = _view;
        _view = View(owner, before.Number + 1);
        _post.OnViewChanged(before, _view);
    }

    private void Say(string node, byte answer, long letter)
    {
        var bytes = new byte[9];
        bytes[0] = answer;
        BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(1), letter);
        _post.OnMessage(node, bytes);
    }

    [Fact]
    public void A_letter_on_its_way_is_not_sent_again_because_others_move()
    {
        _post.Send(From, To, new KeyArrived('1'));
        for (var i = 0; i < 5; i++) See("b");
        _runtime.Advance(1000);
        _wire.Sent.ShouldBe([("b", 1)]);
        Say("b", Accepted, 1);
        _runtime.Advance(5000);
        _wire.Sent.Count.ShouldBe(1);
        _post.Pending.ShouldBe(0);
    }

    [Fact]
    public void A_letter_goes_after_its_receiver_and_what_the_former_owner_says_late_confuses_nothing()
    {
        _post.Send(From, To, new KeyArrived('1'));
        _post.Send(From, To, new KeyArrived('2'));
        See("c");
        _wire.Sent.ShouldBe([("b", 1), ("c", 1)]);
        Say("b", NotMine, 1);
        Say("c", Accepted, 1);
        _wire.Sent.ShouldBe([("b", 1), ("c", 1), ("c", 2)], "the first is taken, the next can go");
        Say("c", Accepted, 2);
        _runtime.Advance(5000);
        _wire.Sent.Count.ShouldBe(3);
        _post.Pending.ShouldBe(0);
    }

    [Fact]
    public void What_was_taken_is_not_sent_again_though_its_receiver_has_moved_since()
    {
        _post.Send(From, To, new KeyArrived('1'));
        See("");
        Say("b", Accepted, 1);
        See("c");
        _runtime.Advance(5000);
        _wire.Sent.ShouldBe([("b", 1)]);
        _post.Pending.ShouldBe(0);
    }

    [Fact]
    public void Who_does_not_serve_the_receiver_yet_is_asked_again_when_it_does()
    {
        _post.Send(From, To, new KeyArrived('1'));
        Say("b", NotMine, 1);
        _wire.Sent.Count.ShouldBe(1);
        _post.OnServedElsewhere();
        _wire.Sent.ShouldBe([("b", 1), ("b", 1)]);
        Say("b", Accepted, 1);
        _post.Pending.ShouldBe(0);
    }

    private sealed class Wire : INodeLinks
    {
        public List<(string Node, long Letter)> Sent { get; } = [];

        public bool Send(string node, LinkChannel channel, ReadOnlyMemory<byte> payload)
        {
            Sent.Add((node, BinaryPrimitives.ReadInt64BigEndian(payload.Span[1..])));
            return true;
        }

        public bool IsConnected(string node) => true;

        public void Receive(LinkChannel channel, ILinkReceiver receiver)
        {
        }
    }
}
