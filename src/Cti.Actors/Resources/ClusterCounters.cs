namespace Cti.Actors.Resources;

/// <summary>What a node has done with calls and messages of its cluster since its start. Counted from any thread.</summary>
public sealed class ClusterCounters
{
    private long _callsResumed, _callsReleased, _requestsForwarded, _requestsCarriedOut, _requestsHeld, _sipForwarded, _sipTaken, _sipHeld, _sipGivenUp,
        _invitesOffered;

    /// <summary>Calls found in the journal of an instance that came to this node, which went on.</summary>
    public long CallsResumed => Interlocked.Read(ref _callsResumed);

    /// <summary>Calls found in the journal of an instance that came to this node, which had to be released.</summary>
    public long CallsReleased => Interlocked.Read(ref _callsReleased);

    /// <summary>Requests of applications that were sent to another node.</summary>
    public long RequestsForwarded => Interlocked.Read(ref _requestsForwarded);

    /// <summary>Requests of applications that other nodes sent, and that were carried out or answered here.</summary>
    public long RequestsCarriedOut => Interlocked.Read(ref _requestsCarriedOut);

    /// <summary>Times that a request had to wait, because its instance was between two owners.</summary>
    public long RequestsHeld => Interlocked.Read(ref _requestsHeld);

    /// <summary>SIP requests, ACKs and late answers within dialogs that were sent to the node that owns the call.</summary>
    public long SipForwarded => Interlocked.Read(ref _sipForwarded);

    /// <summary>SIP messages that other nodes sent to this one.</summary>
    public long SipTaken => Interlocked.Read(ref _sipTaken);

    /// <summary>Times that a SIP message had to wait, because its instance was between two owners.</summary>
    public long SipHeld => Interlocked.Read(ref _sipHeld);

    /// <summary>SIP messages whose owner was not found in time: refused with 503 where they can be answered.</summary>
    public long SipGivenUp => Interlocked.Read(ref _sipGivenUp);

    /// <summary>INVITEs that were handed to another node, because this one takes nothing new.</summary>
    public long InvitesOffered => Interlocked.Read(ref _invitesOffered);

    internal void CallRecovered(bool goesOn) => Interlocked.Increment(ref goesOn ? ref _callsResumed : ref _callsReleased);

    internal void RequestForwarded() => Interlocked.Increment(ref _requestsForwarded);

    internal void RequestCarriedOut() => Interlocked.Increment(ref _requestsCarriedOut);

    internal void RequestHeld() => Interlocked.Increment(ref _requestsHeld);

    internal void SipWasForwarded() => Interlocked.Increment(ref _sipForwarded);

    internal void SipWasTaken() => Interlocked.Increment(ref _sipTaken);

    internal void SipWasHeld() => Interlocked.Increment(ref _sipHeld);

    internal void SipWasGivenUp() => Interlocked.Increment(ref _sipGivenUp);

    internal void InviteOffered() => Interlocked.Increment(ref _invitesOffered);
}
