using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Kernel;

namespace Cti.Calls.Call.States;

/// <summary>
/// Keys are being collected, over Idle.
/// <code>
///   prompt ──over, or the first key breaks it──► waiting for the first key ──key──► waiting for the next ──finish key, max_keys, time──► completed
///      ▲                                                  │ no key in time
///      └──────────────── play_repeat ─────────────────────┘
/// </code>
/// </summary>
internal sealed class ReceiveDtmf : CallBehaviour
{
    public ReceiveDtmf() : base(CallPhase.ReceiveDtmf)
    {
        Accepts<DropCall>(Ending.HangUp);
        AcceptsTransfers();
        Accepts<StopReceiveKeys>(Stop);

        Hears<PlayWasBegun>(Actions.SoundHasBegun);
        Hears<PlayFinished>(PromptHasEnded);
        Hears<KeyArrived>(KeyHasArrived);
    }

    internal override CallBehaviour Beneath(CallState call) => CallStates.Of(call.PhaseBeneathAction);

    internal override long? Deadline(CallState call, CallSettings settings) => (call.Action as ReceiveKeysAction)?.DeadlineMillis;

    /// <summary>The wait for a key is over.</summary>
    private protected override CallDecision DeadlineHasCome(CallDraft decision)
    {
        var receive = Of(decision);
        if (receive.AnyKey || receive.RepeatsLeft == 0 || receive.Spec.Files.IsEmpty)
            return End(decision, receive, new ActionEnding(ErrorCodes.Timeout, receive.AnyKey ? "no further key came in time" : "no key came in time"));
        var again = receive with
        {
            Number = Actions.NextNumber(decision),
            RepeatsLeft = receive.RepeatsLeft - 1,
            Prompting = true,
            DeadlineMillis = null,
            HeardMillis = 0,
            HeardFromMillis = decision.Now,
        };
        return Actions.Sound(decision.Add(new ActionChanged(again)), new StartMediaPlay(again.Number, again.Spec.Files, 0)).Build();
    }

    internal static CallDecision Start(CallDraft decision, StartReceiveKeys receive)
    {
        var spec = receive.Spec;
        var prompting = !spec.Files.IsEmpty;
        var action = new ReceiveKeysAction
        {
            Number = Actions.NextNumber(decision), BeginMillis = decision.Now, Spec = spec, Prompting = prompting, RepeatsLeft = spec.PlayRepeat,
            DeadlineMillis = prompting ? null : decision.Now + (spec.FirstKeySeconds * 1000L),
        };
        decision.Add(new ActionStarted(action)).ReplyNull();
        if (prompting) Actions.Sound(decision, new StartMediaPlay(action.Number, spec.Files, 0));
        return decision.Build();
    }

    private static CallDecision Stop(CallDraft decision, StopReceiveKeys stop) => End(decision.ReplyNull(), Of(decision), new ActionEnding());

    private static CallDecision? PromptHasEnded(CallDraft decision, PlayFinished played)
    {
        var receive = Of(decision);
        if (receive.Number != played.Number || !receive.Prompting) return null;
        if (played.End is not (MediaEnd.Completed or MediaEnd.Stopped))
            return End(decision, receive with { Prompting = false }, Actions.EndingOf(played.End, played.Detail));
        var deadline = receive.AnyKey ? receive.DeadlineMillis : decision.Now + (receive.Spec.FirstKeySeconds * 1000L);
        return decision.Add(new ActionChanged(receive with { Prompting = false, DeadlineMillis = deadline })).Build();
    }

    private static CallDecision? KeyHasArrived(CallDraft decision, KeyArrived arrived)
    {
        var receive = Of(decision);
        var (spec, key, press) = (receive.Spec, arrived.Key, arrived.Press);
        if (Actions.IsKnown(decision.State, arrived) || !spec.ValidKeys.Contains(key, StringComparison.Ordinal)) return null;
        if (spec.FinishKeys.Contains(key, StringComparison.Ordinal))
        {
            var kept = spec.IncludeFinishKey ? receive with { Keys = receive.Keys + key } : receive;
            return End(decision, kept, new ActionEnding(FinishKey: key.ToString()), press);
        }
        var place = arrived is { IsLate: true, Press: { } late } ? Math.Max(0, receive.Keys.Length - PressedAfter(decision.State, late)) : receive.Keys.Length;
        var next = receive with { Keys = receive.Keys.Insert(place, key.ToString()), DeadlineMillis = decision.Now + (spec.NextKeySeconds * 1000L) };
        if (next.Keys.Length >= spec.MaxKeys) return End(decision, next, new ActionEnding(), press);
        if (next.Prompting && spec.BreakOnKey)
        {
            decision.Do(new StopMediaPlay(next.Number));
            next = next with { Prompting = false };
        }
        return decision.Add(new ActionChanged(next, press)).Build();
    }

    /// <summary>How many of the known keys were pressed after one that was sent after the call, by the clock of the stream that both nodes heard.</summary>
    private static int PressedAfter(CallState call, KeyPress late) =>
        call.KnownKeys.Count(known => known.Source == late.Source && (int)(known.Number - late.Number) > 0);

    private static CallDecision End(CallDraft decision, ReceiveKeysAction receive, ActionEnding ending, KeyPress? press = null)
    {
        if (receive.Prompting) decision.Do(new StopMediaPlay(receive.Number));
        Actions.End(decision, receive, ending, press);
        return decision.Build();
    }

    private static ReceiveKeysAction Of(CallDraft decision) => (ReceiveKeysAction)decision.State.Action!;
}
