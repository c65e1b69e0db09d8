using Cti.Actors.Hosting;
using Cti.Actors.MediaNode;
using Cti.Actors.Resources;
using Cti.Calls.Conference;

namespace Cti.Actors.Conferences;

/// <summary>A conference: its state and its mix.</summary>
internal sealed class ConferenceCell : ResourceCell<ConferenceState>
{
    /// <summary>A conference without anything yet.</summary>
    public ConferenceCell(NodeMedia media, MediaProfile profile, ResourceListing listing) : base(listing) => Sound = new ConferenceSound(media, profile, this);

    /// <summary>Its mix, and who is in it.</summary>
    public ConferenceSound Sound { get; }
}

/// <summary>Looks again whether the members are where their conference is.</summary>
/// <param name="LostAtMillis">When the former owner was last known to live, Unix milliseconds.</param>
/// <param name="Looks">How often that was looked for.</param>
internal sealed record MembersDue(long LostAtMillis, int Looks) : ISystemMessage;

/// <summary>The first message of a conference.</summary>
internal sealed record MakeConference(RpcAsk Ask);
