using System.Collections.Immutable;
using Cti.Sip.Auth;

namespace Cti.Sip.Tests.Auth;

public sealed class DigestTests
{
    private static DigestChallenge Parse(string value, bool proxy = false)
    {
        DigestChallenge.TryParse(value, proxy, out var challenge).ShouldBeTrue();
        return challenge!;
    }

    private static string ResponseOf(string header)
    {
        var start = header.IndexOf("response=\"", StringComparison.Ordinal) + 10;
        return header[start..header.IndexOf('"', start)];
    }

    [Fact]
    public void The_example_of_RFC_2617_section_3_5()
    {
        var challenge = Parse("Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", "
            + "opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"");
        DigestClient.Authorize(challenge, new DigestCredentials("Mufasa", "Circle Of Life"), "GET", "/dir/index.html", "0a4f113b", 1).ShouldBe(
            "Digest username=\"Mufasa\", realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", uri=\"/dir/index.html\", " +
            "response=\"6629fae49393a05397450978507c4ef1\", cnonce=\"0a4f113b\", qop=auth, nc=00000001, opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"");
    }

    [Theory]
    [InlineData("MD5", "8ca523f5e9506fed4657c9700eebdbec")]
    [InlineData("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1")]
    public void The_examples_of_RFC_7616_section_3_9_1(string algorithm, string response)
    {
        var challenge = Parse($"Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm={algorithm}, " +
            "nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"");
        var header = DigestClient.Authorize(challenge, new DigestCredentials("Mufasa", "Circle of Life"), "GET", "/dir/index.html",
            "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", 1);
        ResponseOf(header).ShouldBe(response);
        header.ShouldContain($", algorithm={algorithm}, cnonce=");
    }

    [Fact]
    public void Without_qop_the_old_form_is_used_as_in_the_erratum_to_RFC_2069()
    {
        var challenge = Parse("Digest realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"");
        DigestClient.Authorize(challenge, new DigestCredentials("Mufasa", "CircleOfLife"), "GET", "/dir/index.html", "unused", 1).ShouldBe(
            "Digest username=\"Mufasa\", realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", uri=\"/dir/index.html\", " +
            "response=\"1949323746fe6a43ef61f9606e7febea\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"");
    }

    // Computed apart from this code: H(H(H(u:r:p):n:c):n:0000000a:c:auth:H(INVITE:sip:a@b)).
    [Theory]
    [InlineData("MD5-sess", "1f7a32596161d951985a0b655e88f18c")]
    [InlineData("SHA-256-sess", "db9277f5e2d41c6aee26397e6d0b8a7a10501373f5fb77cc5b53ffd5f8e3dd60")]
    public void The_session_variants_hash_nonce_and_cnonce_into_the_secret(string algorithm, string response)
    {
        var challenge = Parse($"Digest realm=\"r\", nonce=\"n\", qop=\"auth\", algorithm={algorithm}");
        ResponseOf(DigestClient.Authorize(challenge, new DigestCredentials("u", "p"), "INVITE", "sip:a@b", "c", 10)).ShouldBe(response);
    }

    [Theory]
    [InlineData("Basic realm=\"r\"")]
    [InlineData("Digest")]
    [InlineData("Digest ")]
    [InlineData("Digest realm=\"r\"")]
    [InlineData("Digest nonce=\"n\"")]
    [InlineData("Digest realm=\"r\", nonce=\"n")]
    [InlineData("Digest realm=\"r\" nonce=\"n\"")]
    [InlineData("Digest realm=\"r\", nonce=\"n\", algorithm=SHA-512-256")]
    [InlineData("Digest realm=\"r\", nonce=\"n\", qop=\"token\"")]
    [InlineData("Digest realm=\"r\", nonce=\"\"")]
    public void What_is_not_a_supported_challenge_is_passed_over(string value)
    {
        DigestChallenge.TryParse(value, false, out var challenge).ShouldBeFalse();
        challenge.ShouldBeNull();
    }

    [Fact]
    public void Quotes_commas_and_escapes_in_values_are_kept_as_they_were() =>
        Parse("digest  REALM = \"a \\\"b\\\", c\" ,Nonce=n1,stale=TRUE , qop=auth,algorithm=\"md5\"", true)
            .ShouldBe(new DigestChallenge("a \\\"b\\\", c", "n1", null, DigestAlgorithm.Md5, "md5", true, true, true));

    [Fact]
    public void The_strongest_of_several_challenges_is_chosen()
    {
        var md5 = Parse("Digest realm=\"r\", nonce=\"1\", algorithm=MD5");
        var sha = Parse("Digest realm=\"r\", nonce=\"2\", algorithm=SHA-256");
        DigestClient.Choose([md5, sha]).ShouldBe(sha);
        DigestClient.Choose([sha, md5]).ShouldBe(sha);
        DigestClient.Choose([]).ShouldBeNull();
    }

    [Fact]
    public void A_realm_is_answered_once_and_again_when_stale_and_counts_its_nonce()
    {
        var credentials = new DigestCredentials("u", "p");
        ImmutableArray<DigestChallenge> first = [Parse("Digest realm=\"r\", nonce=\"1\", qop=\"auth\"")];
        ImmutableArray<DigestChallenge> stale = [Parse("Digest realm=\"r\", nonce=\"2\", qop=\"auth\", stale=true")];
        DigestSession.Empty.TryChallenge([], out _).ShouldBeFalse();
        DigestSession.Empty.Authorize(credentials, "INVITE", "sip:a@b", "c", out _).ShouldBeEmpty();

        DigestSession.Empty.TryChallenge(first, out var session).ShouldBeTrue();
        session.Authorize(credentials, "INVITE", "sip:a@b", "c", out session)[0].Value.ShouldContain("nonce=\"1\"");
        session.TryChallenge(first, out _).ShouldBeFalse();
        session.TryChallenge(stale, out session).ShouldBeTrue();
        session.Authorize(credentials, "INVITE", "sip:a@b", "c", out session)[0].Value.ShouldContain("nonce=\"2\"");
        session = session.Accept();
        session.Authorize(credentials, "BYE", "sip:a@b", "c", out session)[0].Value.ShouldContain("nc=00000002");
        session.TryChallenge(first, out session).ShouldBeTrue();
        session.TryChallenge(first, out _).ShouldBeFalse();
    }

    [Fact]
    public void Staleness_without_end_is_not_followed()
    {
        ImmutableArray<DigestChallenge> stale = [Parse("Digest realm=\"r\", nonce=\"2\", stale=true")];
        var session = DigestSession.Empty;
        var answered = 0;
        while (session.TryChallenge(stale, out session) && answered < 100) answered++;
        answered.ShouldBe(4);
    }

    [Fact]
    public void A_proxy_and_a_server_are_both_answered_and_each_in_its_header()
    {
        ImmutableArray<DigestChallenge> challenges = [Parse("Digest realm=\"r\", nonce=\"1\""), Parse("Digest realm=\"r\", nonce=\"2\"", true)];
        DigestSession.Empty.TryChallenge(challenges, out var session).ShouldBeTrue();
        session.Authorize(new DigestCredentials("u", "p"), "INVITE", "sip:a@b", "c", out _).Select(h => h.HeaderName)
            .ShouldBe(["Authorization", "Proxy-Authorization"]);
    }

    [Fact]
    public void Neither_password_nor_hash_shows_in_a_text_form()
    {
        new DigestCredentials("u", "secret").ToString().ShouldNotContain("secret");
        new DigestAuthorization(false, "Digest response=\"x\"").ToString().ShouldBe("Authorization");
    }

    [Theory]
    [InlineData("v=0\r\n")]
    [InlineData("")]
    public void Where_only_auth_int_is_offered_the_answer_is_over_the_body_too(string body)
    {
        var challenge = Parse("Digest realm=\"r\", nonce=\"n\", qop=\"auth-int\"");
        var value = DigestClient.Authorize(challenge, new DigestCredentials("u", "p"), "INVITE", "sip:a@b", "c", 1, System.Text.Encoding.ASCII.GetBytes(body));
        value.ShouldContain("qop=auth-int, nc=00000001");
        value.ShouldContain($"response=\"{Md5($"{Md5("u:r:p")}:n:00000001:c:auth-int:{Md5($"INVITE:sip:a@b:{Md5(body)}")}")}\"");
        Parse("Digest realm=\"r\", nonce=\"n\", qop=\"auth-int, auth\"").QopAuth.ShouldBeTrue("what mends descriptions on the way would break the other");
    }

    [Fact]
    public void A_request_with_a_body_is_answered_for_with_it()
    {
        var request = new Cti.Sip.Message.SipRequest("INVITE", Cti.Sip.Message.SipUri.Parse("sip:a@b"));
        request.SetBody("application/sdp", "v=0\r\n"u8.ToArray());
        DigestSession.Empty.TryChallenge([Parse("Digest realm=\"r\", nonce=\"n\", qop=\"auth-int\"")], out var session).ShouldBeTrue();
        DigestChallenges.AddTo(request, session, new DigestCredentials("u", "p"), "c");
        request.Get(Cti.Sip.Message.HeaderId.Authorization)!
            .ShouldContain(Md5($"{Md5("u:r:p")}:n:00000001:c:auth-int:{Md5($"INVITE:sip:a@b:{Md5("v=0\r\n")}")}"));
    }

#pragma warning disable CA5351 // What the challenge asks for.
    private static string Md5(string text) => Convert.ToHexStringLower(System.Security.Cryptography.MD5.HashData(System.Text.Encoding.ASCII.GetBytes(text)));
#pragma warning restore CA5351
}
