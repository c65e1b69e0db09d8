using Cti.Calls.Call.Sagas;
using Cti.Calls.Resources;
using Cti.Kernel;

namespace Cti.Actors.Calls;

/// <content>What reaches a call too late.</content>
internal sealed partial class CallActor
{
    /// <summary>What another resource asked while this one was stopping: it waits for an answer, or believes that it has one here.</summary>
    private void AnswerForTheDead(ResourceCommand command, string self)
    {
        switch (command)
        {
            case JoinAsked asked:
                Tell(asked.First, new JoinAnswered(asked.Op, self, RpcError.NoSuchResource(self)));
                break;
            case JoinAnswered { Refusal: null } joined:
                Tell(joined.Second, new BridgeParted(joined.Op));
                break;
            case BridgeAsked asked:
                Tell(asked.Second, new BridgeParted(asked.Op));
                break;
            case SeatAsked asked:
                Tell(asked.Conference, new MemberLeaves(asked.Op, self));
                break;
            case ChildAsks asked:
                Tell(asked.Child, new ParentAnswers(self, RpcError.NoSuchResource(self), false));
                break;
            case ParentAnswers { Refusal: null } answered:
                Tell(answered.Parent, new ChildDone(self));
                break;
            case EnterAnswered { Refusal: null } entered:
                Tell(entered.Conference, new MemberLeaves(entered.Op, self));
                break;
        }
    }
}
