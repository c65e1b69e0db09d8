using Akka.Actor;
using Akka.TestKit.Xunit2;
using Cti.Cluster.Remoting;

namespace Cti.Cluster.Tests.Remoting;

/// <summary>Bytes of what nodes say to each other: those of a version that was released never change.</summary>
public sealed class LinkSerializerTests : TestKit
{
    private readonly LinkSerializer _serializer;

    public LinkSerializerTests() => _serializer = new LinkSerializer((ExtendedActorSystem)Sys);

    [Fact]
    public void Every_message_has_the_bytes_of_its_version_and_reads_them()
    {
        Is("01" + "02" + "0200000000000000" + "0161" + "027231" + "0162", new Greeting(2, 2, "a", "r1", "b"));
        Is("02" + "0200000000000000" + "0300000000000000" + "0162" + "0172", new Welcome(2, 3, "b", "r"));
        Is("03" + "02" + "06" + Hex("nobody"), new Unwelcome(2, "nobody"));
        Is("05" + "0700000000000000" + "0001000000000000", new LinkReceipt(7, 256));
        Is("06" + "ff020000", new WakeInstance(767));
    }

    [Fact]
    public void A_frame_carries_its_payload_as_it_is()
    {
        var bytes = _serializer.ToBinary(new LinkFrame(1, 2, LinkChannel.Sip, "sip"u8.ToArray()));
        Convert.ToHexStringLower(bytes).ShouldBe("0401000000000000000200000000000000" + "05" + Hex("sip"));
        var read = _serializer.FromBinary(bytes, typeof(object)).ShouldBeOfType<LinkFrame>();
        (read.Link, read.Number, read.Channel).ShouldBe((1, 2, LinkChannel.Sip));
        read.Payload.ToArray().ShouldBe("sip"u8.ToArray());
    }

    [Theory]
    [InlineData("")]
    [InlineData("01")]
    [InlineData("0102ff")]
    [InlineData("0402")]
    [InlineData("0600")]
    [InlineData("09aabb")]
    public void What_ends_too_early_or_is_of_no_known_kind_is_refused(string hex) =>
        Should.Throw<FormatException>(() => _serializer.FromBinary(Convert.FromHexString(hex), typeof(object)));

    [Fact]
    public void A_text_is_cut_where_its_length_would_not_fit()
    {
        var read = _serializer.FromBinary(_serializer.ToBinary(new Unwelcome(2, new string('x', 1000))), typeof(object)).ShouldBeOfType<Unwelcome>();
        read.Why.Length.ShouldBe(255);
    }

    [Fact]
    public void Objects_that_are_named_by_their_type_do_not_go_over_the_wire()
    {
        var none = new NoSerializer((ExtendedActorSystem)Sys);
        Should.Throw<NotSupportedException>(() => none.ToBinary(new Version(1, 2)));
        Should.Throw<NotSupportedException>(() => none.FromBinary("{}"u8.ToArray(), typeof(Version)));
    }

    private static string Hex(string text) => Convert.ToHexStringLower(global::System.Text.Encoding.ASCII.GetBytes(text));

    private void Is(string hex, object message)
    {
        var bytes = _serializer.ToBinary(message);
        Convert.ToHexStringLower(bytes).ShouldBe(hex, message.ToString());
        _serializer.FromBinary(bytes, typeof(object)).ShouldBe(message);
    }
}
