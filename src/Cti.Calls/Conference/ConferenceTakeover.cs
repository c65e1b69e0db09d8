using Cti.Calls.Call;
using Cti.Calls.Resources;
using Cti.Kernel;

namespace Cti.Calls.Conference;

/// <summary>Going on under a new owner: the members stay and are asked whether they are still in; play and recording go on where they were.</summary>
internal static class ConferenceTakeover
{
    public static ConferenceDecision Begins(ConferenceDraft decision, WasRecovered taken)
    {
        // The new mix hears everyone silent at first, and tells who talks.
        foreach (var member in decision.State.Members)
        {
            if (member.IsTalking) Membership.Talk(decision, member, false);
        }
        var conference = decision.State;
        if (conference.HearsRingBack) decision.Do(new SetRingBack(true));
        if (conference.Play is { } play)
            decision.Do(new StartConferenceSound(play.Number, play.Files, play.IsLoop,
                Math.Max(0, taken.LostAtMillis - play.BeginMillis - Limits.SoundBeginsMillis)));
        switch (conference.Recording)
        {
            case { Ending: { } ending } record:
                ConferenceSound.EndRecording(decision, record, ending);
                break;
            case { } record when !taken.SeesRecording:
                ConferenceSound.EndRecording(decision, record, new ActionEnding(ErrorCodes.Unavailable,
                    "interrupted by the loss of a node; the file cannot be continued from here"));
                break;
            case { } record:
                decision.Do(new StartMixRecord(record.Number, record.FullPath, record.Format, Appends: true));
                break;
        }
        foreach (var member in conference.Members) decision.Do(new AskMember(member.Call, member.Op));
        return decision.Build();
    }

    public static ConferenceDecision PeerHasMoved(ConferenceDraft decision, PeerMoved moved)
    {
        foreach (var member in decision.State.Members)
        {
            if (moved.Concerns(member.Call)) decision.Do(new AskMember(member.Call, member.Op));
        }
        return decision.Build();
    }
}
