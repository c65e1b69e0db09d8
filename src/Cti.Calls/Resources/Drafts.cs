global using CallDraft = Cti.Calls.Resources.DecisionDraft<Cti.Calls.Call.CallDecision, Cti.Calls.Call.CallState, Cti.Calls.Call.CallEntry>;
