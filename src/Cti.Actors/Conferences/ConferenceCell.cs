using Cti.Actors.MediaNode;
using Cti.Actors.Resources;
using Cti.Actors.Hosting;
using Cti.Calls.Conference;
using Cti.Media;
using Cti.Media.Session.Mix;
using Cti.Persistence.Journal;

namespace Cti.Actors.Conferences;

/// <summary>A conference: its state and its mix.</summary>
internal sealed class ConferenceCell(InstanceJournal journal) : ResourceCell<ConferenceState>(journal), IConferenceEvents
{
    public ConferenceId? Mix { get; set; }

    public bool MixClosed { get; set; }

    /// <summary>Whose a session in the mix is. Only the actor touches it.</summary>
    public Dictionary<MediaSessionId, string> CallsInMix { get; } = [];

    /// <summary>Members on other nodes: the saga of their entry, and the link that stands in their place. Only the actor touches it.</summary>
    public Dictionary<string, (string Op, LinkAudio Sound)> Links { get; } = [];

    public void OnConferenceEvent(ConferenceId conference, MediaEvent happened) => Actor.Tell(new MixHappened(happened, conference));
}

/// <summary>The media side reported something.</summary>
/// <param name="Event">What.</param>
/// <param name="Mix">Of which mix.</param>
internal sealed record MixHappened(MediaEvent Event, ConferenceId Mix) : ISystemMessage;

/// <summary>Looks again whether the members are where their conference is.</summary>
/// <param name="LostAtMillis">When the former owner was last known to live, Unix milliseconds.</param>
/// <param name="Looks">How often that was looked for.</param>
internal sealed record MembersDue(long LostAtMillis, int Looks) : ISystemMessage;

/// <summary>The first message of a conference.</summary>
internal sealed record MakeConference(RpcAsk Ask);
