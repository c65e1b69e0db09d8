using Cti.Actors.Hosting;
using Cti.Calls;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Kernel;

namespace Cti.Actors.Resources;

/// <summary>
/// The life of a resource: it is created or read from a journal, lives in its documented states, goes to another node, or is taken by one.
/// <code>
///   Unborn ──created──► ╔═ its documented states ═╗ ──released, settled and durable──► (stopped)
///   Recovering ───────► ║ one behaviour a state   ║
///                       ╚═════════════════════════╝ ──may move──► Parting ──given──► (stopped; its sound is the media node's for a while)
///                                     ▲                             │
///                                     └───────────stays─────────────┘
///   from each of them: another node owns it ──► (stopped, nothing outside is touched)
/// </code>
/// What comes while it recovers or parts is put aside, and is handled here afterwards, or sent after the resource.
/// </summary>
/// <typeparam name="TState">Its state.</typeparam>
/// <typeparam name="TEntry">Its entries.</typeparam>
internal abstract class ResourceActor<TState, TEntry>(ResourceServices services, ResourceCell<TState> cell) : JournaledActor<TState, TEntry>(services, cell)
    where TState : ResourceState
    where TEntry : ResourceEntry
{
    private readonly ResourceServices _services = services;
    private readonly ResourceCell<TState> _cell = cell;
    private readonly SilentPeers _silentPeers = new();
    private Parting? _parting;
    private bool _isGoing;

    /// <summary>Whether it has gone to another node: what still comes is sent after it.</summary>
    protected bool IsGone { get; private set; }

    /// <summary>The command of a request.</summary>
    protected abstract ResourceCommand CommandOf(RpcAsk ask);

    /// <summary>The behaviour before the resource exists.</summary>
    protected abstract bool Unborn(object message);

    /// <summary>What only this kind of resource receives while it lives.</summary>
    protected abstract bool ReceiveAlive(object message);

    /// <summary>Makes up for what the dead process left undone.</summary>
    protected abstract void GoOn(Recover recover);

    /// <summary>Whether a command waits, or is out of date.</summary>
    protected virtual bool Defers(ResourceCommand command) => false;

    /// <summary>A deadline was decided on, and is to be made durable.</summary>
    protected virtual void TimeHasCome()
    {
    }

    // ---- what others have to do with it ----

    /// <summary>The other resources of a moved instance that this one shares something with.</summary>
    protected virtual IEnumerable<string> PeersAt(PeerMoved moved) => [];

    /// <summary>Who of those speaks by a command; null for nobody.</summary>
    protected virtual string? SpeakerOf(ResourceCommand command) => Nowhere.SenderOf(command);

    // ---- on its way to another node ----

    /// <summary>What is under way that only this node can bring to an end; null for nothing.</summary>
    protected virtual string? WhyNotPart() => null;

    /// <summary>Whether the resource is one that others wait for: it may be long before it can move.</summary>
    protected virtual bool IsSettingUp => false;

    /// <summary>Ends what two nodes cannot hold at once: files that are written.</summary>
    protected virtual void EndShared()
    {
    }

    /// <summary>Whether all of that has ended.</summary>
    protected virtual bool IsSharedOver => true;

    /// <summary>Looks whether a message tells of the end of something shared. True where it needs no more attention.</summary>
    protected virtual bool TakeWhileParting(object message) => false;

    /// <summary>Begins again what <see cref="EndShared"/> ended: the resource stays.</summary>
    protected virtual void ResumeShared()
    {
    }

    /// <summary>Another node owns the resource: timers and transactions are over, without a word to anyone.</summary>
    protected virtual void Abandon()
    {
    }

    /// <summary>What it sounds by falls silent, without a word to anyone.</summary>
    protected virtual void Silence()
    {
    }

    /// <summary>What it sounds by is left to the media node, until its far ends listen to the new owner.</summary>
    protected virtual void LeaveSound()
    {
    }

    /// <summary>A message from outside is the new owner's: it goes back to where it came from.</summary>
    protected virtual void GiveBack(object message)
    {
    }

    protected override void OnStart()
    {
        if (_cell.Deposed)
        {
            // It crashed while it stood down.
            Become(static _ => true);
            StopSelf();
        }
        else if (_cell.State is null)
        {
            Become(Unborn);
        }
        else if (_cell.AwaitsRecovery)
        {
            Become(Recovering);
        }
        else
        {
            ReturnToItsState();
        }
    }

    protected override void OnStop()
    {
        _cell.Listing.HasStoodDown = true;
        if (_cell.State is not { } state) return;
        _services.Directory.Remove(_cell.Listing);
        _services.Departures.EndUnlessKept(state.Id);
        if (state is { Owner: { } owner, IsReleased: false } && !_cell.Deposed) Tell(owner, new OwnedGone(state.Id.ToString()));
    }

    protected override void OnUndelivered(object message)
    {
        if (!_cell.Deposed)
        {
            var self = _cell.State?.Id.ToString() ?? "";
            AskOf(message)?.ReplyTo.Reply(RpcReply.Refused(RpcError.NoSuchResource(self)));
            // What another resource said while this one was stopping: it waits for an answer, or believes that it has one here.
            if (message is Decide { Command: var late } && _cell.State is not null && Nowhere.SenderOf(late) is { } sender
                && Nowhere.AnswerTo(late, self, sender) is { } answer) Tell(sender, answer);
            return;
        }
        if (IsGone && message is Decide { Command: var command }) Tell(_cell.State!.Id.ToString(), command);
        GiveBack(message);
        // Whoever asked asks the new owner.
        AskOf(message)?.ReplyTo.Reply(RpcReply.Refused(RpcError.Moving()));
    }

    private static RpcAsk? AskOf(object message) => message as RpcAsk ?? (message as OwnedAsk)?.Ask;

    // ---- the states ----

    protected sealed override bool Living(object message)
    {
        switch (message)
        {
            case RpcAsk ask:
                Guard(ask, () => Handle(ask));
                return true;
            case OwnedAsk owned:
                Guard(owned.Ask, () => Run(owned.Request, owned.Ask));
                return true;
            case BecameDurable durable:
                RunCommitted(durable.Position);
                return true;
            case DeadlineCame:
                RunDeadline();
                TimeHasCome();
                return true;
            case Decide { Command: PeerMoved { IsHandedOver: true } moved }:
                if (_silentPeers.Await(moved, PeersAt(moved)))
                    StartTimer(SilentPeers.TimerOf(moved.Instance), SilentPeers.SilentMillisMax, new Decide(moved with { IsHandedOver = false }));
                return true;
            case Decide decide when Defers(decide.Command):
                return true;
            case Decide decide:
                HearPeer(decide.Command);
                Run(decide.Command, decide.Command.AnswersHeld ? _cell.Held : null);
                return true;
            case WasDeposed:
                StandDown();
                return true;
            case AskToPart ask:
                BeginParting(ask.Parting);
                return true;
            case Go go:
                go.Parting.Refuse(_cell.Listing, "has not agreed");
                return true;
            case EndIfSettingUp:
                if (IsSettingUp) Run(new NodeStops(), null);
                return true;
            case Stay:
                return true;
            default:
                return ReceiveAlive(message);
        }
    }

    /// <summary>Read from the journal: what others ask of it waits until it has its session or its mix again.</summary>
    private bool Recovering(object message)
    {
        switch (message)
        {
            case Recover recover:
                _cell.HasRecovered();
                ReturnToItsState();
                GoOn(recover);
                UnstashAll();
                return true;
            case WasDeposed:
                StandDown();
                return true;
            case AskToPart ask:
                ask.Parting.Refuse(_cell.Listing, "has just come");
                return true;
            case Stay:
                return true;
            default:
                StashMessage();
                return true;
        }
    }

    private bool IsParting(object message)
    {
        switch (message)
        {
            case Go:
                _isGoing = true;
                EndShared();
                ReportQuiet();
                return true;
            case Stay:
                _parting = null;
                ReturnToItsState();
                if (_isGoing) ResumeShared();
                UnstashAll();
                return true;
            case WasDeposed when _isGoing:
                GoAway();
                return true;
            case WasDeposed:
                StandDown();
                return true;
            case BecameDurable durable:
                RunCommitted(durable.Position);
                return true;
            default:
                // A request waits as well: it is answered here if the resource stays, and by the new owner if not.
                if (_isGoing && TakeWhileParting(message)) ReportQuiet();
                else StashMessage();
                return true;
        }
    }

    private void BeginParting(Parting asked)
    {
        // Committed effects that wait, and requests that wait for another resource, are settled here first.
        var why = _cell.State is not { IsOver: false } ? "is ending"
            : _cell.Held is not null ? "has a request that waits for another resource"
            : _cell.Waiting.Count > 0 ? "has decisions that are not durable yet"
            : WhyNotPart();
        if (why is not null)
        {
            asked.Refuse(_cell.Listing, why);
            return;
        }
        _parting = asked;
        _isGoing = false;
        Disarm();
        Become(IsParting);
        asked.Report(_cell.Listing);
    }

    private void ReportQuiet()
    {
        if (IsSharedOver) _parting?.Report(_cell.Listing);
    }

    private void GoAway()
    {
        _cell.Deposed = true;
        IsGone = true;
        Abandon();
        LeaveSound();
        StopForGood();
    }

    private void StandDown()
    {
        _cell.Deposed = true;
        foreach (var waiting in _cell.Waiting) waiting.Ask?.ReplyTo.Reply(RpcReply.Refused(RpcError.Moving()));
        _cell.Waiting.Clear();
        TakeHeld()?.ReplyTo.Reply(RpcReply.Refused(RpcError.Moving()));
        Abandon();
        Silence();
        StopForGood();
    }

    /// <summary>What was put aside is given back with what still waits in the mailbox.</summary>
    private void StopForGood()
    {
        _cell.Listing.HasStoodDown = true;
        UnstashAll();
        StopSelf();
    }

    private void Handle(RpcAsk ask)
    {
        if (_cell.Journal.IsStalled)
        {
            ask.ReplyTo.Reply(RpcReply.Refused(RpcError.Unavailable("the journal cannot be reached; nothing new is accepted until it can")));
            return;
        }
        Run(CommandOf(ask), ask);
    }

    private void HearPeer(ResourceCommand command)
    {
        if (command is PeerMoved asked) _silentPeers.Asked(asked.Instance);
        if (SpeakerOf(command) is { } speaker && _silentPeers.Hear(speaker) is { } instance) CancelTimer(SilentPeers.TimerOf(instance));
    }
}
