using Cti.Actors.Resources;
using Cti.Actors.Hosting;
using Cti.Actors.Trunks;
using Cti.Media;

namespace Cti.Actors.Calls;

/// <summary>The media side reported something.</summary>
/// <param name="Event">What.</param>
/// <param name="Session">Of which session; null for the one that the call has.</param>
internal sealed record MediaHappened(MediaEvent Event, MediaSessionId? Session = null) : ISystemMessage;

/// <summary>Looks whether the application of an offered call still listens.</summary>
internal sealed record CheckSubscriber;

/// <summary>The first message of an outbound call.</summary>
internal sealed record PlaceCall(RpcAsk Ask, Placement Placement)
{
    /// <summary>The flow that drives it; null for the application's own.</summary>
    public string? Owner { get; init; }
}
