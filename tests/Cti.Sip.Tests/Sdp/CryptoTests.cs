using System.Text;
using Cti.Sip.Dialog;
using Cti.Sip.Message;
using Cti.Sip.Sdp;

namespace Cti.Sip.Tests.Sdp;

/// <summary>What offer and answer make of crypto lines (RFC 4568).</summary>
public sealed class CryptoTests
{
    private const string Head = "v=0\r\no=alice 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n";
    private const string Avp = "m=audio 4000 RTP/AVP 0\r\n", Savp = "m=audio 4000 RTP/SAVP 0\r\n";

    private static readonly LocalCrypto Crypto =
        new(IsRequired: false, [.. CryptoSuites.All.Select(static (suite, place) => new CryptoKey(suite, KeyText(suite, (byte)(place + 1))))]);
    private static readonly LocalAudio Plain = new("192.0.2.1", 20000, 42, 1, ["PCMA", "PCMU"]);
    private static readonly LocalAudio Optional = Plain with { Crypto = Crypto };
    private static readonly LocalAudio Required = Plain with { Crypto = Crypto with { IsRequired = true } };

    private static string KeyText(string suite, byte fill) => Convert.ToBase64String(Enumerable.Repeat(fill, CryptoSuites.KeyBytes(suite)).ToArray());

    private static string Line(int tag, string suite, string more = "", byte fill = 9) => $"a=crypto:{tag} {suite} inline:{KeyText(suite, fill)}{more}\r\n";

    private static SdpSession Parse(string text)
    {
        SdpParser.TryParse(text, out var session, out var rejection).ShouldBeTrue(rejection.ToString());
        return session!;
    }

    private static string[] LinesOf(SdpSession session) =>
        [.. session.Media[0].Attributes.Where(static line => line.Name == "crypto").Select(static line => line.Value!)];

    [Fact]
    public void An_optional_offer_is_best_effort_and_a_required_one_is_not()
    {
        var offer = SdpNegotiator.CreateOffer(Optional);
        offer.Media[0].Protocol.ShouldBe("RTP/AVP");
        LinesOf(offer).ShouldBe([.. CryptoSuites.All.Select(static (suite, place) => $"{place + 1} {suite} inline:{KeyText(suite, (byte)(place + 1))}")]);
        SdpNegotiator.CreateOffer(Required).Media[0].Protocol.ShouldBe("RTP/SAVP");
        var plain = SdpNegotiator.CreateOffer(Plain);
        (plain.Media[0].Protocol, LinesOf(plain).Length).ShouldBe(("RTP/AVP", 0));
    }

    [Theory]
    [InlineData("AES_CM_128_HMAC_SHA1_80", "|2^31", 0)]
    [InlineData("AES_CM_128_HMAC_SHA1_80", "|1048576|1:4", 4)]
    [InlineData("aes_cm_128_hmac_sha1_32", "|2^20|7:1 KDR=0 WSH=128 -x", 1)]
    [InlineData("AEAD_AES_128_GCM", "", 0)]
    [InlineData("AEAD_AES_256_GCM", "|2^48", 0)]
    public void The_line_that_is_taken_is_answered_under_its_tag_with_a_key_of_ours(string suite, string more, int identifier)
    {
        var known = CryptoSuites.Find(suite)!;
        var text = $"a=crypto:7 {suite} inline:{KeyText(known, 9)}{more}\r\n";
        foreach (var (profile, local) in new[] { (Savp, Optional), (Savp, Required), (Avp, Optional), (Avp, Required) })
        {
            var outcome = SdpNegotiator.Answer(Parse(Head + profile + Line(1, "F8_128_HMAC_SHA1_80") + text), local);
            outcome.Refusal.ShouldBe(SdpRefusal.None);
            outcome.Local!.Media[0].Protocol.ShouldBe(profile == Savp ? "RTP/SAVP" : "RTP/AVP");
            var own = Crypto.Keys.Single(key => key.Suite == known);
            LinesOf(outcome.Local).ShouldBe([$"7 {known} inline:{own.KeyAndSalt}"]);
            outcome.Audio!.Srtp.ShouldBe(known);
            outcome.Audio.Keys.ShouldBe(new StreamKeys(own, new CryptoKey(known, KeyText(known, 9), identifier)));
        }
    }

    [Fact]
    public void The_offerers_order_decides_among_the_suites_that_we_have()
    {
        var offer = Head + Savp + Line(5, CryptoSuites.AesGcm128) + Line(6, CryptoSuites.AesCm80);
        SdpNegotiator.Answer(Parse(offer), Required).Audio!.Srtp.ShouldBe(CryptoSuites.AesGcm128);
        var one = Required with { Crypto = new LocalCrypto(true, [Crypto.Keys[0]]) };
        SdpNegotiator.Answer(Parse(offer), one).Audio!.Srtp.ShouldBe(CryptoSuites.AesCm80);
    }

