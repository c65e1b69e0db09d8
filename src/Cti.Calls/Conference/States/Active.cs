namespace Cti.Calls.Conference.States;

/// <summary>Somebody is in: its limit on time ends it, or that too few are left.</summary>
internal sealed class Active() : AliveConference(ConferencePhase.Active);
