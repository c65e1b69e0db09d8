using Cti.Calls.Resources;
using Cti.Kernel;

namespace Cti.Actors.Resources;

/// <summary>
/// The way to another node while both live. What comes meanwhile is put aside and then either handled here or sent after the resource.
/// <code>
///   Living ──may move──► Parting ──given──► HandedOver ──the far end has moved, or 10 s──► (stopped)
///      ▲                    └──stays──┐
///      └──────────────────────────────┘
/// </code>
/// </summary>
internal abstract partial class ResourceActor<TState, TEntry>
{
    /// <summary>The longest that what was handed over is still heard from here: a new owner tries its re-INVITE for that long.</summary>
    private const int HeldMillisMax = 10_000;

    /// <summary>A peer that moved and is still silent when its old place is silent too has nothing to say by itself.</summary>
    private const int SilentMillisMax = HeldMillisMax + 2_000;

    private readonly Dictionary<int, HashSet<string>> _silentPeers = [];
    private Parting? _parting;
    private bool _isGoing;

    /// <summary>What is under way that only this node can bring to an end; null for nothing.</summary>
    protected virtual string? WhyNotPart() => null;

    /// <summary>Whether the resource is one that others wait for: it may be long before it can move.</summary>
    protected virtual bool IsSettingUp => false;

    /// <summary>Ends what two nodes cannot hold at once: files that are written, mixes and bridges.</summary>
    protected virtual void LetGoOfShared()
    {
    }

    /// <summary>Whether all of that has ended.</summary>
    protected virtual bool IsSharedGone() => true;

    /// <summary>Looks whether a message tells of the end of something shared. True where it needs no more attention.</summary>
    protected virtual bool TakeWhileParting(object message) => false;

    /// <summary>Begins again what <see cref="LetGoOfShared"/> ended: the resource stays.</summary>
    protected virtual void TakeBackShared()
    {
    }

    /// <summary>Whether the far end still hears this node: what was handed over then waits until it hears the new owner.</summary>
    protected virtual bool IsStillHeard => false;

    /// <summary>Called after each decision.</summary>
    protected virtual void OnDecided()
    {
    }

    /// <summary>Called when effects that waited for the disk were carried out.</summary>
    protected virtual void OnCommitted()
    {
    }

    /// <summary>Sends a message of the network after the resource; false where it is none.</summary>
    protected virtual bool SendAfter(object message) => false;

    private void BeginParting(Parting asked)
    {
        // Committed effects that wait, and requests that wait for another resource, are settled here first.
        var why = cell.State is not { IsOver: false } ? "is ending"
            : cell.Held is not null ? "has a request that waits for another resource"
            : cell.Waiting.Count > 0 ? "has decisions that are not durable yet"
            : WhyNotPart();
        if (why is not null)
        {
            asked.Refuse(cell, why);
            return;
        }
        _parting = asked;
        _isGoing = false;
        CancelTimer("deadline");
        _armedMillis = long.MaxValue;
        Become(IsParting);
        asked.Report(cell);
    }

    private bool IsParting(object message)
    {
        switch (message)
        {
            case Go:
                _isGoing = true;
                LetGoOfShared();
                ReportQuiet();
                return true;
            case Stay:
                _parting = null;
                Become(Living);
                if (_isGoing) TakeBackShared();
                Arm();
                UnstashAll();
                return true;
            case WasDeposed when _isGoing:
                BeHandedOver();
                return true;
            case WasDeposed:
                _parting = null;
                StandDown();
                UnstashAll();
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

    private void ReportQuiet()
    {
        if (IsSharedGone()) _parting?.Report(cell);
    }

    private void BeHandedOver()
    {
        _parting = null;
        cell.Deposed = true;
        Abandon();
        Become(HandedOver);
        cell.HasStoodDown = true;
        StartTimer("let go", IsStillHeard ? HeldMillisMax : 0, new LetGo());
        UnstashAll();
    }

    /// <summary>
    /// Peers that a living node gave away speak up when they are heard from their new place. One that does not, because it has lost what it shares with this
    /// resource, is asked after all.
    /// </summary>
    private void AwaitPeers(PeerMoved moved)
    {
        var silent = PeersAt(moved).ToHashSet(StringComparer.Ordinal);
        if (silent.Count == 0) return;
        _silentPeers[moved.Instance] = silent;
        StartTimer(TimerOf(moved.Instance), SilentMillisMax, new Decide(moved with { IsHandedOver = false }));
    }

    private void HearPeer(ResourceCommand command)
    {
        if (_silentPeers.Count == 0) return;
        if (command is PeerMoved asked) _silentPeers.Remove(asked.Instance);
        if (SpeakerOf(command) is not { } speaker || !ResourceId.TryParse(speaker, out var id) || !_silentPeers.TryGetValue(id.Instance, out var silent)) return;
        silent.Remove(speaker);
        if (silent.Count > 0) return;
        _silentPeers.Remove(id.Instance);
        CancelTimer(TimerOf(id.Instance));
    }

    private static string TimerOf(int instance) => $"peers at {instance}";

    private bool HandedOver(object message)
    {
        switch (message)
        {
            case LetGo:
                CancelTimer("let go");
                Become(Deposed);
                if (IsOutsideGone()) StopSelf();
                return true;
            case Decide { Command: var command }:
                Tell(cell.State!.Id.ToString(), command);
                return true;
            case RpcAsk or OwnedAsk:
                RefuseMoving(message);
                return true;
            default:
                if (!SendAfter(message)) OutsideEnded(message);
                return true;
        }
    }
}
