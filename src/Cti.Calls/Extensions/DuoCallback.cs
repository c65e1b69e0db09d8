using Cti.Calls.Call;
using Cti.Calls.Call.Sagas;
using Cti.Kernel;

namespace Cti.Calls.Extensions;

/// <summary>
/// <c>ext.duo_callback</c>: calls two parties and connects them. The second is dialled beneath the first, which hears its ring-back.
/// <code>
///   Initiated ──first answers──► Answered: the second is called ──it answers──► Connected ──either hangs up, limit──► Released
///       │                            │                              ▲ a recording that runs before is completed first: the bridge goes on in its file
///       └──── failed, cancelled ─────┴──────────────────────────────────────────────────────────────────────────► Released with that error
/// </code>
/// </summary>
internal sealed class DuoCallback : FlowBehaviour
{
    public const string CancelMethod = "ext.duo_callback.cancel";

    /// <summary>What <see cref="Resources.ResourceRequest.Once"/> is for the connection.</summary>
    public const string ConnectOnce = Bridging.OwnersOnce;

    public static readonly string[] CancelStates = [nameof(FlowPhase.Initiated), nameof(FlowPhase.Answered)];

    public DuoCallback() => Accepts<CancelFlow>(Cancel);

    private protected override FlowEnd EndOfDrop(FlowState flow) =>
        flow.Phase == FlowPhase.Connected ? new FlowEnd(null, null) : new FlowEnd(ErrorCodes.Terminated, "dropped");

    private protected override FlowEnd EndOfRelease(FlowState before, string droppedBy) =>
        before.Phase == FlowPhase.Connected ? new FlowEnd(null, null) : new FlowEnd(ErrorCodes.Gone, "the first party hung up");

    private static FlowDecision Cancel(FlowDraft decision, CancelFlow cancel) => decision.State.ConnectMillis is null
        ? End(decision.ReplyNull(), new FlowEnd(ErrorCodes.Terminated, "cancelled"), ErrorCodes.Terminated)
        : FlowDecision.Refuse(RpcError.WrongState(cancel.Method, decision.State.StateName(cancel.Generation), CancelStates));

    private protected override void PartyExists(FlowDraft decision, int party)
    {
        if (party == 1) RecordFrom(decision, DuoRecording.FromFirstCall);
    }

    private protected override void TellDialled(FlowDraft decision, int party, FlowEnd end, long? answerMillis, long endMillis) =>
        decision.Emit($"ext.duo_callback.on_dial{party}_completed", FlowEvents.DialCompleted(decision.State, party, end, answerMillis, endMillis));

    private protected override void Continue(FlowDraft decision, int party)
    {
        if (party == 1)
        {
            RecordFrom(decision, DuoRecording.FromSecondCall);
            decision.Add(new PartyCalled(2)).Do(new CallParty(2));
            decision.Emit("ext.duo_callback.on_dial2_started", FlowEvents.DialStarted(decision.State));
            return;
        }
        decision.Add(new PartiesConnected(decision.State.Second!.AnswerMillis!.Value));
        ConnectOrComplete(decision);
    }

    private protected override void GoOn(FlowDraft decision)
    {
        var flow = decision.State;
        if (flow.ConnectMillis is not null && flow.First.Stage == PartyStage.Up) ConnectOrComplete(decision);
        else if (flow is { IsRecording: true, First.Call: not null, Spec: DuoSpec { RecordPath: { } path } duo }) decision.Do(AskRecording(flow, duo, path));
    }

    /// <summary>The first party's call tells when the connection is over and its recording complete; until then nothing is hung up.</summary>
    private protected override bool WaitsForMore(FlowState before, int party) =>
        party == 2 && before is
        {
            Phase: FlowPhase.Connected, End: null, IsRecording: false, First.Stage: PartyStage.Up,
            Spec: DuoSpec { RecordPath: not null }
        };

    /// <summary>Complete, or failed: a recording that cannot be written does not keep the parties apart.</summary>
    private protected override void RecordIsComplete(FlowDraft decision)
    {
        if (!decision.State.IsRecording) return;
        decision.Add(new RecordingEnded());
        if (decision.State is { ConnectMillis: not null, End: null }) Connect(decision);
    }

    /// <summary>The connection's recording goes on in the same file, so that has to be complete first.</summary>
    private static void ConnectOrComplete(FlowDraft decision)
    {
        if (decision.State.IsRecording) decision.Do(new AskOwned(1, decision.State.First.Call!, FlowAsk.Record, new StopSideRecord()));
        else Connect(decision);
    }

    private static void Connect(FlowDraft decision)
    {
        var flow = decision.State;
        var duo = (DuoSpec)flow.Spec;
        var bridge = new BridgeSpec
        {
            MaxSeconds = duo.MaxConnectSeconds, RecordPath = duo.RecordPath, RecordFormat = duo.RecordPath is null ? null : duo.RecordFormat,
            AppendsRecording = duo is { RecordPath: not null, RecordMode: not DuoRecording.FromConnection },
        };
        decision.Do(new AskOwned(1, flow.First.Call!, FlowAsk.Connect, new StartConnect(flow.Id.ToString(), flow.Second!.Call!,
            bridge)
        { Once = ConnectOnce }));
    }

    private static void RecordFrom(FlowDraft decision, DuoRecording mode)
    {
        if (decision.State.Spec is not DuoSpec { RecordPath: { } path } duo || duo.RecordMode != mode) return;
        decision.Add(new RecordingBegan()).Do(AskRecording(decision.State, duo, path));
    }

    private static AskOwned AskRecording(FlowState flow, DuoSpec duo, string path) =>
        new(1, flow.First.Call!, FlowAsk.Record, new StartSideRecord(path, duo.RecordFormat) { Once = "record" });
}
