using Cti.Actors;
using Cti.Calls.Call;
using Cti.Cluster.Journal;
using Cti.Kernel;
using Cti.Media;

namespace Cti.Server.Calls;

/// <summary>
/// What outlives a crash of a call's actor: the state that its journal shows, the effects that wait for durability, and what it holds outside
/// (media session, SIP leg). The actor's code is replaceable; this is the call.
/// </summary>
internal sealed class CallCell(InstanceJournal journal) : IDurabilityObserver, IMediaEvents
{
    private CallState? durable;

    public InstanceJournal Journal { get; } = journal;

    public ActorRef Actor { get; set; } = null!;

    /// <summary>The state after everything decided so far, durable or not.</summary>
    public CallState? State { get; set; }

    /// <summary>The state as last made durable: what queries answer from, on any thread.</summary>
    public CallState? Durable => Volatile.Read(ref durable);

    /// <summary>Takes over what the journal tells.</summary>
    public void Restore(CallState state)
    {
        State = state;
        Volatile.Write(ref durable, state);
    }

    public Queue<CommittedEffects> Waiting { get; } = new();

    public long LastPosition { get; set; }

    public MediaSessionId? Media { get; set; }

    public bool MediaClosed { get; set; }

    public ICallLeg? Leg { get; set; }

    /// <summary>The <c>connect_start</c> that waits for the second party's answer.</summary>
    public CallAsk? Held { get; set; }

    public bool Deposed { get; set; }

    public void OnDurable(long position, object? tag)
    {
        Volatile.Write(ref durable, (CallState?)tag);
        Actor.Tell(new BecameDurable(position));
    }

    public void OnDeposed() => Actor.Tell(new WasDeposed());

    public void OnMediaEvent(MediaSessionId session, MediaEvent happened) => Actor.Tell(new MediaHappened(happened));
}

/// <summary>Effects that run once a position is durable.</summary>
/// <param name="Position">The position.</param>
/// <param name="Effects">What to do, in order.</param>
/// <param name="Ask">The request that they answer, if any.</param>
internal sealed record CommittedEffects(long Position, List<CallEffect> Effects, CallAsk? Ask);

/// <summary>A call's SIP side. Its methods run in the call's actor.</summary>
internal interface ICallLeg
{
    /// <summary>Carries out a SIP effect of a decision.</summary>
    void Perform(CallEffect effect, CallState state);

    /// <summary>What a message from the SIP side means for the call; null when nothing. False in <paramref name="accepted"/> for a message that is not SIP's.</summary>
    CallCommand? Translate(object message, CallState state, out bool accepted);

    /// <summary>The call is gone: stop timers, forget transactions.</summary>
    void Dispose();
}
