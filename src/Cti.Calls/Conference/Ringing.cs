using Cti.Calls.Call.Sagas;
using Cti.Kernel;

namespace Cti.Calls.Conference;

/// <summary>Whose ringing is heard: the conference's side of <see cref="Dialling"/>, which has the picture.</summary>
internal static class Ringing
{
    public static ConferenceDecision ChildHasAsked(ConferenceDraft decision, ChildAsks asks)
    {
        if (decision.State.ChildOf(asks.Child) is null)
        {
            if (decision.State.Children.Length >= Limits.ConferenceMembersMax)
                return decision.Do(new AnswerChild(asks.Child,
                    RpcError.Unavailable($"{Limits.ConferenceMembersMax} calls are dialled for the conference, its limit")
                    .With("res_id", decision.State.Id.ToString()), false)).Build();
            decision.Add(new ChildSet(new RingingChild(asks.Child)));
        }
        return decision.Do(new AnswerChild(asks.Child, null, true)).Build();
    }

    public static ConferenceDecision ChildHasRung(ConferenceDraft decision, ChildRings rings)
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

    public static ConferenceDecision ChildIsDone(ConferenceDraft decision, ChildDone done)
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
