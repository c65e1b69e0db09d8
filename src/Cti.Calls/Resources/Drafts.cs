global using CallDraft = Cti.Calls.Resources.DecisionDraft<Cti.Calls.Call.CallDecision, Cti.Calls.Call.CallState, Cti.Calls.Call.CallEntry>;
global using FlowDraft = Cti.Calls.Resources.DecisionDraft<Cti.Calls.Flows.FlowDecision, Cti.Calls.Flows.FlowState, Cti.Calls.Flows.FlowEntry>;
global using ConferenceDraft = Cti.Calls.Resources.DecisionDraft<Cti.Calls.Conference.ConferenceDecision, Cti.Calls.Conference.ConferenceState, Cti.Calls.Conference.ConferenceEntry>;
