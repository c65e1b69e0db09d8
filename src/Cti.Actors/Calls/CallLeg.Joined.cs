using Cti.Calls.Call;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Kernel;
using Cti.Sip.Dialog;
using Cti.Sip.Message;
using Cti.Sip.Transaction;

namespace Cti.Actors.Calls;

/// <summary>The same INVITE by another path: the newest branch is answered.</summary>
internal sealed partial class CallLeg
{
    /// <summary>A proxy that asks again cancels the branch before: the caller has not given up. Compared by their Via, as an INVITE may have been taken over.</summary>
    private bool IsOlderBranch(ServerTransaction cancelled) =>
        serverTransaction is { } newest && newest != cancelled && newest.Request.TopVia.Branch != cancelled.Request.TopVia.Branch;

    /// <summary>The older branch is refused as merged; the newer hears what the older had heard.</summary>
    private ResourceCommand? Joined(ServerTransaction arrived, CallState state)
    {
        if (usages.Server is null || serverTransaction is not { } before || InviteServerUsage.Join(usages.Server, arrived.Request) is not { } joined)
        {
            services.Sip.Respond(arrived, SipResponse.For(arrived.Request, 482, null, services.Random.NextHex(8)));
            return null;
        }
        services.Sip.Respond(before, SipResponse.For(before.Request, 482, null, services.Random.NextHex(8)));
        usages.Server = joined;
        serverTransaction = arrived;
        // The older one rings since the call is durable.
        if (state.Phase == CallPhase.Initiated && cell.Durable is not null) ServeStep(new InviteServerInput.Provide(180));
        return null;
    }
}
