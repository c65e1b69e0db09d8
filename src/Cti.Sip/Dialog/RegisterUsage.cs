using System.Collections.Immutable;
using System.Globalization;
using Cti.Sip.Auth;
using Cti.Sip.Message;

namespace Cti.Sip.Dialog;

/*
   A registration, RFC 3261 section 10.2

                  +---------+  due: REGISTER
        +-------> | Waiting | ----------------+
        |         +---------+                 V
        | 2xx: until the granted time      +--------+  401, 407: REGISTER again, once a realm
        |      less a margin               | Asking |-----+  423: REGISTER again with Min-Expires, at most 3 times
        +--------------------------------- |        |<----+
        | anything else, no answer: later, +--------+
        |   the longer the more often          | Leave: REGISTER with Expires 0
        +-- (RFC 5626 section 4.5)             V
                                           +---------+
                                           | Leaving | nothing follows
                                           +---------+
*/

/// <summary>Where a registration stands.</summary>
public enum RegisterPhase
{
    /// <summary>Until <see cref="RegisterState.DueAt"/>.</summary>
    Waiting,
    /// <summary>A REGISTER is under way.</summary>
    Asking,
    /// <summary>It is taken back, or was.</summary>
    Leaving,
}

/// <summary>Something of a registration that an operator wants to hear.</summary>
public enum RegisterNews
{
    /// <summary>Nothing.</summary>
    None,
    /// <summary>It holds from now on, and did not before.</summary>
    Registered,
    /// <summary>An attempt failed; it is tried again.</summary>
    Failed,
    /// <summary>User or password are refused: trying soon would not help.</summary>
    Rejected,
    /// <summary>It was taken back.</summary>
    Withdrawn,
}

/// <summary>A registration.</summary>
public sealed record RegisterState
{
    /// <summary>For how long it is asked for, in seconds, as configured.</summary>
    public required int ConfiguredSeconds { get; init; }
    /// <summary>Where it stands.</summary>
    public RegisterPhase Phase { get; init; }
    /// <summary>The least that the registrar takes, in seconds, as it said; 0 before.</summary>
    public int MinSeconds { get; init; }
    /// <summary>Challenges answered so far.</summary>
    public DigestSession Digest { get; init; } = DigestSession.Empty;
    /// <summary>When the next attempt is due, in milliseconds of the monotonic clock; <see cref="long.MaxValue"/> for never.</summary>
    public long DueAt { get; init; } = long.MaxValue;
    /// <summary>Until when the registrar's last 2xx holds; 0 before the first.</summary>
    public long HoldsUntil { get; init; }
    /// <summary>Attempts in a row that failed.</summary>
    public int Failures { get; init; }
    /// <summary>What the last attempt failed with; 0 where it did not.</summary>
    public int FailedStatus { get; init; }

    internal int Raises { get; init; }

    /// <summary>What the next REGISTER asks for, in seconds; 0 takes the registration back.</summary>
    public int AskSeconds => Phase == RegisterPhase.Leaving ? 0 : Math.Max(ConfiguredSeconds, MinSeconds);
}

/// <summary>A step of a registration.</summary>
/// <param name="State">To be kept.</param>
/// <param name="Sends">A REGISTER is to be sent for <see cref="RegisterState.AskSeconds"/>.</param>
/// <param name="Authorized">With the answers of <see cref="RegisterState.Digest"/>.</param>
/// <param name="News">What to tell.</param>
public readonly record struct RegisterStep(RegisterState State, bool Sends, bool Authorized = false, RegisterNews News = RegisterNews.None);

/// <summary>Keeps a registration at a registrar: pure. Times are milliseconds of the monotonic clock.</summary>
public static class RegisterUsage
{
    /// <summary>A day: a registrar that asks for more is not believed, and none is asked later.</summary>
    public const int SecondsMax = 86_400;

