namespace Cti.Calls.Resources;

/// <summary>The configured limits that decisions need. The same for the whole cluster.</summary>
public sealed record CallSettings
{
    /// <summary>No ringing and no answer for this long fails a dialling, in milliseconds (<c>cti.call.setup-timeout</c>).</summary>
    public long SetupTimeoutMillis { get; init; } = 60_000;
    /// <summary>An inbound call that nobody answers, rejects or redirects for this long is refused, in milliseconds (<c>cti.call.offer-timeout</c>).</summary>
    public long OfferTimeoutMillis { get; init; } = 30_000;
    /// <summary>Idle without a command for this long is released, in milliseconds; 0 never (<c>cti.call.idle-release</c>).</summary>
    public long IdleReleaseMillis { get; init; } = 3_600_000;
    /// <summary>Where call records take their times of day from.</summary>
    public TimeZoneInfo TimeZone { get; init; } = TimeZoneInfo.Utc;
}
