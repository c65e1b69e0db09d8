using Cti.Calls.Resources;
using Cti.Kernel;

namespace Cti.Calls.Conference;

/// <summary>Who is in, and whose ringing is heard.</summary>
public static partial class ConferenceDecider
{
    /// <summary>Whether a call that asks becomes a member by the decision on it: the media side takes it in before that.</summary>
    public static bool WillEnter(ConferenceState conference, EnterAsked asked) =>
        !conference.WasReleased && !asked.IsEntered && conference.Members.Length < Limits.ConferenceMembersMax && conference.MemberOf(asked.Call)?.Op != asked.Op;

    /// <summary>Whether a call that asks is in already: its sound is taken in anew, where one of the two has moved.</summary>
    public static bool IsIn(ConferenceState conference, EnterAsked asked) => conference.MemberOf(asked.Call)?.Op == asked.Op;

    private static ConferenceDecision EntryIsAsked(ConferenceDraft decision, EnterAsked asked)
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

    private static ConferenceDecision MemberHasLeft(ConferenceDraft decision, MemberLeaves left)
    {
        if (decision.State.MemberOf(left.Call) is not { } member || member.Op != left.Op) return decision.Build();
        Exit(decision, member);
        var conference = decision.State;
        return conference is { HadTwo: true, PartsThreshold: >= 0 } && conference.Members.Length <= conference.PartsThreshold
            ? Release(decision, Ended("too few members are left"))
            : decision.Build();
    }

    private static void Exit(ConferenceDraft decision, Participant member, bool leavesMix = true)
    {
        if (member.IsTalking) Talk(decision, member, false);
        decision.Add(new MemberExited(member.Call));
        decision.Emit("sys.conf.on_exited", ConferenceEvents.Membership(decision.State, member.Call));
        if (!leavesMix) return;
        decision.Do(new LeaveMedia(member.Call));
        // Its line is still the ring-back of the call that is set up.
        if (decision.State.ChildOf(member.Call) is { HasEarlyMedia: true } child) decision.Do(new HearChild(child.Child));
    }

    private static ConferenceDecision ChangeMember(ConferenceDraft decision, ResourceRequest request, string call, Func<Participant, Participant> change)
    {
        if (decision.State.MemberOf(call) is not { } member) return Refuse(decision, request, $"{call} is not in the conference; get_parts lists who is");
        var changed = change(member);
        return decision.Add(new MemberChanged(changed)).Do(new SetMemberMedia(call, changed.VoiceMode, changed.Volume)).ReplyNull().Build();
    }

    private static ConferenceDecision MemberHasTalked(ConferenceDraft decision, MemberTalks talks)
    {
        if (decision.State.TalkerEvents && decision.State.MemberOf(talks.Call) is { } member && member.IsTalking != talks.Talking)
            Talk(decision, member, talks.Talking);
        return decision.Build();
    }

    private static void Talk(ConferenceDraft decision, Participant member, bool talking)
    {
        decision.Add(new MemberChanged(member with { IsTalking = talking }));
        decision.Emit("sys.conf.on_talker", ConferenceEvents.Talker(decision.State, member.Call, talking));
    }

    private static ConferenceDecision ChildHasAsked(ConferenceDraft decision, ChildAsks asks)
    {
        if (decision.State.ChildOf(asks.Child) is null)
        {
            if (decision.State.Children.Length >= Limits.ConferenceMembersMax)
                return decision.Do(new AnswerChild(asks.Child, RpcError.Unavailable($"{Limits.ConferenceMembersMax} calls are dialled for the conference, its limit").With("res_id", decision.State.Id.ToString()), false)).Build();
            decision.Add(new ChildSet(new RingingChild(asks.Child)));
        }
        return decision.Do(new AnswerChild(asks.Child, null, true)).Build();
    }

    private static ConferenceDecision ChildHasRung(ConferenceDraft decision, ChildRings rings)
    {
        if (decision.State.ChildOf(rings.Child) is not { } child) return decision.Build();
        var now = child with { Rings = true, HasEarlyMedia = child.HasEarlyMedia || rings.HasEarlyMedia };
        // A child that has entered is in the mix already; one that comes back from another conference says so once more.
        if (rings.HasEarlyMedia && decision.State.MemberOf(child.Child) is null) decision.Do(new HearChild(child.Child));
        if (now == child) return decision.Build();
        var tone = decision.State.HearsRingBack;
        decision.Add(new ChildSet(now));
        return RingBackAfter(decision, tone);
    }

    private static ConferenceDecision ChildIsDone(ConferenceDraft decision, ChildDone done)
    {
        if (decision.State.ChildOf(done.Child) is not { } child) return decision.Build();
        var tone = decision.State.HearsRingBack;
        decision.Add(new ChildForgotten(child.Child));
        if (child.HasEarlyMedia && decision.State.MemberOf(child.Child) is null) decision.Do(new LeaveMedia(child.Child));
        return RingBackAfter(decision, tone);
    }

    private static ConferenceDecision RingBackAfter(ConferenceDraft decision, bool before)
    {
        var now = decision.State.HearsRingBack;
        if (now != before) decision.Do(new SetRingBack(now));
        return decision.Build();
    }
}
