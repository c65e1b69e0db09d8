using Cti.Calls.Resources;
using Cti.Kernel;

namespace Cti.Calls.Call.Sagas;

/// <summary>
/// A call that came to take the place of another one (an INVITE with Replaces, RFC 3891): a call of its own, in the instance of the other. The application
/// answers it or does not; once it is up the other one is hung up by us.
/// <code>
///   new call     Initiated (on_replace) ──answer, ACK──► Idle ──ReplacedBy──► the other: BYE or CANCEL, on_released
///                    └──reject, nobody takes it: 603──► Released
/// </code>
/// </summary>
internal static class Replacing
{
    /// <summary>What a caller is told whom nobody took.</summary>
    public static int StatusOfNobody(CallState call) => call.Replaces is null ? 480 : BeingReferred.Declined;

    /// <summary>The call is up; said again after each takeover, which a call that is gone does not hear.</summary>
    public static void EndReplaced(CallDraft decision)
    {
        if (decision.State is { IsUp: true, Replaces: { } replaced }) decision.Do(new HangUpReplaced(replaced));
    }

    /// <summary>One that still rings is cancelled; should its far end have answered meanwhile, it is hung up.</summary>
    public static CallDecision IsReplaced(CallDraft decision, ReplacedBy by)
    {
        var closing = decision.State.IsDialling ? SipClosing.Cancel : SipClosing.Bye;
        return Ending.Release(decision, new Ending(true, 200, closing, ErrorCodes.Gone, $"{by.Call} has taken the place of the call"));
    }
}

/// <summary>Another call has taken the place of this one.</summary>
/// <param name="Call">Which.</param>
public sealed record ReplacedBy(string Call) : ResourceCommand;

/// <summary>Tells the call whose place this one has taken.</summary>
/// <param name="Call">Which.</param>
public sealed record HangUpReplaced(string Call) : ResourceEffect;
