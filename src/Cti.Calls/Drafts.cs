global using CallDraft = Cti.Calls.Resources.DecisionDraft<Cti.Calls.Call.CallDecision, Cti.Calls.Call.CallState, Cti.Calls.Call.CallEntry>;
global using ConferenceDraft =
    Cti.Calls.Resources.DecisionDraft<Cti.Calls.Conference.ConferenceDecision, Cti.Calls.Conference.ConferenceState, Cti.Calls.Conference.ConferenceEntry>;
global using FlowDraft = Cti.Calls.Resources.DecisionDraft<Cti.Calls.Extensions.FlowDecision, Cti.Calls.Extensions.FlowState, Cti.Calls.Extensions.FlowEntry>;