    [Fact]
    public void Of_two_streams_the_protected_one_is_taken_wherever_it_stands()
    {
        var offer = Parse(Head + Avp + "m=audio 4002 RTP/SAVP 8\r\n" + Line(1, CryptoSuites.AesCm80));
        var outcome = SdpNegotiator.Answer(offer, Optional);
        outcome.Local!.Media.Select(static media => media.Port).ShouldBe([0, 20000]);
        (outcome.Audio!.RemotePort, outcome.Audio.Srtp).ShouldBe((4002, CryptoSuites.AesCm80));
        SdpNegotiator.Answer(offer, Plain).Local!.Media.Select(static media => media.Port).ShouldBe([20000, 0]);
    }

    [Theory]
    [InlineData(Avp, "", "optional", SdpRefusal.None)]
    [InlineData(Avp, "", "required", SdpRefusal.NotProtected)]
    [InlineData(Savp, "", "required", SdpRefusal.NoCommonCrypto)]
    [InlineData(Savp, "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAA\r\n", "optional", SdpRefusal.NoCommonCrypto)]
    [InlineData(Savp, "a=crypto:1 F8_128_HMAC_SHA1_80 inline:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB\r\n", "required", SdpRefusal.NoCommonCrypto)]
    [InlineData(Savp, "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB UNENCRYPTED_SRTP\r\n", "required",
        SdpRefusal.NoCommonCrypto)]
    [InlineData(Savp, "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB|1:129\r\n", "required", SdpRefusal.NoCommonCrypto)]
    [InlineData(Savp, "a=crypto:x AES_CM_128_HMAC_SHA1_80 inline:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB\r\n", "required", SdpRefusal.NoCommonCrypto)]
    [InlineData(Savp, "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB\r\n", "off", SdpRefusal.UnsupportedProfile)]
    [InlineData(Avp, "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB\r\n", "off", SdpRefusal.None)]
    // From the wire, a line without a key would be a call that hears nothing.
    [InlineData(Savp, "a=crypto:1 AES_CM_128_HMAC_SHA1_80\r\n", "required", SdpRefusal.NoCommonCrypto)]
    [InlineData(Avp, "a=crypto:1 AES_CM_128_HMAC_SHA1_80\r\n", "optional", SdpRefusal.None)]
    [InlineData(Avp, "a=crypto:nonsense\r\na=crypto\r\n", "optional", SdpRefusal.None)]
    public void What_cannot_be_protected_as_wanted_is_refused_and_lines_that_nobody_can_read_are_passed_over(string media, string lines, string mode,
        SdpRefusal refusal)
    {
        var outcome = SdpNegotiator.Answer(Parse(Head + media + lines), mode switch { "off" => Plain, "optional" => Optional, _ => Required });
        outcome.Refusal.ShouldBe(refusal);
        if (refusal == SdpRefusal.None) outcome.Audio!.Srtp.ShouldBeNull();
    }

    [Fact]
    public void A_key_without_its_padding_is_read()
    {
        var text = KeyText(CryptoSuites.AesGcm128, 9);
        text.ShouldEndWith("==");
        var outcome = SdpNegotiator.Answer(Parse(Head + Savp + $"a=crypto:1 AEAD_AES_128_GCM inline:{text.TrimEnd('=')}\r\n"), Required);
        outcome.Audio!.Keys!.Remote!.KeyAndSalt.ShouldBe(text);
    }

    [Theory]
    [InlineData("optional", Avp, 1, CryptoSuites.AesCm80, CryptoSuites.AesCm80)]
    [InlineData("optional", Avp, 4, CryptoSuites.AesGcm256, CryptoSuites.AesGcm256)]
    [InlineData("required", Savp, 2, CryptoSuites.AesCm32, CryptoSuites.AesCm32)]
    // A wrong tag: the suite says which.
    [InlineData("required", Savp, 3, CryptoSuites.AesCm32, CryptoSuites.AesCm32)]
    // Who answers a best-effort offer by another profile has agreed all the same.
    [InlineData("optional", Savp, 1, CryptoSuites.AesCm80, CryptoSuites.AesCm80)]
    [InlineData("required", Avp, 1, CryptoSuites.AesCm80, CryptoSuites.AesCm80)]
    public void Their_answer_takes_a_line_of_our_offer(string mode, string media, int tag, string suite, string agreed)
    {
        var offer = SdpNegotiator.CreateOffer(mode == "required" ? Required : Optional);
        var outcome = SdpNegotiator.ApplyAnswer(offer, Parse(Head + media + Line(tag, suite)));
        outcome.Refusal.ShouldBe(SdpRefusal.None);
        outcome.Audio!.Srtp.ShouldBe(agreed);
        outcome.Audio.Keys.ShouldBe(new StreamKeys(Crypto.Keys.Single(key => key.Suite == suite), new CryptoKey(suite, KeyText(suite, 9))));
    }

