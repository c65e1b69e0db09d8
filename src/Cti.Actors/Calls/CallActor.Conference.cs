using Cti.Actors.Resources;
using Cti.Calls.Call;
using Cti.Calls.Call.Sagas;
using Cti.Calls.Resources;
using Cti.Kernel;

namespace Cti.Actors.Calls;

/// <summary>Conferences: what a call says to the one that it enters or leaves. The mix is the conference's own affair.</summary>
internal sealed partial class CallActor
{
    private void PerformConference(ResourceEffect effect)
    {
        switch (effect)
        {
            case AskEntry ask:
                AskToEnter(ask);
                break;
            case LeaveConference leave:
                Tell(leave.Conference, new MemberLeaves(leave.Op, _cell.State!.Id.ToString()));
                break;
        }
    }

    private void AskToEnter(AskEntry ask)
    {
        var asked = ask.Asked;
        if (!_services.Post.IsHere(ask.Conference))
        {
            if (OfferSound(asked.Op) is not { } link)
            {
                var refusal = RpcError.Unavailable("no capacity for another media session on this node");
                if (asked.IsEntered) Tell(ask.Conference, new MemberLeaves(asked.Op, asked.Call));
                Self.Tell(new Decide(new EnterAnswered(asked.Op, ask.Conference, refusal)));
                return;
            }
            asked = asked with { Link = link };
        }
        else if (_cell.Sound is { Link: not null } linked && linked.Op == asked.Op)
        {
            MakeRoom();
        }
        TellOrLearn(ask.Conference, asked);
    }
}
