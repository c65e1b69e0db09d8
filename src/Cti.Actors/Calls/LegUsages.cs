using Cti.Sip.Dialog;
using Cti.Sip.Message;

namespace Cti.Actors.Calls;

/*
   The usages of a call's dialog

   their INVITE   | Server | ---- ACK, or made where the call goes on ---+      +---------+
                                                                         +----> | Session | ---- BYE of either side ---> none
   our INVITE     | Client | ---- 2xx -----------------------------------+      +---------+

   The INVITE's usage stays after that: it answers and acknowledges what is repeated.
*/

/// <summary>Where the usages of a call's dialog stand: the INVITE's server or client, then the session. Who steps one puts here what came of it.</summary>
internal sealed class LegUsages
{
    /// <summary>How often a request that was overtaken goes out in all: two could overtake each other for ever where the far end refuses both.</summary>
    public const int TriesMax = 3;

    /// <summary>Their INVITE; null where the call is outbound.</summary>
    public InviteServerState? Server { get; set; }

    /// <summary>Our INVITE; null where the call is inbound, or nothing was sent yet.</summary>
    public InviteClientState? Client { get; set; }

    /// <summary>The session of the confirmed dialog; null before and after that.</summary>
    public ReInviteState? Session { get; set; }

    /// <summary>The dialog as far as it is known here; null where only the journal knows of one.</summary>
    public DialogState? Dialog => Session?.Dialog ?? Server?.Dialog ?? Client?.Dialog;

    /// <summary>When the first of them has something to do.</summary>
    public long Deadline => Math.Min(Server?.Deadline ?? long.MaxValue, Math.Min(Client?.Deadline ?? long.MaxValue, Session?.Deadline ?? long.MaxValue));

    /// <summary>Their INVITE has its final response or waits for it, and its ACK has not come.</summary>
    public bool IsServing => Server is { Phase: InviteServerPhase.Offered or InviteServerPhase.Accepted };

    /// <summary>
    /// Whether a request of ours was refused because a later one arrived before it (RFC 3261 section 12.2.2), which happens on the way through a proxy: it
    /// goes out again, with a number of its own.
    /// </summary>
    public bool WasOvertaken(SipResponse response) => response.Status == 500 && Session?.Dialog is { } dialog && response.CSeq.Number < dialog.LocalCSeq;

    /// <summary>A request of theirs counts on in the dialog.</summary>
    public void CountOn(DialogState next)
    {
        if (Session is not null) Session = Session with { Dialog = next };
        else if (Server is not null) Server = Server with { Dialog = next };
    }
}
