using System.Globalization;
using Cti.Sip.Message;

namespace Cti.Sip.Dialog;

/// <summary>
/// A session timer as agreed (RFC 4028): the session is over unless it is refreshed, by a re-INVITE or UPDATE, within the interval.
/// We never ask for one; where the far end does, it is to refresh whenever that is left to us.
/// </summary>
/// <param name="IntervalSeconds">90 or more.</param>
/// <param name="WeRefresh">Whether refreshing is on us.</param>
public sealed record SessionTimer(int IntervalSeconds, bool WeRefresh)
{
    /// <summary>The shortest interval anyone may ask for, in seconds (section 4).</summary>
    public const int MinSeconds = 90;
    private const int SlackSecondsMax = 32;

    /// <summary>When we send a refresh: at half the interval (section 10).</summary>
    public long RefreshAt(long nowMillis) => nowMillis + (IntervalSeconds * 500L);

    /// <summary>When a session that was not refreshed is ended: 32 s, at most a third, before the interval's end (section 10).</summary>
    public long ExpiresAt(long nowMillis) => nowMillis + ((IntervalSeconds - Math.Min(SlackSecondsMax, IntervalSeconds / 3)) * 1000L);

    /// <summary>
    /// What we agree to as the server of an INVITE or UPDATE (section 9).
    /// </summary>
    /// <param name="request">The request.</param>
    /// <param name="toTag">Our tag, for the refusal.</param>
    /// <param name="timer">The timer; null when none is asked for, or the client does not support it.</param>
    /// <returns>The 422 for an interval that is too small, else null.</returns>
    public static SipResponse? Answer(SipRequest request, string? toTag, out SessionTimer? timer)
    {
        timer = null;
        if (!TryRead(request, out var seconds, out var refresher)) return null;
        if (seconds < MinSeconds)
        {
            var response = SipResponse.For(request, 422, null, toTag);
            response.Add(HeaderId.MinSE, MinSeconds.ToString(CultureInfo.InvariantCulture));
            return response;
        }
        // A timer that a proxy asks for of a client that has none would be ours alone to keep: without our Session-Expires there is none.
        if (!SaysTimer(request)) return null;
        timer = new SessionTimer(seconds, refresher is not null && refresher.Equals("uas", StringComparison.OrdinalIgnoreCase));
        return null;
    }

    /// <summary>What the 2xx to our request agreed on; null for no timer.</summary>
    public static SessionTimer? FromResponse(SipResponse success) => TryRead(success, out var seconds, out var refresher) && seconds >= MinSeconds
        ? new SessionTimer(seconds, refresher is not null && refresher.Equals("uac", StringComparison.OrdinalIgnoreCase))
        : null;

    /// <summary>Writes the agreement into our 2xx.</summary>
    internal void AddTo(SipResponse success)
    {
        if (!WeRefresh) success.Add(HeaderId.Require, SipCapabilities.Timer);
        success.Add(HeaderId.SessionExpires, Text(WeRefresh ? "uas" : "uac"));
    }

    /// <summary>Keeps the timer over a request of ours: who refreshed goes on refreshing.</summary>
    internal void AddTo(SipRequest request)
    {
        request.Add(HeaderId.Supported, SipCapabilities.Supported);
        request.Add(HeaderId.SessionExpires, Text(WeRefresh ? "uac" : "uas"));
    }

    /// <summary>
    /// Puts what a 422 asks for into <paramref name="request"/>: its Min-SE as interval, the far end to refresh. False when it does not say.
    /// </summary>
    internal static bool TryRetry(SipResponse tooSmall, SipRequest request)
    {
        if (tooSmall.Number(HeaderId.MinSE, int.MaxValue) is not { } seconds || seconds < MinSeconds) return false;
        request.Set(HeaderId.Supported, SipCapabilities.Supported);
        request.Set(HeaderId.SessionExpires, new SessionTimer((int)seconds, false).Text("uas"));
        request.Set(HeaderId.MinSE, seconds.ToString(CultureInfo.InvariantCulture));
        return true;
    }

    private string Text(string refresher) => string.Create(CultureInfo.InvariantCulture, $"{IntervalSeconds};refresher={refresher}");

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
