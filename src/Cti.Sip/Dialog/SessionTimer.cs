using System.Globalization;
using Cti.Sip.Message;

namespace Cti.Sip.Dialog;

/// <summary>What is asked of far ends about the time between refreshes of a session, and granted to them.</summary>
/// <param name="AskSeconds">The interval that is asked for; 0 leaves it to the far end whether there is one.</param>
/// <param name="MinSeconds">The shortest that is granted, 90 or more.</param>
public sealed record SessionTimerRules(int AskSeconds = 0, int MinSeconds = SessionTimer.MinSeconds);

/// <summary>
/// A session timer as agreed (RFC 4028): the session is over unless it is refreshed, by a re-INVITE or UPDATE, within the interval.
/// </summary>
/// <param name="IntervalSeconds">In seconds.</param>
/// <param name="WeRefresh">Whether refreshing is on us.</param>
public sealed record SessionTimer(int IntervalSeconds, bool WeRefresh)
{
    /// <summary>The shortest interval anyone may ask for, in seconds (section 4).</summary>
    public const int MinSeconds = 90;
    private const int SlackSecondsMax = 32;
    /// <summary>Of a far end that answers with less than anybody may ask for, no more than that is done.</summary>
    private const int FloorSeconds = 30;

    /// <summary>When we send a refresh: at half the interval (section 10).</summary>
    public long RefreshAt(long nowMillis) => nowMillis + (IntervalSeconds * 500L);

    /// <summary>When a session that was not refreshed is ended: 32 s, at most a third, before the interval's end (section 10).</summary>
    public long ExpiresAt(long nowMillis) => nowMillis + ((IntervalSeconds - Math.Min(SlackSecondsMax, IntervalSeconds / 3)) * 1000L);

    /// <summary>
    /// What we agree to as the server of an INVITE or UPDATE (section 9). The client refreshes where it can and does not say otherwise; one that has no timers,
    /// for which a proxy asks, is refreshed by us.
    /// </summary>
    /// <param name="request">The request.</param>
    /// <param name="toTag">Our tag, for the refusal.</param>
    /// <param name="rules">What we grant, and ask for ourselves.</param>
    /// <param name="timer">The timer; null for none.</param>
    /// <returns>The 422 for an interval that is too small, else null.</returns>
    public static SipResponse? Answer(SipRequest request, string? toTag, SessionTimerRules rules, out SessionTimer? timer)
    {
        timer = null;
        if (!TryRead(request, out var seconds, out var refresher))
        {
            if (rules.AskSeconds > 0) timer = new SessionTimer(Math.Max(rules.AskSeconds, LeastOf(request)), true);
            return null;
        }
        if (seconds < rules.MinSeconds)
        {
            var response = SipResponse.For(request, 422, null, toTag);
            response.Add(HeaderId.MinSE, Text(rules.MinSeconds));
            return response;
        }
        timer = new SessionTimer(seconds, !SaysTimer(request) || "uas".Equals(refresher, StringComparison.OrdinalIgnoreCase));
        return null;
    }

    /// <summary>What the 2xx to our request agreed on; null for no timer. One that does not say who refreshes, which it has to, leaves it to us.</summary>
    public static SessionTimer? FromResponse(SipResponse success) => TryRead(success, out var seconds, out var refresher) && seconds > 0
        ? new SessionTimer(Math.Max(seconds, FloorSeconds), !"uas".Equals(refresher, StringComparison.OrdinalIgnoreCase))
        : null;

    /// <summary>The shortest interval that a message's Min-SE allows, in seconds; 90 where it says nothing.</summary>
    internal static int LeastOf(SipMessage message) =>
        message.Number(HeaderId.MinSE, int.MaxValue / 1000) is { } seconds ? Math.Max((int)seconds, MinSeconds) : MinSeconds;

    /// <summary>Writes the agreement into our 2xx.</summary>
    internal void AddTo(SipResponse success)
    {
        if (!WeRefresh) success.Add(HeaderId.Require, SipCapabilities.Timer);
        success.Add(HeaderId.SessionExpires, Text(WeRefresh ? "uas" : "uac"));
    }

    /// <summary>Keeps the timer over a request of ours: who refreshed goes on refreshing.</summary>
    /// <param name="request">A re-INVITE or UPDATE.</param>
    /// <param name="leastSeconds">The shortest interval that the dialog has heard of (section 7.4).</param>
    internal void AddTo(SipRequest request, int leastSeconds)
    {
        request.Add(HeaderId.Supported, SipCapabilities.Supported);
        request.Add(HeaderId.SessionExpires, Text(WeRefresh ? "uac" : "uas"));
        if (leastSeconds > MinSeconds) request.Add(HeaderId.MinSE, Text(leastSeconds));
    }

    /// <summary>Asks for a timer in an INVITE of ours.</summary>
    internal static void AddTo(SipRequest invite, SessionTimerRules rules)
    {
        if (rules.AskSeconds > 0) invite.Add(HeaderId.SessionExpires, Text(Math.Max(rules.AskSeconds, rules.MinSeconds)));
        if (rules.MinSeconds > MinSeconds) invite.Add(HeaderId.MinSE, Text(rules.MinSeconds));
    }

    /// <summary>The Min-SE of a 422; null where it does not say, or asks for less than anybody may.</summary>
    internal static int? LeastIn(SipResponse tooSmall) =>
        tooSmall.Number(HeaderId.MinSE, int.MaxValue / 1000) is { } seconds and >= MinSeconds ? (int)seconds : null;

    /// <summary>
    /// Puts what a 422 asks for into <paramref name="invite"/>: its Min-SE as interval, the far end to refresh. False when it does not say.
    /// </summary>
    internal static bool TryRetry(SipResponse tooSmall, SipRequest invite)
    {
        if (LeastIn(tooSmall) is not { } least) return false;
        _ = TryRead(invite, out var asked, out _);
        invite.Set(HeaderId.SessionExpires, new SessionTimer(Math.Max(asked, least), false).Text("uas"));
        invite.Set(HeaderId.MinSE, Text(Math.Max(least, LeastOf(invite))));
        return true;
    }

    private string Text(string refresher) => string.Create(CultureInfo.InvariantCulture, $"{IntervalSeconds};refresher={refresher}");

    private static string Text(int seconds) => seconds.ToString(CultureInfo.InvariantCulture);

    private static bool SaysTimer(SipRequest request) =>
        request.Supported.Contains(SipCapabilities.Timer, StringComparer.OrdinalIgnoreCase)
            || request.Require.Contains(SipCapabilities.Timer, StringComparer.OrdinalIgnoreCase);

    private static bool TryRead(SipMessage message, out int seconds, out string? refresher)
    {
        seconds = 0;
        refresher = null;
        if (!message.TryGet(HeaderId.SessionExpires, out var header)) return false;
        var text = header.ValueBytes.Span;
        var end = text.IndexOfAny((byte)';', (byte)' ', (byte)'\t');
        if (!Ascii.TryNumber(end < 0 ? text : text[..end], int.MaxValue / 1000, out var number)) return false;
        seconds = (int)number;
        if (end < 0) return true;
        var lexer = new SipLexer(text[end..]);
        if (SipParams.TryRead(ref lexer, out var parameters)) refresher = parameters["refresher"];
        return true;
    }
}