    private const int RaisesMax = 3;
    private const int ServiceRoutesMax = 8;
    /// <summary>However short a time is granted, a registrar is not asked more often.</summary>
    private const long RefreshMillisMin = 5_000;
    private const long RetryMillis = 30_000, RetryMillisMax = 600_000;
    /// <summary>Who refuses the password will do so in a minute, and may lock us out for it.</summary>
    private const long RejectedMillis = 300_000, RejectedMillisMax = 3_600_000;
    private const long RetryAfterMillisMax = 3_600_000;

    /// <summary>An attempt begins; of no effect while one is under way.</summary>
    public static RegisterStep Ask(RegisterState state) => state.Phase != RegisterPhase.Waiting
        ? new(state, false)
        : new(state with { Phase = RegisterPhase.Asking, DueAt = long.MaxValue, Raises = 0 }, true);

    /// <summary>
    /// Takes the registration back, where there may be one; with the credentials that were taken last, so that no challenge has to be waited for.
    /// </summary>
    public static RegisterStep Leave(RegisterState state, long nowMillis)
    {
        if (state.Phase == RegisterPhase.Leaving) return new(state, false);
        // An attempt that is under way may be granted after this one was decided.
        var mayHold = state.HoldsUntil > nowMillis || state.Phase == RegisterPhase.Asking;
        return new(state with { Phase = RegisterPhase.Leaving, DueAt = long.MaxValue }, mayHold, Authorized: true);
    }

    /// <summary>A final response to the REGISTER came.</summary>
    /// <param name="state">Before.</param>
    /// <param name="response">It.</param>
    /// <param name="contact">Our Contact, as it was sent.</param>
    /// <param name="answer">What a 401 or 407 is to be answered with, as <see cref="DigestTrust.Judge"/> says; null to take it as final.</param>
    /// <param name="nowMillis">Now.</param>
    /// <param name="random">0..999, any: so that many do not come back in the same moment.</param>
    public static RegisterStep Responded(RegisterState state, SipResponse response, NameAddr contact, DigestSession? answer, long nowMillis, int random)
    {
        if (response.IsProvisional || state.Phase == RegisterPhase.Waiting) return new(state, false);
        if (response.Status is 401 or 407 && answer is not null) return new(state with { Digest = answer }, true, Authorized: true);
        if (state.Phase == RegisterPhase.Leaving)
            return new(state with { HoldsUntil = 0 }, false, News: response.IsSuccess ? RegisterNews.Withdrawn : RegisterNews.None);
        if (response.IsSuccess) return Granted(state, response, contact, nowMillis, random);
        if (response.Status == 423 && state.Raises < RaisesMax && MinExpires(response) is { } min && min > state.AskSeconds && min <= SecondsMax)
        {
            // Who says so has taken the credentials: the next challenge may be answered again.
            return new(state with { MinSeconds = (int)min, Raises = state.Raises + 1, Digest = state.Digest.Accept() }, true);
        }
        var rejected = response.Status is 401 or 403 or 407;
        var retryAfter = rejected ? null : InviteResponses.RetryAfterSeconds(response);
        return Fail(state, response.Status, rejected, retryAfter, nowMillis, random);
    }

    /// <summary>The REGISTER was not answered.</summary>
    /// <param name="state">Before.</param>
    /// <param name="status">408 for no answer in time, 503 for a transport error.</param>
    /// <param name="nowMillis">Now.</param>
    /// <param name="random">0..999, any.</param>
    public static RegisterStep NotAnswered(RegisterState state, int status, long nowMillis, int random) =>
        state.Phase == RegisterPhase.Asking ? Fail(state, status, false, null, nowMillis, random) : new(state, false);

