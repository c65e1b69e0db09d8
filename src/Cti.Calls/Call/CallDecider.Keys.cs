using Cti.Calls.Resources;
using Cti.Kernel;

namespace Cti.Calls.Call;

/// <summary>Collecting keys (<c>receive_dtmf_start</c>).</summary>
public static partial class CallDecider
{
    private static CallDecision ReceiveKeysStart(CallDraft decision, StartReceiveKeys receive)
    {
        if (decision.State.Phase != CallPhase.Idle) return Refuse(decision, receive, "Idle");
        var spec = receive.Spec;
        var prompting = !spec.Files.IsEmpty;
        var action = new ReceiveKeysAction
        {
            Number = decision.State.ActionCount + 1, BeginMillis = decision.Now, Spec = spec, Prompting = prompting, RepeatsLeft = spec.PlayRepeat,
            DeadlineMillis = prompting ? null : decision.Now + (spec.FirstKeySeconds * 1000L),
        };
        decision.Add(new ActionStarted(action)).ReplyNull();
        if (prompting) Sound(decision, new StartMediaPlay(action.Number, spec.Files, 0));
        return decision.Build();
    }

    private static CallDecision ReceiveKeysStop(CallDraft decision, StopReceiveKeys stop)
    {
        if (decision.State.Action is not ReceiveKeysAction receive) return Refuse(decision, stop, "ReceiveDtmf");
        decision.ReplyNull();
        return EndReceiving(decision, receive, new ActionEnding());
    }

    private static CallDecision KeyCollected(CallDraft decision, ReceiveKeysAction receive, KeyArrived arrived)
    {
        var (spec, key, press) = (receive.Spec, arrived.Key, arrived.Press);
        if (spec.FinishKeys.Contains(key, StringComparison.Ordinal))
        {
            var kept = spec.IncludeFinishKey ? receive with { Keys = receive.Keys + key } : receive;
            return EndReceiving(decision, kept, new ActionEnding(FinishKey: key.ToString()), press);
        }
        var place = arrived is { IsLate: true, Press: { } late } ? Math.Max(0, receive.Keys.Length - PressedAfter(decision.State, late)) : receive.Keys.Length;
        var next = receive with { Keys = receive.Keys.Insert(place, key.ToString()), DeadlineMillis = decision.Now + (spec.NextKeySeconds * 1000L) };
        if (next.Keys.Length >= spec.MaxKeys) return EndReceiving(decision, next, new ActionEnding(), press);
        if (next.Prompting && spec.BreakOnKey)
        {
            decision.Do(new StopMediaPlay(next.Number));
            next = next with { Prompting = false };
        }
        return decision.Add(new ActionChanged(next, press)).Build();
    }

    /// <summary>How many of the known keys were pressed after one that was sent after the call, by the clock of the stream that both nodes heard.</summary>
    private static int PressedAfter(CallState call, KeyPress late) => call.KnownKeys.Count(known => known.Source == late.Source && (int)(known.Number - late.Number) > 0);

    private static CallDecision PromptHasEnded(CallDraft decision, ReceiveKeysAction receive, PlayFinished played)
    {
        if (played.End is not (MediaEnd.Completed or MediaEnd.Stopped))
            return EndReceiving(decision, receive with { Prompting = false }, EndingOf(played.End, played.Detail));
        var deadline = receive.AnyKey ? receive.DeadlineMillis : decision.Now + (receive.Spec.FirstKeySeconds * 1000L);
        return decision.Add(new ActionChanged(receive with { Prompting = false, DeadlineMillis = deadline })).Build();
    }

    private static CallDecision KeyWaitIsOver(CallDraft decision, ReceiveKeysAction receive)
    {
        if (receive.AnyKey || receive.RepeatsLeft == 0 || receive.Spec.Files.IsEmpty)
            return EndReceiving(decision, receive, new ActionEnding(ErrorCodes.Timeout, receive.AnyKey ? "no further key came in time" : "no key came in time"));
        var again = receive with
        {
            Number = decision.State.ActionCount + 1, RepeatsLeft = receive.RepeatsLeft - 1, Prompting = true, DeadlineMillis = null,
            HeardMillis = 0, HeardFromMillis = decision.Now,
        };
        return Sound(decision.Add(new ActionChanged(again)), new StartMediaPlay(again.Number, again.Spec.Files, 0)).Build();
    }

    private static CallDecision EndReceiving(CallDraft decision, ReceiveKeysAction receive, ActionEnding ending, KeyPress? press = null)
    {
        if (receive.Prompting) decision.Do(new StopMediaPlay(receive.Number));
        EndAction(decision, receive, ending, press);
        return decision.Build();
    }
}
