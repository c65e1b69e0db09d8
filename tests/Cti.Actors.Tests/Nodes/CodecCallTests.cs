using System.Text;
using Cti.Actors.Trunks;
using Cti.Media;
using Cti.Sip.Message;
using Cti.Sip.Sdp;

namespace Cti.Actors.Tests.Nodes;

/// <summary>
/// Calls in other codecs than G.711: what a trunk's list does, a re-INVITE that changes the codec, and a new owner that offers the same again.
/// </summary>
public sealed class CodecCallTests
{
    private readonly NodeBench _bench = new(
        [new Trunk { Name = "carrier", Host = "192.0.2.10", Codecs = [AudioNames.Opus, AudioNames.G722, AudioNames.Pcma] }]);
    private readonly RawPeer _phone;

    public CodecCallTests() => _phone = _bench.Peer("192.0.2.10");

    private static string Text(SipMessage message) => Encoding.ASCII.GetString(message.Body.Span);

    private string Sdp(string formats, string more = "") =>
        _phone.Sdp().Replace("RTP/AVP 8 101", "RTP/AVP " + formats, StringComparison.Ordinal) + more.Replace("\n", "\r\n", StringComparison.Ordinal);

    private MediaDescription Described => _bench.Media.CallSessions.ShouldHaveSingleItem().Description.ShouldNotBeNull();

    private SipRequest Up(string answer)
    {
        _bench.Construct("sip:far@carrier");
        var invite = _phone.Request("INVITE");
        Text(invite).ShouldContain("RTP/AVP 111 9 8 101 110\r\n");
        Text(invite).ShouldContain("a=rtpmap:111 opus/48000/2\r\n");
        Agree(invite, answer);
        _bench.Expect("sys.call.on_dial_completed");
        return invite;
    }

    private void Agree(SipRequest invite, string sdp)
    {
        _phone.Respond(invite, 200, $"Contact: <sip:far@{_phone.Local}>\nContent-Type: application/sdp", sdp);
        _phone.Request("ACK");
    }

    [Fact]
    public void A_trunks_codecs_are_offered_in_its_order_and_the_answers_first_is_sent()
    {
        Up(Sdp("111 110 8", "a=rtpmap:111 opus/48000/2\na=fmtp:111 useinbandfec=1;maxplaybackrate=16000\na=rtpmap:110 telephone-event/48000\na=ptime:40\n"));
        Described.Codec.ShouldBe(AudioCodec.Opus);
        (Described.PayloadType, Described.TelephoneEventPayloadType, Described.EventClockPerMilli).ShouldBe((111, 110, 48));
        Described.Sending.ShouldBe(new SendFormat(40, 16_000, UsesFec: true));
        Described.AlsoReceived.ShouldContain(new ReceivedFormat(8, AudioCodec.Pcma));
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_new_owner_offers_what_was_offered_and_goes_on_in_what_was_agreed()
    {
        Up(Sdp("9 101", "a=rtpmap:9 G722/8000\n"));
        Described.Codec.ShouldBe(AudioCodec.G722);
        _bench.KillAndRestart();
        var again = _phone.Request("INVITE");
        Text(again).ShouldContain("RTP/AVP 111 9 8 101 110\r\n");
        Agree(again, Sdp("9 101", "a=rtpmap:9 G722/8000\n"));
        Described.Codec.ShouldBe(AudioCodec.G722);
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_re_INVITE_of_the_far_end_changes_the_codec()
    {
        var invite = Up(Sdp("8 101"));
        Described.Codec.ShouldBe(AudioCodec.Pcma);
        ReInvite(1, Sdp("9 101"), "RTP/AVP 9 101\r\n", AudioCodec.G722);
        ReInvite(2, Sdp("96 97", "a=rtpmap:96 opus/48000/2\na=rtpmap:97 telephone-event/48000\n"), "RTP/AVP 96 97\r\n", AudioCodec.Opus);
        ReInvite(3, Sdp("8 101"), "RTP/AVP 8 101\r\n", AudioCodec.Pcma);
        // Nothing in common is refused, and the call goes on as it was.
        _phone.SendInDialog(invite, "INVITE", 4, $"Contact: <sip:far@{_phone.Local}>\nContent-Type: application/sdp", Sdp("18"));
        _phone.Response(488);
        Described.Codec.ShouldBe(AudioCodec.Pcma);
        _bench.Crashes.ShouldBeEmpty();

        void ReInvite(uint number, string offer, string answer, AudioCodec codec)
        {
            _phone.SendInDialog(invite, "INVITE", number, $"Contact: <sip:far@{_phone.Local}>\nContent-Type: application/sdp", offer);
            Text(_phone.Response(200)).ShouldContain(answer);
            _phone.SendInDialog(invite, "ACK", number);
            Described.Codec.ShouldBe(codec);
        }
    }
}
