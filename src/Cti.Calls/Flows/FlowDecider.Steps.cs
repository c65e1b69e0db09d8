using Cti.Calls.Call;
using Cti.Calls.Resources;
using Cti.Kernel;

namespace Cti.Calls.Flows;

/// <summary>What follows from what the calls tell.</summary>
public static partial class FlowDecider
{
    /// <summary>The SIP cause that a far end reads when the flow has done what it was for.</summary>
    private const int Done = 200;

    /// <summary>The SIP cause of a drop that names none, as <c>sys.call.drop</c> has it.</summary>
    private const int Dropped = 603;

    private static void DropIsAsked(FlowDraft decision)
    {
        var flow = decision.State;
        End(decision, flow switch
        {
            { Phase: FlowPhase.Connected } or { Spec: NotifySpec, HasBegun: true } => new FlowEnd(null, null),
            { Spec: CaptchaSpec, Phase: FlowPhase.Answered } => new FlowEnd(ErrorCodes.Gone, "dropped before the keys were complete"),
            _ => new FlowEnd(ErrorCodes.Terminated, "dropped"),
        }, Dropped);
    }

    private static void CallHasTold(FlowDraft decision, OwnedHappened happened)
    {
        // Confirmed whatever it leads to, and once more when it is told again: its call waits for that.
        if (happened.Number > 0) decision.Do(new ConfirmOwned(happened.Resource, happened.Number));
        if (NumberOf(decision.State, happened.Resource) is not { } party) return;
        if (happened.Number > 0)
        {
            if (decision.State.Party(party)!.Heard >= happened.Number) return;
            decision.Add(new PartyHeard(party, happened.Number));
        }
        var told = OwnedNews.Read(happened.Params);
        switch (happened.Method)
        {
            case "sys.call.on_dial_completed":
                Dialled(decision, party, told);
                break;
            case "sys.call.on_play_completed" or "sys.call.on_connect_completed" when told.End.Error == ErrorCodes.Gone:
                // That call was hung up; its on_released follows and says by whom.
                break;
            case "sys.call.on_play_completed" or "sys.call.on_connect_completed":
                End(decision, told.End, Done);
                break;
            case "sys.call.on_receive_dtmf_completed":
                if (told.Keys.Length > 0) decision.Add(new KeysCame(told.Keys));
                if (told.End.Error != ErrorCodes.Gone) End(decision, told.End, Done);
                break;
            case "sys.call.on_record_completed":
                RecordIsComplete(decision);
                break;
            case "sys.call.on_released":
                HungUp(decision, party, told.DroppedBy);
                break;
        }
    }

    private static void Dialled(FlowDraft decision, int party, OwnedNews told)
    {
        if (decision.State.Party(party)!.Stage != PartyStage.Calling) return;
        if (told.End.Error is not null || told.AnswerSeconds is not { } answer)
        {
            decision.Add(new PartyFailed(party));
            TellDialled(decision, party, told.End, null, told.EndSeconds * 1000);
            End(decision, told.End, ErrorCodes.Terminated);
            return;
        }
        decision.Add(new PartyAnswered(party, answer * 1000));
        TellDialled(decision, party, told.End, answer * 1000, told.EndSeconds * 1000);
        // A flow that is ending has asked the call to go already.
        if (decision.State.End is null) Continue(decision, party);
    }

    /// <summary>A party has answered: on with what the flow is for.</summary>
    private static void Continue(FlowDraft decision, int party)
    {
        var flow = decision.State;
        switch (flow.Spec)
        {
            case NotifySpec notify:
                decision.Do(new AskOwned(1, flow.First.Call!, FlowAsk.Action, new StartPlay(notify.Files, "", notify.Repeat) { Once = "action" }));
                break;
            case CaptchaSpec captcha:
                decision.Do(new AskOwned(1, flow.First.Call!, FlowAsk.Action, new StartReceiveKeys(captcha.Keys) { Once = "action" }));
                break;
            case DuoSpec when party == 1:
                RecordFrom(decision, DuoRecording.FromSecondCall);
                decision.Add(new PartyCalled(2)).Do(new CallParty(2));
                decision.Emit("ext.duo_callback.on_dial2_started", FlowEvents.DialStarted(decision.State));
                break;
            case DuoSpec duo:
                decision.Add(new PartiesConnected(flow.Second!.AnswerMillis!.Value));
                ConnectOrComplete(decision, duo);
                break;
        }
    }

