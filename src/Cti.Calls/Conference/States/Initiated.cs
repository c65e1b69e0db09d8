using Cti.Kernel;

namespace Cti.Calls.Conference.States;

/// <summary>Exists, nobody is in: for so long only (<see cref="Limits.ConferenceEmptyMillis"/>).</summary>
internal sealed class Initiated() : AliveConference(ConferencePhase.Initiated)
{
    internal override long? NextDeadline(ConferenceState conference) =>
        base.NextDeadline(conference) is { } next ? Math.Min(next, EmptyLimitOf(conference)) : null;

    private protected override ConferenceDecision TimeHasCome(ConferenceDraft decision) =>
        decision.Now < LimitOf(decision.State) && decision.Now >= EmptyLimitOf(decision.State)
            ? ConferenceEnding.Release(decision, ConferenceEnding.Ended("nobody was in for too long"))
            : base.TimeHasCome(decision);

    private static long EmptyLimitOf(ConferenceState conference) => conference.EmptySinceMillis + Limits.ConferenceEmptyMillis;
}
