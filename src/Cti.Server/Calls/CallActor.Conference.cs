using Cti.Calls.Call;
using Cti.Calls.Conference;
using Cti.Calls.Resources;
using Cti.Kernel;
using Cti.Server.Resources;

namespace Cti.Server.Calls;

/// <summary>Conferences: what a call says to the one that it enters or leaves. The mix is the conference's own affair.</summary>
internal sealed partial class CallActor
{
    private void PerformConference(ResourceEffect effect)
    {
        switch (effect)
        {
            case AskEntry ask:
                if (!Tell(ask.Conference, ask.Asked))
                    Self.Tell(new Decide(new EnterAnswered(ask.Asked.Op, ask.Conference, RpcError.NoSuchResource(ask.Conference))));
                break;
            case LeaveConference leave:
                Tell(leave.Conference, new MemberLeaves(leave.Op, cell.State!.Id.ToString()));
                break;
        }
    }
}
