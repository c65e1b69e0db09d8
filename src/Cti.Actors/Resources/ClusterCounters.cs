namespace Cti.Actors.Resources;

/// <summary>What a node has done with calls and messages of its cluster since its start. Counted from any thread.</summary>
public sealed class ClusterCounters
{
    private long callsResumed, callsReleased, requestsForwarded, requestsCarriedOut, requestsHeld, sipForwarded, sipTaken, sipHeld, sipGivenUp, invitesOffered;

    /// <summary>Calls found in the journal of an instance that came to this node, which went on.</summary>
    public long CallsResumed => Interlocked.Read(ref callsResumed);

    /// <summary>Calls found in the journal of an instance that came to this node, which had to be released.</summary>
    public long CallsReleased => Interlocked.Read(ref callsReleased);

    /// <summary>Requests of applications that were sent to another node.</summary>
    public long RequestsForwarded => Interlocked.Read(ref requestsForwarded);

    /// <summary>Requests of applications that other nodes sent, and that were carried out or answered here.</summary>
    public long RequestsCarriedOut => Interlocked.Read(ref requestsCarriedOut);

    /// <summary>Times that a request had to wait, because its instance was between two owners.</summary>
    public long RequestsHeld => Interlocked.Read(ref requestsHeld);

    /// <summary>SIP requests, ACKs and late answers within dialogs that were sent to the node that owns the call.</summary>
    public long SipForwarded => Interlocked.Read(ref sipForwarded);

    /// <summary>SIP messages that other nodes sent to this one.</summary>
    public long SipTaken => Interlocked.Read(ref sipTaken);

    /// <summary>Times that a SIP message had to wait, because its instance was between two owners.</summary>
    public long SipHeld => Interlocked.Read(ref sipHeld);

    /// <summary>SIP messages whose owner was not found in time: refused with 503 where they can be answered.</summary>
    public long SipGivenUp => Interlocked.Read(ref sipGivenUp);

    /// <summary>INVITEs that were handed to another node, because this one takes nothing new.</summary>
    public long InvitesOffered => Interlocked.Read(ref invitesOffered);

    internal void CallRecovered(bool goesOn) => Interlocked.Increment(ref goesOn ? ref callsResumed : ref callsReleased);

    internal void RequestForwarded() => Interlocked.Increment(ref requestsForwarded);

    internal void RequestCarriedOut() => Interlocked.Increment(ref requestsCarriedOut);

    internal void RequestHeld() => Interlocked.Increment(ref requestsHeld);

    internal void SipWasForwarded() => Interlocked.Increment(ref sipForwarded);

    internal void SipWasTaken() => Interlocked.Increment(ref sipTaken);

    internal void SipWasHeld() => Interlocked.Increment(ref sipHeld);

    internal void SipWasGivenUp() => Interlocked.Increment(ref sipGivenUp);

    internal void InviteOffered() => Interlocked.Increment(ref invitesOffered);
}
