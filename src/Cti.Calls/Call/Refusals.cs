using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Kernel;

namespace Cti.Calls.Call;

/// <summary>What a request is told that comes in a state which does not allow it: the states that do, and what to do instead.</summary>
internal static class Refusals
{
    public static CallDecision WrongState(CallState call, ResourceRequest request)
    {
        var allowed = CallStates.AllowedIn(request.GetType(), request.Generation, call.Direction);
        var refused = CallDecision.Refuse(RpcError.WrongState(request.Method, call.StateName(request.Generation), [.. allowed]));
        return request switch
        {
            AnswerCall or RejectCall or RedirectCall when call.Direction == CallDirection.Outbound =>
                refused.Saying($"{request.Method} is for inbound calls in state Initiated; this call is outbound"),
            DropCall when call.IsOffered => refused.Saying($"{refused.Refusal!.Message}; sys.call.reject refuses a call that is not answered"),
            DropCall => refused.Saying($"{refused.Refusal!.Message}; on_answer_completed tells when that is"),
            _ => refused,
        };
    }
}