    [Fact]
    public void An_answer_without_a_key_is_plain_where_that_may_be_and_refused_where_not()
    {
        var plain = Parse(Head + Avp);
        SdpNegotiator.ApplyAnswer(SdpNegotiator.CreateOffer(Optional), plain).Audio!.Srtp.ShouldBeNull();
        SdpNegotiator.ApplyAnswer(SdpNegotiator.CreateOffer(Required), plain).Refusal.ShouldBe(SdpRefusal.NoCommonCrypto);
        SdpNegotiator.ApplyAnswer(SdpNegotiator.CreateOffer(Required), Parse(Head + Savp)).Refusal.ShouldBe(SdpRefusal.NoCommonCrypto);
        SdpNegotiator.ApplyAnswer(SdpNegotiator.CreateOffer(Plain), Parse(Head + Savp + Line(1, CryptoSuites.AesCm80)))
            .Refusal.ShouldBe(SdpRefusal.UnsupportedProfile);
    }

    [Fact]
    public void What_is_protected_stays_so_in_later_offers_and_the_same_keys_raise_no_version()
    {
        var answered = SdpNegotiator.Answer(Parse(Head + Savp + Line(1, CryptoSuites.AesCm80)), Optional).Local!;
        var again = SdpNegotiator.CreateOffer(Optional, answered);
        again.Media[0].Protocol.ShouldBe("RTP/SAVP");
        again.Origin.Version.ShouldBe("2");
        SdpNegotiator.CreateOffer(Optional, again).Origin.Version.ShouldBe("2");
    }

    [Fact]
    public void A_journal_gets_the_suites_and_no_key()
    {
        var offer = SdpNegotiator.CreateOffer(Required);
        var journaled = offer.ToJournal();
        foreach (var key in Crypto.Keys) journaled.ShouldNotContain(key.KeyAndSalt);
        journaled.ShouldContain("a=crypto:1 AES_CM_128_HMAC_SHA1_80\r\n");
        var read = Parse(journaled);
        (read.LacksKeys, offer.LacksKeys).ShouldBe((true, false));
        // What is made of it again has keys, and the next version.
        var next = SdpNegotiator.CreateOffer(Required, read);
        LinesOf(next).ShouldBe(LinesOf(offer));
        next.Origin.Version.ShouldBe("2");
        SdpNegotiator.CreateOffer(Plain).ToJournal().ShouldBe(SdpNegotiator.CreateOffer(Plain).ToString());
        Crypto.ToString().ShouldNotContain(Crypto.Keys[0].KeyAndSalt);
        Crypto.Keys[0].ToString().ShouldNotContain(Crypto.Keys[0].KeyAndSalt);
    }

    [Theory]
    [InlineData("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:SECRETSECRETSECRETSECRETSECRETSECRETSECR\r\n")]
    [InlineData("a=CRYPTO:1 AES_CM_128_HMAC_SHA1_80  inline:SECRETSECRETSECRETSECRETSECRETSECRETSECR\r\n")]
    [InlineData("a=key-mgmt:mikey SECRET\r\n")]
    [InlineData("k=clear:SECRET\r\n")]
    [InlineData("a= crypto:1 AES_CM_128_HMAC_SHA1_80 inline:SECRETSECRETSECRETSECRETSECRETSECRETSECR\r\n")]
    [InlineData("a =\tCrypto :1 AES_CM_128_HMAC_SHA1_80 inline:SECRETSECRETSECRETSECRETSECRETSECRETSECR\r\n")]
    [InlineData("a=\u00a0crypto:1 AES_CM_128_HMAC_SHA1_80 inline:SECRETSECRETSECRETSECRETSECRETSECRETSECR\r\n")]
    [InlineData("k =clear:SECRET\r\n")]
    public void The_invite_that_a_journal_keeps_has_no_key_of_theirs(string line)
    {
        foreach (var body in new[] { Head + Savp + line, Head + line + Savp, (Head + Savp + line).Replace("\r\n", "\n", StringComparison.Ordinal),
            (Head + Savp + line).Replace("\r\n", "\r", StringComparison.Ordinal) })
        {
            var invite = (SipRequest)SipParser.ParseDatagram(Encoding.UTF8.GetBytes("INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n"
                + "From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: 1\r\n"
                + $"CSeq: 1 INVITE\r\nContent-Type: application/sdp\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\n\r\n{body}")).Message!;
            var stored = StoredInvite.Write(invite);
            stored.ShouldNotContain("SECRET");
            StoredInvite.TryRead(stored, out var read).ShouldBeTrue();
            Encoding.ASCII.GetString(read!.Body.Span).ShouldContain("m=audio 4000 RTP/SAVP 0");
        }
    }

    [Fact]
    public void An_offer_from_a_journal_is_answered_with_our_key_though_theirs_is_unknown()
    {
        // What we could not do is not taken for something that we can, since its key is gone as well.
        var offer = Head + Savp + "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAA\r\n"
            + Line(2, CryptoSuites.AesGcm128, " UNENCRYPTED_SRTP") + Line(3, CryptoSuites.AesCm80);
        var outcome = SdpNegotiator.Answer(Parse(Parse(offer).ToJournal()), Required, isJournaled: true);
        LinesOf(outcome.Local!).ShouldBe([$"3 {CryptoSuites.AesCm80} inline:{Crypto.Keys[0].KeyAndSalt}"]);
        outcome.Audio!.Keys.ShouldBe(new StreamKeys(Crypto.Keys[0], null));
    }
}