    /// <summary>The connection's recording goes on in the same file, so that has to be complete first.</summary>
    private static void ConnectOrComplete(FlowDraft decision, DuoSpec duo)
    {
        if (decision.State.IsRecording) decision.Do(new AskOwned(1, decision.State.First.Call!, FlowAsk.Record, new StopSideRecord()));
        else Connect(decision, duo);
    }

    private static void Connect(FlowDraft decision, DuoSpec duo)
    {
        var flow = decision.State;
        var bridge = new BridgeSpec
        {
            MaxSeconds = duo.MaxConnectSeconds, RecordPath = duo.RecordPath, RecordFormat = duo.RecordPath is null ? null : duo.RecordFormat,
            AppendsRecording = duo is { RecordPath: not null, RecordMode: not DuoRecording.FromConnection },
        };
        decision.Do(new AskOwned(1, flow.First.Call!, FlowAsk.Connect, new StartConnect(flow.Id.ToString(), flow.Second!.Call!, bridge) { Once = ConnectOnce }));
    }

    private static void RecordFrom(FlowDraft decision, DuoRecording mode)
    {
        if (decision.State.Spec is not DuoSpec { RecordPath: { } path } duo || duo.RecordMode != mode) return;
        decision.Add(new RecordingBegan()).Do(AskRecording(decision.State, duo, path));
    }

    private static AskOwned AskRecording(FlowState flow, DuoSpec duo, string path) =>
        new(1, flow.First.Call!, FlowAsk.Record, new StartSideRecord(path, duo.RecordFormat) { Once = "record" });

    /// <summary>Complete, or failed: a recording that cannot be written does not keep the parties apart.</summary>
    private static void RecordIsComplete(FlowDraft decision)
    {
        if (!decision.State.IsRecording) return;
        decision.Add(new RecordingEnded());
        if (decision.State is { ConnectMillis: not null, End: null, Spec: DuoSpec duo }) Connect(decision, duo);
    }

    private static void HungUp(FlowDraft decision, int party, string droppedBy)
    {
        var before = decision.State;
        if (before.Party(party)!.Stage == PartyStage.Gone) return;
        decision.Add(new PartyGone(party, droppedBy));
        // The first party's call tells when the connection is over and its recording complete; until then nothing is hung up.
        if (party == 2 && before is { Phase: FlowPhase.Connected, End: null, IsRecording: false, First.Stage: PartyStage.Up, Spec: DuoSpec { RecordPath: not null } }) return;
        End(decision, before switch
        {
            { Phase: FlowPhase.Connected } => new FlowEnd(null, null),
            { Spec: NotifySpec, HasBegun: true } when droppedBy == "usr" => new FlowEnd(null, null),
            { Spec: DuoSpec } => new FlowEnd(ErrorCodes.Gone, "the first party hung up"),
            _ => new FlowEnd(ErrorCodes.Gone, "the call was hung up"),
        }, Done);
    }

    /// <summary>The end of a party's dialling, of which only a <c>duo_callback</c> tells.</summary>
    private static void TellDialled(FlowDraft decision, int party, FlowEnd end, long? answerMillis, long endMillis)
    {
        if (decision.State.Spec is DuoSpec)
            decision.Emit($"ext.duo_callback.on_dial{party}_completed", FlowEvents.DialCompleted(decision.State, party, end, answerMillis, endMillis));
    }
}