    /// <summary>
    /// For how many seconds a 2xx holds (RFC 3261 section 10.2.4). The time is that of our own Contact. A registrar behind a NAT may have rewritten it: then
    /// that of the only Contact there is counts, of several the longest, since the newest has most left. Without one that says so it is that of Expires, else
    /// what was asked.
    /// </summary>
    /// <param name="success">The 2xx.</param>
    /// <param name="contact">Our Contact.</param>
    /// <param name="askedSeconds">What was asked for.</param>
    /// <returns>0 where nothing is granted.</returns>
    public static long GrantedSeconds(SipResponse success, NameAddr contact, int askedSeconds)
    {
        long? longest = null;
        foreach (var bound in success.Contacts)
        {
            var seconds = SecondsOf(bound);
            if (bound.Uri.IsEquivalentTo(contact.Uri)) return seconds ?? success.Expires ?? askedSeconds;
            if (seconds is { } some && (longest is null || some > longest)) longest = some;
        }
        return longest ?? success.Expires ?? askedSeconds;
    }

    /// <summary>
    /// By which proxies requests go while a 2xx holds (RFC 3608 section 5), as Route values; empty for none. What does not route loosely, or is too long to be
    /// meant, is not followed.
    /// </summary>
    public static ImmutableArray<string> ServiceRoutesOf(SipResponse success)
    {
        var routes = success.ServiceRoutes;
        if (routes.Count is 0 or > ServiceRoutesMax || routes.Any(static route => !route.Uri.IsSip || !route.Uri.IsLooseRouter)) return [];
        return [.. routes.Select(DialogState.Text)];
    }

    private static RegisterStep Granted(RegisterState state, SipResponse success, NameAddr contact, long now, int random)
    {
        var seconds = GrantedSeconds(success, contact, state.AskSeconds);
        if (seconds == 0) return Fail(state, success.Status, false, null, now, random);
        seconds = Math.Min(seconds, SecondsMax);
        var news = now < state.HoldsUntil && state.Failures == 0 ? RegisterNews.None : RegisterNews.Registered;
        // A fifth of the time is left for a refresh that is lost, or late.
        return new(state with
        {
            Phase = RegisterPhase.Waiting,
            Digest = state.Digest.Accept(),
            Failures = 0,
            FailedStatus = 0,
            HoldsUntil = now + (seconds * 1000),
            DueAt = now + Math.Max(RefreshMillisMin, seconds * 800),
        }, false, News: news);
    }

    /// <summary>RFC 5626 section 4.5: the bound doubles with every failure, and the wait is drawn between half of it and all.</summary>
    private static RegisterStep Fail(RegisterState state, int status, bool rejected, int? retryAfterSeconds, long now, int random)
    {
        var failures = rejected != IsRejection(state.FailedStatus) ? 1 : state.Failures + 1;
        var doublings = Math.Min(failures - 1, 16);
        var bound = rejected ? Math.Min(RejectedMillis << doublings, RejectedMillisMax) : Math.Min(RetryMillis << doublings, RetryMillisMax);
        var wait = retryAfterSeconds is { } seconds and > 0
            ? Spread(Math.Min(seconds * 1000L, RetryAfterMillisMax), random)
            : (bound / 2) + (bound / 2 * random / 999);
        // Said once: an operator has to do something, and the same line every few minutes is none the clearer.
        var news = rejected && IsRejection(state.FailedStatus) ? RegisterNews.None : rejected ? RegisterNews.Rejected : RegisterNews.Failed;
        return new(state with
        {
            Phase = RegisterPhase.Waiting,
            Failures = failures,
            FailedStatus = status,
            Digest = DigestSession.Empty,
            DueAt = now + wait,
            // It said itself that there is none.
            HoldsUntil = status is >= 200 and < 300 ? 0 : state.HoldsUntil,
        }, false, News: news);
    }

    private static bool IsRejection(int status) => status is 401 or 403 or 407;

    private static long Spread(long millis, int random) => millis + (Math.Max(1000, millis / 10) * random / 999);

    private static long? MinExpires(SipResponse response) =>
        response.TryGet(HeaderId.MinExpires, out var header) && Ascii.TryNumber(header.ValueBytes.Span, uint.MaxValue, out var seconds) ? seconds : null;

    private static long? SecondsOf(NameAddr bound) =>
        ulong.TryParse(bound.Params["expires"], NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
            ? (long)Math.Min(seconds, uint.MaxValue)
            : null;
}
