using Cti.Actors.SipNode;
using Cti.Calls.Call;
using Cti.Calls.Resources;
using Cti.Sip.Dialog;
using Cti.Sip.Message;
using Cti.Sip.Sdp;
using Cti.Sip.Transaction;

namespace Cti.Actors.Calls;

/// <summary>
/// A call that goes on at another node: until the journal knows, changes of the far end's wait; then the far end is told where we are, by a re-INVITE when it
/// is this call's turn, and what the dead node has left unacknowledged is acknowledged here.
/// </summary>
internal sealed class LegTakeover(LegContext leg, LegUsages usages, LegRoute route, LegSession session)
{
    /// <summary>How often the 2xx goes out here before the far end is told without having acknowledged: the ACK may go to the dead node for ever.</summary>
    private const int AnswersBeforeOffer = 3;

    /// <summary>Changes that the far end asked for before the takeover was durable: a refusal would be final to most telephones.</summary>
    private readonly Queue<ServerTransaction> _early = new();

    private int _answers;
    private bool _waitsForItsTurn;

    /// <summary>
    /// Whether other requests of ours have to wait: a re-INVITE or an UPDATE is on its way, or is about to be. One that a later one overtakes, in the processes
    /// of a proxy, is refused for its number (RFC 3261 section 12.2.2).
    /// </summary>
    public bool IsFirst => _waitsForItsTurn || session.IsAsking;

    /// <summary>Whether a change of theirs has to wait: the journal does not know yet that the call goes on here.</summary>
    public bool IsTooEarly(CallState state) => leg.IsRestored && usages.Session is null && usages.Server is null or { Phase: InviteServerPhase.Confirmed }
        && state.IsUp && _early.Count < LegSession.ChangesMax;

    public void Postpone(ServerTransaction transaction) => _early.Enqueue(transaction);

    /// <summary>The re-INVITE waits for its turn: many calls may have the same far end.</summary>
    public void TellWhereWeAre(CallState state)
    {
        usages.Session ??= SessionOf(state);
        while (_early.TryDequeue(out var before)) leg.Cell.Actor.Tell(new InDialogRequest(before));
        _waitsForItsTurn = true;
        leg.Services.ReInvites.Queue(route.Flow.Remote.Address, leg.Cell.Actor);
    }

    /// <summary>Its turn has come.</summary>
    public ResourceCommand? Offer(CallState state)
    {
        _waitsForItsTurn = false;
        // A change of theirs may have told them meanwhile.
        if (state.InterruptedMillis is null || state.WasReleased || usages.Session is null) return null;
        return session.Step(new ReInviteInput.Refresh());
    }

    /// <summary>Our 2xx went out.</summary>
    public void CountAnswers(bool isRepeated)
    {
        if (!isRepeated || !leg.IsRestored || ++_answers != AnswersBeforeOffer || leg.Cell.State is not { InterruptedMillis: not null } state) return;
        TellWhereWeAre(state);
    }

    public void AcknowledgeOnceMore(uint number, CallState state)
    {
        var dialog = state.Dialog!;
        var invite = new SipRequest(SipMethods.Invite, DialogRequests.TargetOf(dialog));
        invite.Add(HeaderId.CSeq, new CSeqValue(number, SipMethods.Invite).ToString());
        route.Acknowledge(DialogRequests.Ack(dialog, invite));
    }

    /// <summary>A 2xx to an INVITE or re-INVITE that the dead node sent comes again, because nobody has acknowledged it.</summary>
    public ResourceCommand? AcknowledgeForTheDead(SipResponse response)
    {
        if (leg.IsRestored && leg.Cell.State is { IsUp: true, Dialog: { } dialog } state && dialog.Owns(response))
            AcknowledgeOnceMore(response.CSeq.Number, state);
        return null;
    }

    /// <summary>What waits is another node's.</summary>
    public void GiveBack()
    {
        while (_early.TryDequeue(out var before)) leg.Services.Sip.GiveBack(before);
    }

    private ReInviteState SessionOf(CallState state) => new ReInviteState
    {
        Dialog = state.Dialog!,
        Local = leg.Local,
        LocalSdp = JournaledSdp.Of(state) ?? SdpNegotiator.CreateOffer(leg.Local),
        Credentials = leg.Credentials,
        TimerRules = leg.Profile.Timer,
    }.WithTimer(state.Timer, leg.NowMillis);
}
