using Cti.Calls.Call;
using Cti.Calls.Resources;

namespace Cti.Actors.Calls;

/// <summary>
/// What a call says last whose node cannot write: its limits on time are in the journal, so whoever had it would hang up at the same moment. Where no other
/// node could, it is done unwritten, once; what is written later sends none.
/// </summary>
internal sealed class UnwrittenBye(CallServices services, CallCell cell)
{
    private bool _mayGo;

    /// <summary>Whether a BYE waits for the disk.</summary>
    public bool IsWaiting => cell.Waiting.Any(static waiting => waiting.Effects.Exists(static effect => effect is SendBye));

    /// <summary>
    /// Whether a limit is over by what is written alone: one that began with something unwritten is nothing that another node would know of.
    /// </summary>
    private bool JournalTellsTheEnd(long now) =>
        cell.Durable is { } written && CallDecider.Decide(written, new TimeReached(), now, services.Settings).State is { WasReleased: true };

    /// <summary>Those that may go out unwritten now; they wait no more.</summary>
    public IReadOnlyList<SendBye> Take(long now)
    {
        if (!IsWaiting) return [];
        // Twice in a row: a peer that has the database gets the time to say so.
        var mayNow = cell.Journal.IsBroken || (services.HangsUpUnwritten() && JournalTellsTheEnd(now));
        if (!_mayGo || !mayNow)
        {
            _mayGo = mayNow;
            return [];
        }
        var going = new List<SendBye>();
        foreach (var waiting in cell.Waiting)
        {
            if (waiting.Effects.Find(static effect => effect is SendBye) is not SendBye bye) continue;
            waiting.Effects.Remove(bye);
            going.Add(bye);
        }
        return going;
    }
}
