using Cti.Sip.Auth;
using Cti.Sip.Dialog;
using Cti.Sip.Message;

namespace Cti.Sip.Tests.Dialog;

public sealed class RegisterUsageTests
{
    private static readonly NameAddr Contact = new(SipUri.Parse("sip:us@192.0.2.1:5060"));
    private static readonly SipRequest Register = Wire.Request(
        "REGISTER sip:example.com SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\nMax-Forwards: 70\nFrom: <sip:us@example.com>;tag=t1\n"
            + "To: <sip:us@example.com>\nCall-ID: c\nCSeq: 1 REGISTER\nContact: <sip:us@192.0.2.1:5060>\n");

    private RegisterState _state = new() { ConfiguredSeconds = 600 };
    private long _now = 1_000_000;

    private static SipResponse Answer(int status, params string[] headers)
    {
        var response = SipResponse.For(Register, status, null, "x");
        // A 503 of ours says when to come again; a registrar's says what the test says.
        response.Remove(HeaderId.RetryAfter);
        foreach (var header in headers)
            response.Add(header[..header.IndexOf(':', StringComparison.Ordinal)], header[(header.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim());
        return response;
    }

    private RegisterStep Ask()
    {
        var step = RegisterUsage.Ask(_state);
        _state = step.State;
        return step;
    }

    private RegisterStep Respond(int status, params string[] headers) => Respond(Answer(status, headers));

    private RegisterStep Respond(SipResponse response, bool mayAnswer = true, int random = 500)
    {
        var answer = mayAnswer && _state.Digest.TryChallenge(DigestChallenges.Read(response), out var session) ? session : null;
        var step = RegisterUsage.Responded(_state, response, Contact, answer, _now, random);
        _state = step.State;
        return step;
    }

    /// <summary>Milliseconds until the next attempt.</summary>
    private long Wait => _state.DueAt - _now;

    [Theory]
    [InlineData(60, "Contact: <sip:other@192.0.2.2>;expires=9, <sip:us@192.0.2.1:5060>;expires=60")]
    [InlineData(120, "Contact: <sip:us@192.0.2.1:5060>\nExpires: 120")]
    [InlineData(600, "Contact: <sip:us@192.0.2.1:5060>")]
    [InlineData(15, "Contact: <sip:us@203.0.113.9:61034>;expires=15")]
    [InlineData(15, "Contact: <sip:us@203.0.113.9:61034>;expires=15\nExpires: 3600")]
    [InlineData(45, "Contact: <sip:us@203.0.113.9:61034>\nExpires: 45")]
    [InlineData(300, "Contact: <sip:a@192.0.2.2>;expires=10, <sip:us@203.0.113.9:61034>;expires=300, <sip:b@192.0.2.3>;expires=20")]
    [InlineData(90, "Expires: 90")]
    [InlineData(600, "X: y")]
    [InlineData(600, "Contact: *")]
    [InlineData(600, "Contact: <<<")]
    [InlineData(600, "Contact: <sip:us@203.0.113.9>;expires=soon")]
    [InlineData(600, "Contact: <sip:us@203.0.113.9>;expires=-5\nExpires: minus")]
    [InlineData(0, "Contact: <sip:us@192.0.2.1:5060>;expires=0")]
    [InlineData(0, "Expires: 0")]
    public void What_is_granted_is_read_from_whatever_says_so(long seconds, string headers) =>
        RegisterUsage.GrantedSeconds(Answer(200, headers.Split('\n')), Contact, 600).ShouldBe(seconds);

    [Theory]
    [InlineData(3600, 2_880_000)]
    [InlineData(600, 480_000)]
    [InlineData(15, 12_000)]
    [InlineData(1, 5_000)]
    [InlineData(99_999_999_999, 69_120_000)]
    public void It_is_asked_for_again_when_a_fifth_of_the_granted_time_is_left(long seconds, long afterMillis)
    {
        Ask();
        Respond(200, $"Contact: <sip:us@203.0.113.9:61034>;expires={seconds}").News.ShouldBe(RegisterNews.Registered);
        (Wait, _state.HoldsUntil > _now).ShouldBe((afterMillis, true));
        _now = _state.DueAt;
        Ask().Sends.ShouldBeTrue();
        Respond(200, $"Contact: <sip:us@203.0.113.9:61034>;expires={seconds}").News.ShouldBe(seconds == 1 ? RegisterNews.Registered : RegisterNews.None);
    }

    [Fact]
    public void A_423_is_asked_again_at_once_with_what_it_wants_and_that_is_remembered()
    {
        Ask();
        _state.AskSeconds.ShouldBe(600);
        var step = Respond(423, "Min-Expires: 3600");
        (step.Sends, _state.AskSeconds).ShouldBe((true, 3600));
        Respond(200, "Contact: <sip:us@192.0.2.1:5060>;expires=3600");
        _now = _state.DueAt;
        Ask();
        _state.AskSeconds.ShouldBe(3600);
    }

    [Fact]
    public void A_423_after_a_challenge_is_challenged_and_answered_once_more()
    {
        Ask();
        Respond(401, "WWW-Authenticate: Digest realm=\"r\", nonce=\"n1\"").Authorized.ShouldBeTrue();
        var raised = Respond(423, "Min-Expires: 1800");
        (raised.Sends, raised.Authorized).ShouldBe((true, false));
        Respond(401, "WWW-Authenticate: Digest realm=\"r\", nonce=\"n2\"").Authorized.ShouldBeTrue();
        Respond(200, "Expires: 1800").News.ShouldBe(RegisterNews.Registered);
    }

    [Theory]
    [InlineData("Min-Expires: 86401")]
    [InlineData("Min-Expires: 4294967295")]
    [InlineData("Min-Expires: 99999999999999999999")]
    [InlineData("Min-Expires: 600")]
    [InlineData("Min-Expires: 5")]
    [InlineData("Min-Expires: long")]
    [InlineData("X: y")]
    public void A_423_that_makes_no_sense_is_a_failure_like_another(string header)
    {
        Ask();
        var step = Respond(423, header);
        (step.Sends, step.News, _state.FailedStatus).ShouldBe((false, RegisterNews.Failed, 423));
        Wait.ShouldBeInRange(15_000, 30_000);
    }

    [Fact]
    public void A_registrar_that_always_wants_more_is_left_alone_for_a_while()
    {
        Ask();
        var sent = 0;
        for (var min = 700; min < 2000; min += 100)
        {
            if (!Respond(423, $"Min-Expires: {min}").Sends) break;
            sent++;
        }
        sent.ShouldBe(3);
        Wait.ShouldBeGreaterThanOrEqualTo(15_000);
    }

    [Fact]
    public void Failures_are_tried_again_ever_more_seldom_and_not_by_all_at_once()
    {
        long[] waits = new long[8];
        for (var i = 0; i < waits.Length; i++)
        {
            Ask().Sends.ShouldBeTrue();
            _state = RegisterUsage.NotAnswered(_state, 408, _now, 999).State;
            waits[i] = Wait;
            _now = _state.DueAt;
        }
        waits.ShouldBe([30_000, 60_000, 120_000, 240_000, 480_000, 600_000, 600_000, 600_000]);
        Ask();
        RegisterUsage.NotAnswered(_state, 408, _now, 0).State.DueAt.ShouldBe(_now + 300_000);
        Respond(200, "Expires: 600");
        _now = _state.DueAt;
        Ask();
        RegisterUsage.NotAnswered(_state, 408, _now, 999).State.DueAt.ShouldBe(_now + 30_000);
    }

    [Theory]
    [InlineData(503, "Retry-After: 120", 120_000, 132_000)]
    [InlineData(500, "Retry-After: 5 (soon);duration=7", 5_000, 6_000)]
    [InlineData(503, "Retry-After: 999999999", 3_600_000, 3_960_000)]
    [InlineData(503, "Retry-After: 0", 15_000, 30_000)]
    [InlineData(503, "Retry-After: -1", 15_000, 30_000)]
    [InlineData(480, "X: y", 15_000, 30_000)]
    public void Retry_After_is_kept_to(int status, string header, long least, long most)
    {
        foreach (var random in (int[])[0, 500, 999])
        {
            _state = new RegisterState { ConfiguredSeconds = 600 };
            Ask();
            Respond(Answer(status, header), random: random);
            Wait.ShouldBeInRange(least, most);
        }
    }

    [Theory]
    [InlineData(401)]
    [InlineData(403)]
    [InlineData(407)]
    public void Refused_credentials_are_told_once_and_tried_seldom(int status)
    {
        var told = new List<RegisterNews>();
        for (var i = 0; i < 6; i++)
        {
            Ask();
            told.Add(Respond(Answer(status, "WWW-Authenticate: Digest realm=\"r\", nonce=\"n1\""), mayAnswer: false, random: 999).News);
            Wait.ShouldBe(Math.Min(300_000L << i, 3_600_000));
            _now = _state.DueAt;
        }
        told.ShouldBe([RegisterNews.Rejected, RegisterNews.None, RegisterNews.None, RegisterNews.None, RegisterNews.None, RegisterNews.None]);
        Ask();
        Respond(200, "Expires: 600").News.ShouldBe(RegisterNews.Registered);
    }

    [Fact]
    public void A_password_that_is_refused_is_not_sent_again_and_again()
    {
        Ask();
        Respond(401, "WWW-Authenticate: Digest realm=\"r\", nonce=\"n1\"").Sends.ShouldBeTrue();
        var step = Respond(401, "WWW-Authenticate: Digest realm=\"r\", nonce=\"n2\"");
        (step.Sends, step.News).ShouldBe((false, RegisterNews.Rejected));
    }

    [Theory]
    [InlineData("Contact: <sip:us@192.0.2.1:5060>;expires=0")]
    [InlineData("Expires: 0")]
    public void A_200_that_grants_nothing_is_a_failure_and_no_loop(string header)
    {
        for (var i = 0; i < 5; i++)
        {
            Ask();
            Respond(200, header).News.ShouldBe(RegisterNews.Failed);
            Wait.ShouldBeGreaterThanOrEqualTo(15_000);
            _state.HoldsUntil.ShouldBe(0);
            _now = _state.DueAt;
        }
    }

    [Fact]
    public void A_refresh_that_fails_takes_nothing_away_before_its_time()
    {
        Ask();
        Respond(200, "Expires: 600");
        var until = _state.HoldsUntil;
        _now = _state.DueAt;
        Ask();
        Respond(503);
        _state.HoldsUntil.ShouldBe(until);
        _state.DueAt.ShouldBeLessThan(until);
    }

    [Fact]
    public void What_is_registered_is_taken_back_with_the_credentials_that_were_taken_and_nothing_follows()
    {
        Ask();
        Respond(401, "WWW-Authenticate: Digest realm=\"r\", nonce=\"n1\"");
        Respond(200, "Expires: 600");
        var leave = RegisterUsage.Leave(_state, _now);
        (leave.Sends, leave.Authorized, leave.State.AskSeconds).ShouldBe((true, true, 0));
        _state = leave.State;
        Ask().Sends.ShouldBeFalse();
        Respond(401, "WWW-Authenticate: Digest realm=\"r\", nonce=\"n2\", stale=true").Authorized.ShouldBeTrue();
        Respond(200).News.ShouldBe(RegisterNews.Withdrawn);
        (_state.DueAt, _state.HoldsUntil).ShouldBe((long.MaxValue, 0));
        RegisterUsage.Leave(_state, _now).Sends.ShouldBeFalse();
    }

    [Fact]
    public void What_was_never_registered_is_not_taken_back()
    {
        RegisterUsage.Leave(_state, _now).Sends.ShouldBeFalse();
        Ask();
        RegisterUsage.Leave(_state, _now).Sends.ShouldBeTrue();
    }
}
