using Cti.Calls.Resources;
using Cti.Kernel;

namespace Cti.Calls.Call;

/// <summary>What the four actions (play, record, sending and receiving keys) have in common: exactly one completion per accepted start.</summary>
internal static class Actions
{
    /// <summary>The number that the next thing in the media side gets.</summary>
    public static long NextNumber(CallDraft decision) => decision.State.ActionCount + 1;

    public static void End(CallDraft decision, CallAction action, ActionEnding ending, KeyPress? press = null)
    {
        decision.Add(new ActionEnded(press));
        decision.Emit(CallEvents.CompletionOf(action), CallEvents.ActionCompleted(decision.State, action, ending, decision.Now));
    }

    public static ActionEnding EndingOf(MediaEnd end, string? detail) => end switch
    {
        MediaEnd.Completed or MediaEnd.Stopped => new ActionEnding(),
        MediaEnd.NotFound => new ActionEnding(ErrorCodes.NotFound, detail ?? "file not found"),
        MediaEnd.Unsupported => new ActionEnding(ErrorCodes.Unsupported, detail ?? "format not supported"),
        _ => new ActionEnding(ErrorCodes.ServerError, detail ?? "a fault in the media side"),
    };

    /// <summary>What is to be heard waits until the far end sends and listens to where we are now.</summary>
    public static CallDraft Sound(CallDraft decision, ResourceEffect start) => decision.State.InterruptedMillis is null ? decision.Do(start) : decision;

    /// <summary>Whether another node, or this call before its node was lost, has counted the key; or it was sent after the call twice.</summary>
    public static bool IsKnown(CallState call, KeyArrived arrived) => arrived.Press is { } press && call.KnownKeys.Contains(press);

    /// <summary>A play, or a receiving's prompt, began later than was decided.</summary>
    public static CallDecision? SoundHasBegun(CallDraft decision, PlayWasBegun began) =>
        decision.State.Action is PlayAction or ReceiveKeysAction { Prompting: true } && decision.State.Action is { } action && action.Number == began.Number
            ? decision.Add(new ActionChanged(action with { HeardFromMillis = began.AtMillis })).Build()
            : null;
}
