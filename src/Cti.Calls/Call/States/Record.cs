using System.Text.Json;
using System.Text.Json.Serialization;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Kernel;

namespace Cti.Calls.Call.States;

/// <summary>
/// A recording runs over Idle. Told to stop, it is still in this state until the media side says that the file is complete: then the application hears of it.
/// </summary>
internal sealed class Record : CallBehaviour
{
    public Record() : base(CallPhase.Record)
    {
        Accepts<DropCall>(Ending.HangUp);
        AcceptsTransfers();
        Accepts<StopRecord>(Stop);

        Hears<RecordBegan>(HasBegun);
        Hears<RecordFinished>(HasFinished);
        Hears<KeyArrived>(KeyHasArrived);
    }

    internal override CallBehaviour Beneath(CallState call) => CallStates.Of(call.PhaseBeneathAction);

    internal override long? Deadline(CallState call, CallSettings settings) =>
        call.Action is RecordAction { Ending: null, BeganMillis: { } began } record ? began + (record.MaxSeconds * 1000L) : null;

    private protected override CallDecision DeadlineHasCome(CallDraft decision) =>
        End(decision, Of(decision), new ActionEnding(ErrorCodes.Timeout, "max_seconds is over")).Build();

    internal static CallDecision Start(CallDraft decision, StartRecord record)
    {
        var action = new RecordAction
        {
            Number = Actions.NextNumber(decision), BeginMillis = decision.Now, FullPath = record.FullPath, Format = record.Format,
            Beep = record.Beep, MaxSeconds = record.MaxSeconds, FinishKeys = record.FinishKeys,
        };
        decision.Add(new ActionStarted(action)).Do(new StartMediaRecord(action.Number, record.FullPath, record.Format, record.Beep));
        return decision.Reply(JsonSerializer.SerializeToUtf8Bytes(record.FullPath, RecordJson.Default.String)).Build();
    }

    private static CallDecision Stop(CallDraft decision, StopRecord stop)
    {
        // A second stop while the file is being completed changes nothing: the first one's ending stands.
        if (Of(decision) is { Ending: null } record) End(decision, record, new ActionEnding(ErrorCodes.Terminated, "stopped by record_stop"));
        return decision.ReplyNull().Build();
    }

    private static CallDraft End(CallDraft decision, RecordAction record, ActionEnding ending, KeyPress? press = null) =>
        decision.Add(new ActionChanged(record with { Ending = ending }, press)).Do(new StopMediaRecord(record.Number));

    private static CallDecision? HasBegun(CallDraft decision, RecordBegan began) =>
        Of(decision) is { BeganMillis: null } record && record.Number == began.Number
        ? decision.Add(new ActionChanged(record with { BeganMillis = decision.Now })).Build()
        : null;

    private static CallDecision? HasFinished(CallDraft decision, RecordFinished finished)
    {
        var record = Of(decision);
        if (record.Number != finished.Number) return null;
        var failure = finished.End is MediaEnd.Completed or MediaEnd.Stopped ? null : Actions.EndingOf(finished.End, finished.Detail);
        Actions.End(decision, record, failure ?? record.Ending ?? new ActionEnding());
        return decision.Build();
    }

    private static CallDecision? KeyHasArrived(CallDraft decision, KeyArrived arrived) =>
        !Actions.IsKnown(decision.State, arrived) && Of(decision) is { Ending: null } record
            && record.FinishKeys.Contains(arrived.Key, StringComparison.Ordinal)
            ? End(decision, record, new ActionEnding(FinishKey: arrived.Key.ToString()), arrived.Press).Build()
            : null;

    private static RecordAction Of(CallDraft decision) => (RecordAction)decision.State.Action!;
}

[JsonSerializable(typeof(string))]
internal sealed partial class RecordJson : JsonSerializerContext;
