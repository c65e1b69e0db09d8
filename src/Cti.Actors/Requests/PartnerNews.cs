using Cti.Actors.Resources;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Kernel;

namespace Cti.Actors.Requests;

/// <summary>
/// Lets <c>get</c> answer only what is as new as every event that was delivered before. What a resource shares with another one (a bridge, a dialling, a
/// seat) may end by the other one's decision, and that one's event is delivered before its message has arrived here. So each partner is asked whether it
/// still holds what is shared: on this node a look at its durable state, which is never behind its events, on another node a question to its owner.
/// Where it does not, the message is on its way, and the answer waits for it.
/// <code>
///   looked ──no ties, or all held──────────────────────► answered
///     ▲ │ └──an owner does not answer for 1 s──────────► answered with what is known here
///     │ └──one is not held──► waits 2 ms ──┐    5 s in all: 503, the message's sender is between two nodes
///     └────────────────────────────────────┘
/// </code>
/// </summary>
/// <param name="directory">The resources of this node.</param>
/// <param name="owns">Whether this node owns an instance and has read its journal.</param>
/// <param name="ask">Carries a question to the owner of an instance on another node.</param>
/// <param name="timers">For the waits.</param>
internal sealed class PartnerNews(Resources.ResourceDirectory directory, Func<int, bool> owns, Action<RpcRequest, int, IReplyTo> ask, ITimers timers)
{
    /// <summary>
    /// The name under which the question says which tie it asks about. A node of an older version does not read it and answers whether the partner exists.
    /// </summary>
    internal const string Tie = "op";

    private readonly Resources.ResourceDirectory _directory = directory;
    private readonly Func<int, bool> _owns = owns;
    private readonly Action<RpcRequest, int, IReplyTo> _ask = ask;
    private readonly ITimers _timers = timers;

    /// <summary>Answers from the state once that is as new as what its partners have told.</summary>
    /// <param name="request">The request that asks for it.</param>
    /// <param name="find">Its durable state as of now; null where the resource is not there.</param>
    /// <param name="describe">What is answered from that.</param>
    /// <param name="replyTo">Given the answer, on any thread.</param>
    public void Answer(RpcRequest request, Func<ResourceState?> find, Func<ResourceState?, RpcReply> describe, IReplyTo replyTo)
    {
        var state = find();
        if (state is null || state.Ties.IsEmpty || AreHeldHere(state)) replyTo.Reply(describe(state));
        else new Look(this, request, find, describe, replyTo).Begin(state);
    }

    private bool AreHeldHere(ResourceState state)
    {
        foreach (var tie in state.Ties)
            if (!ResourceId.TryParse(tie.Partner, out var id) || !_owns(id.Instance) || !IsHeldHere(id, tie)) return false;
        return true;
    }

    private bool IsHeldHere(ResourceId partner, ResourceTie tie) => tie.IsHeldBy(_directory.Find(partner)?.Published);

    private sealed class Look(PartnerNews owner, RpcRequest request, Func<ResourceState?> find, Func<ResourceState?, RpcReply> describe, IReplyTo replyTo)
    {
        private ITimerHandle? _unanswered, _unheard;
        private volatile bool _isMissing;
        private int _isAnswered;

        public void Begin(ResourceState state)
        {
            _unanswered = owner._timers.Schedule(Limits.PartnerNewsMillis, static look => ((Look)look!).Unanswered(), this);
            _unheard = owner._timers.Schedule(Limits.MovingMillis, static look => ((Look)look!).Finish(RpcReply.Refused(RpcError.Moving())), this);
            Check(state, 0);
        }

        // Nobody said that anything is over: what is known here stands.
        private void Unanswered()
        {
            if (!_isMissing) Answer();
        }

        private void Check(ResourceState state, int index)
        {
            if (index == state.Ties.Length)
            {
                Answer();
                return;
            }
            var tie = state.Ties[index];
            if (!ResourceId.TryParse(tie.Partner, out var id)) Check(state, index + 1);
            else if (owner._owns(id.Instance)) Go(owner.IsHeldHere(id, tie));
            else owner._ask(QuestionOf(id, tie.Op), id.Instance,
                new ThenReply(reply => Go(reply.Error is not null || reply.Result.Span.SequenceEqual("true"u8))));

            void Go(bool isHeld)
            {
                if (isHeld)
                {
                    Check(state, index + 1);
                    return;
                }
                _isMissing = true;
                owner._timers.Schedule(Limits.PartnerRetryMillis, static look => ((Look)look!).Again(), this);
            }
        }

        private void Again()
        {
            if (Volatile.Read(ref _isAnswered) != 0) return;
            if (find() is { Ties.IsEmpty: false } state) Check(state, 0);
            else Answer();
        }

        private RpcRequest QuestionOf(ResourceId partner, string? op) => request with
        {
            Definition = Catalogue.Get(partner.Module + ".exists"),
            Arguments = new RpcArguments(op is null
                ? new Dictionary<string, object?> { ["res_id"] = partner.ToString() }
                : new Dictionary<string, object?> { ["res_id"] = partner.ToString(), [Tie] = op }),
            RequestId = null,
            ParametersHash = 0,
        };

        private void Answer() => Finish(describe(find()));

        private void Finish(RpcReply reply)
        {
            if (Interlocked.Exchange(ref _isAnswered, 1) != 0) return;
            _unanswered?.Cancel();
            _unheard?.Cancel();
            replyTo.Reply(reply);
        }
    }
}
