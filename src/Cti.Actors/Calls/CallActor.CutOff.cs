using Cti.Calls.Call;
using Cti.Calls.Resources;

namespace Cti.Actors.Calls;

/// <summary>What a call does whose node cannot write: its limits on time are in the journal, so whoever had it would hang up at the same moment.</summary>
internal sealed partial class CallActor
{
    /// <summary>How often it is looked whether the BYE of a deadline still waits for the disk; an append takes a few milliseconds.</summary>
    private const int LookForByeMillis = 250;
    private bool _maySend;

    protected override void TimeHasCome()
    {
        if (HasUnwrittenBye) StartTimer("unwritten BYE", LookForByeMillis, new ByeWaits());
    }

    private bool HasUnwrittenBye => _cell.Waiting.Any(static waiting => waiting.Effects.Any(static effect => effect is SendBye));

    /// <summary>With a journal that is damaged or gone no BYE becomes durable, and nobody takes the call over: whatever ended it, its far end is told.</summary>
    private void TellWhereNothingIsWritten()
    {
        if (_cell.Journal.IsBroken && HasUnwrittenBye) LookForUnwrittenBye();
    }

    /// <summary>Whether a limit is over by what is written alone: one that began with something unwritten is nothing that another node would know of.</summary>
    private bool JournalTellsTheEnd => _cell.Durable is { } written && Decide(written, new TimeReached(), System.Clock.UnixMillis).State is { WasReleased: true };

    /// <summary>Sends it unwritten where no other node could, once; what is written later sends none.</summary>
    private void LookForUnwrittenBye()
    {
        if (!HasUnwrittenBye) return;
        // Twice in a row: a peer that has the database gets the time to say so.
        var mayNow = _cell.Journal.IsBroken || (_services.HangsUpUnwritten() && JournalTellsTheEnd);
        if (!_maySend || !mayNow)
        {
            _maySend = mayNow;
            TimeHasCome();
            return;
        }
        foreach (var waiting in _cell.Waiting)
        {
            if (waiting.Effects.Find(static effect => effect is SendBye) is not SendBye bye) continue;
            waiting.Effects.Remove(bye);
            Perform(bye with { IsUnwritten = true }, null);
        }
    }

    /// <summary>That nothing can be written is known only after a while: a BYE that was answered in between is kept now.</summary>
    private void KeepUnwritten(ByeArrived bye)
    {
        if (_cell.Durable is { IsReleased: false } call) _services.ToldByes.Keep(call.Id.ToString(), bye);
    }

    private sealed record ByeIsTold(ByeArrived Bye);

    private sealed record ByeWaits;
}
