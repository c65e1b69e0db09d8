using Cti.Calls.Call;
using Cti.Kernel;

namespace Cti.Calls.Conference;

/// <summary>How a conference ends.</summary>
internal static class ConferenceEnding
{
    /// <summary>One decision: everyone is out, what runs is completed, and it is over. The members' own completions follow when they hear of it.</summary>
    public static ConferenceDecision Release(ConferenceDraft decision, ActionEnding ending, bool isOrdinary = true)
    {
        var told = isOrdinary ? new ActionEnding() : ending;
        foreach (var member in decision.State.Members)
        {
            Membership.Exit(decision, member);
            decision.Do(new PartMember(member.Call, member.Op, told.Error, told.Message));
        }
        if (decision.State.Play is { } play) ConferenceSound.EndPlay(decision, play, ending);
        if (decision.State.Recording is { } record) ConferenceSound.EndRecording(decision, record, ending);
        decision.Add(new ConferenceReleased()).Do(new CloseMix());
        return decision.Emit("sys.conf.on_released", ConferenceEvents.Released(decision.State, decision.Now)).Build();
    }

    public static ActionEnding Ended(string message) => new(ErrorCodes.Gone, message);

    public static ActionEnding Interrupted(string message) => new(ErrorCodes.Unavailable, message);
}
