using Cti.Calls.Call.Sagas;
using Cti.Calls.Resources;
using Cti.Kernel;

namespace Cti.Calls.Conference;

/// <summary>Who is in: the conference's side of <see cref="Entering"/>, which has the picture.</summary>
internal static class Membership
{
    public static ConferenceDecision EntryIsAsked(ConferenceDraft decision, EnterAsked asked)
    {
        var conference = decision.State;
        // Asked again: it is in already.
        if (conference.MemberOf(asked.Call) is { } before && before.Op == asked.Op)
        {
            if (!asked.NoRoom) return decision.Do(new AnswerEntry(asked.Call, asked.Op, null)).Build();
            // It was in, but where it is or where the conference is now nobody can carry its sound.
            decision.Do(new PartMember(asked.Call, asked.Op, ErrorCodes.Unavailable, "no media loop has room for the member"));
            return MemberHasLeft(decision, new MemberLeaves(asked.Op, asked.Call));
        }
        if (asked.IsEntered) return decision.Do(new AnswerEntry(asked.Call, asked.Op, RpcError.NoSuchResource(conference.Id.ToString()))).Build();
        if (conference.Members.Length >= Limits.ConferenceMembersMax)
            return Refuse(decision, asked, $"the conference has {Limits.ConferenceMembersMax} members, its limit");
        if (asked.NoRoom) return Refuse(decision, asked, "no media loop has room for another member");
        // A call asks for one seat at a time: an older one of it is a leftover.
        if (conference.MemberOf(asked.Call) is { } leftover) Exit(decision, leftover, leavesMix: false);
        decision.Add(new MemberEntered(new Participant
        {
            Call = asked.Call, Op = asked.Op, VoiceMode = asked.VoiceMode, Volume = asked.Volume, UserData = asked.UserData, JoinedMillis = decision.Now,
        }));
        decision.Emit("sys.conf.on_entered", ConferenceEvents.Membership(decision.State, asked.Call)).Do(new AnswerEntry(asked.Call, asked.Op, null));
        if (!asked.EntrySound.IsEmpty) decision.Do(new PlayEntrySound(asked.EntrySound));
        return decision.Build();
    }

    private static ConferenceDecision Refuse(ConferenceDraft decision, EnterAsked asked, string why) =>
        decision.Do(new AnswerEntry(asked.Call, asked.Op, RpcError.Unavailable(why).With("res_id", decision.State.Id.ToString()))).Build();

    public static ConferenceDecision MemberHasLeft(ConferenceDraft decision, MemberLeaves left)
    {
        if (decision.State.MemberOf(left.Call) is not { } member || member.Op != left.Op) return decision.Build();
        Exit(decision, member);
        var conference = decision.State;
        return conference is { HadTwo: true, PartsThreshold: >= 0 } && conference.Members.Length <= conference.PartsThreshold
            ? ConferenceEnding.Release(decision, ConferenceEnding.Ended("too few members are left"))
            : decision.Build();
    }

    public static void Exit(ConferenceDraft decision, Participant member, bool leavesMix = true)
    {
        if (member.IsTalking) Talk(decision, member, false);
        decision.Add(new MemberExited(member.Call));
        decision.Emit("sys.conf.on_exited", ConferenceEvents.Membership(decision.State, member.Call));
        if (!leavesMix) return;
        decision.Do(new LeaveMedia(member.Call));
        // Its line is still the ring-back of the call that is set up.
        if (decision.State.ChildOf(member.Call) is { HasEarlyMedia: true } child) decision.Do(new HearChild(child.Child));
    }

    public static ConferenceDecision SetMode(ConferenceDraft decision, SetMemberMode set) =>
        ChangeMember(decision, set, set.Call, member => member with { VoiceMode = set.Mode });

    public static ConferenceDecision SetVolume(ConferenceDraft decision, SetMemberVolume set) =>
        ChangeMember(decision, set, set.Call, member => member with { Volume = set.Volume });

    private static ConferenceDecision ChangeMember(ConferenceDraft decision, ResourceRequest request, string call, Func<Participant, Participant> change)
    {
        if (decision.State.MemberOf(call) is not { } member)
            return ConferenceBehaviour.Refuse(decision, request, $"{call} is not in the conference; get_parts lists who is");
        var changed = change(member);
        return decision.Add(new MemberChanged(changed)).Do(new SetMemberMedia(call, changed.VoiceMode, changed.Volume)).ReplyNull().Build();
    }

    public static ConferenceDecision MemberHasTalked(ConferenceDraft decision, MemberTalks talks)
    {
        if (decision.State.TalkerEvents && decision.State.MemberOf(talks.Call) is { } member && member.IsTalking != talks.Talking)
            Talk(decision, member, talks.Talking);
        return decision.Build();
    }

    public static void Talk(ConferenceDraft decision, Participant member, bool talking)
    {
        decision.Add(new MemberChanged(member with { IsTalking = talking }));
        decision.Emit("sys.conf.on_talker", ConferenceEvents.Talker(decision.State, member.Call, talking));
    }
}
