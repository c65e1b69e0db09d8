using Akka.Actor;
using Cti.Actors.Hosting;
using Cti.Actors.Resources;
using Cti.Kernel;
using Cti.Media;

namespace Cti.Actors.MediaNode;

/// <summary>
/// Owns this node's RTP sessions and mixes from their opening to their end, whatever becomes of the resources that they are for.
/// <code>
///            ┌──closed by its holder, or for it when the holder has stopped──► closing ──its end is reported──► (none)
///   opened ──┼──given up by its holder──────────────────────────────────────────────────────────────────────────► (none)
///            └──its holder goes to another node──► kept ──heard from there · lost there · 10 s──► given up ─────► (none)
/// </code>
/// A call that moved is heard from here until its far end listens to its new owner; keys that are pressed meanwhile are sent after it.
/// </summary>
/// <param name="node">The way here.</param>
/// <param name="owned">What it owns.</param>
/// <param name="departures">Resources that go to other nodes.</param>
/// <param name="post">Brings keys to calls that have moved.</param>
internal sealed class MediaNodeActor(NodeMedia node, OwnedMedia owned, Departures departures, ResourcePost post) : NodeActor
{
    protected override void OnStart()
    {
        Become(Owning);
        // What it watches it still watches after a crash; its timers are gone.
        foreach (var resource in owned.Kept.Keys) Remind(resource);
    }

    private bool Owning(object message)
    {
        switch (message)
        {
            case Opened { Held: var held }:
                if (!held.IsOver) Hold(held);
                return true;
            case Ended { Held: var held }:
                Forget(held);
                return true;
            case Keep keep:
                Begin(keep);
                return true;
            case LetGo { Resource: var resource }:
                End(resource);
                return true;
            case Terminated { ActorRef: var actor }:
                HolderStopped(actor);
                return true;
            case MediaHappened { Event: KeyPressed pressed, Session: { } session }:
                SendAfter(session, pressed);
                return true;
            default:
                // How what is kept goes on nobody asks any more.
                return message is MediaHappened or MixHappened;
        }
    }

    private void Hold(HeldMedia held)
    {
        if (Watch(held.Holder) is not { } holder)
        {
            if (!held.IsKept) NodeMedia.Close(held);
            return;
        }
        held.Watched = holder;
        if (owned.Held.TryGetValue(holder, out var others)) others.Add(held);
        else owned.Held.Add(holder, [held]);
    }

    private void Forget(HeldMedia held)
    {
        if (held.Watched is not { } holder || !owned.Held.TryGetValue(holder, out var all) || !all.Remove(held) || all.Count > 0) return;
        owned.Held.Remove(holder);
        Unwatch(holder);
    }

    /// <summary>Whatever became of the resource: no session outlives the one that it is for.</summary>
    private void HolderStopped(IActorRef holder)
    {
        if (!owned.Held.Remove(holder, out var all)) return;
        foreach (var held in all)
        {
            if (!held.IsKept) NodeMedia.Close(held);
        }
    }

    private void Begin(Keep keep)
    {
        // It had come back, and goes again: nobody listens to what was kept of the first time.
        if (owned.Kept.Remove(keep.Resource, out var before)) Abandon(before);
        owned.Kept.Add(keep.Resource, keep);
        // It may be heard from there before it has let go of here.
        if (departures.Find(keep.Resource) is not { HasArrived: false }) End(keep.Resource);
        else Remind(keep.Resource);
    }

    private void End(ResourceId resource)
    {
        if (!owned.Kept.Remove(resource, out var keep))
        {
            if (departures.Find(resource) is { } going) going.HasArrived = true;
            return;
        }
        CancelTimer(TimerOf(resource));
        Abandon(keep);
        departures.End(resource);
    }

    private void Abandon(Keep keep)
    {
        foreach (var held in keep.Held) node.Abandon(held);
    }

    private void SendAfter(MediaSessionId session, KeyPressed pressed)
    {
        foreach (var (resource, keep) in owned.Kept)
        {
            if (!keep.Held.Any(held => held is HeldSession kept && kept.Id == session)) continue;
            var name = resource.ToString();
            post.Send(name, name, MediaDescriptions.From(pressed) with { IsLate = true });
            return;
        }
    }

    private void Remind(ResourceId resource) => StartTimer(TimerOf(resource), SilentPeers.HeldMillisMax, new LetGo(resource));

    private static string TimerOf(ResourceId resource) => $"kept {resource}";
}

/// <summary>What the media node owns: it outlives a crash of its actor, which alone touches it.</summary>
internal sealed class OwnedMedia
{
    /// <summary>What is open, by the actor of the resource that it is for.</summary>
    public Dictionary<IActorRef, List<HeldMedia>> Held { get; } = [];

    /// <summary>What is kept of resources that have moved.</summary>
    public Dictionary<ResourceId, Keep> Kept { get; } = [];
}
