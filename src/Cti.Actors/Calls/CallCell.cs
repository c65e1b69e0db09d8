using Cti.Actors.MediaNode;
using Cti.Actors.Resources;
using Cti.Actors.Trunks;
using Cti.Calls.Call;
using Cti.Calls.Resources;
using Cti.Media;

namespace Cti.Actors.Calls;

/// <summary>A call: its state, its sound and its SIP leg.</summary>
internal sealed class CallCell : ResourceCell<CallState>
{
    /// <summary>A call without anything yet.</summary>
    public CallCell(CallServices services, ResourceListing listing) : base(listing) => Sound = new CallSound(services, this);

    /// <summary>Its media session, and how the bridge or conference that it is in is heard.</summary>
    public CallSound Sound { get; }

    /// <summary>Its SIP side; null before it begins and until it goes on here.</summary>
    public ICallLeg? Leg { get; set; }

    /// <summary>How far a call that was another node's has come.</summary>
    public Arrival Arrival { get; set; }
}

/// <summary>
/// How far a call that was another node's has come.
/// <code>
///   (recovers) ──nothing is being agreed on──► Unasked ──its far end listens to here, partners are asked──┐
///       └──else: partners are asked at once──────────────────────────────────────────────────────────► Coming
///   Unasked, Coming ──its far end listens to here, and what it shares sounds from here──► Sounding ──durable──► Home
/// </code>
/// At Home whoever sounded for it until now is told to stop (<see cref="CallServices.Arrived"/>).
/// </summary>
internal enum Arrival
{
    /// <summary>It began here, or has arrived.</summary>
    Home,
    /// <summary>Until its far end listens to here the node that gave it carries all of its sound, and its partners are not asked.</summary>
    Unasked,
    /// <summary>Its far end does not listen to here yet, or what it shares with others does not sound from here.</summary>
    Coming,
    /// <summary>It sounds from here, which is not durable yet.</summary>
    Sounding,
}

/// <summary>A call's SIP side. Its methods run in the call's actor.</summary>
internal interface ICallLeg
{
    /// <summary>Carries out a SIP effect of a decision.</summary>
    void Perform(ResourceEffect effect, CallState state);

    /// <summary>
    /// What a message from the SIP side means for the call; null when nothing. False in <paramref name="accepted"/> for a message that is not SIP's.
    /// </summary>
    ResourceCommand? Translate(object message, CallState state, out bool accepted);

    /// <summary>Whether nothing is under way between us and the far end: no request of either side, no answer that waits.</summary>
    bool IsQuiet { get; }

    /// <summary>What the media side is told of the far end beside its SDP.</summary>
    FarEnd FarEndOf(CallState state);

    /// <summary>Whether that has changed since, because the far end has shown itself.</summary>
    bool HasShownItself { get; }

    /// <summary>Whether the far end takes keys by SIP INFO.</summary>
    bool SendsKeysByInfo { get; }

    /// <summary>Whether it takes them as tones only.</summary>
    bool SendsKeysInBand { get; }

    /// <summary>Sends keys one INFO after the other.</summary>
    void SendKeysByInfo(long number, string keys);

    /// <summary>Another node has the call now, and answers what came here; then as <see cref="Dispose"/>.</summary>
    void Abandon();

    /// <summary>The call is gone: stop timers, forget transactions.</summary>
    void Dispose();
}

/// <summary>Looks whether the application of an offered call still listens.</summary>
internal sealed record CheckSubscriber;

/// <summary>The first message of an outbound call.</summary>
internal sealed record PlaceCall(RpcAsk Ask, Placement Placement)
{
    /// <summary>The flow that drives it; null for the application's own.</summary>
    public string? Owner { get; init; }
}
