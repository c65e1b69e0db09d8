using System.Net;
using Akka.Actor;
using Cti.Actors.Hosting;
using Cti.Media;
using Cti.Media.Session.Mix;

namespace Cti.Actors.MediaNode;

/// <summary>A session or a mix of this node: whose it is, and who hears its reports.</summary>
/// <param name="node">The media node.</param>
/// <param name="holder">The resource that it was opened for.</param>
/// <param name="reportsTo">Who is told what happens in it; null for nobody.</param>
internal abstract class HeldMedia(NodeMedia node, ActorHandle holder, ActorHandle? reportsTo)
{
    private volatile ActorHandle? _reportsTo = reportsTo;
    private int _hasEnded;

    /// <summary>The resource that it was opened for.</summary>
    public ActorHandle Holder => holder;

    /// <summary>Whether it is being closed or was given up: it is nobody's any more.</summary>
    public bool IsOver { get; set; }

    /// <summary>Whether it is left to the media node, which gives it up when its far end listens to another node.</summary>
    public bool IsKept { get; set; }

    /// <summary>The holder as the media node's actor watches it, which alone asks for it.</summary>
    public IActorRef? Watched { get; set; }

    /// <summary>It has ended; false where that was known.</summary>
    public bool TryEnd()
    {
        IsOver = true;
        return Interlocked.Exchange(ref _hasEnded, 1) == 0;
    }

    /// <summary>From now on somebody else hears its reports.</summary>
    public void ReportTo(ActorHandle other) => _reportsTo = other;

    /// <summary>Ends it with a word to its far ends.</summary>
    public abstract void Close();

    /// <summary>Ends it without.</summary>
    public abstract void Abandon();

    protected void Report(object happened) => _reportsTo?.Tell(happened);

    protected void HasEnded() => node.HasEnded(this);
}

/// <summary>An RTP session.</summary>
internal sealed class HeldSession(NodeMedia node, MediaSessionId id, ActorHandle holder, ActorHandle? reportsTo)
    : HeldMedia(node, holder, reportsTo), IMediaEvents
{
    private readonly NodeMedia _node = node;

    /// <summary>Its number.</summary>
    public MediaSessionId Id => id;

    /// <summary>Where it receives RTP.</summary>
    public IPEndPoint Local { get; set; } = null!;

    /// <inheritdoc/>
    public override void Close() => _node.Port.Close(id);

    /// <inheritdoc/>
    public override void Abandon() => _node.Port.Abandon(id);

    /// <inheritdoc/>
    public void OnMediaEvent(MediaSessionId session, MediaEvent happened)
    {
        if (happened is SessionClosed) HasEnded();
        Report(new MediaHappened(happened, session));
    }
}

/// <summary>A conference's mix.</summary>
internal sealed class HeldMix(NodeMedia node, ConferenceId id, ActorHandle holder) : HeldMedia(node, holder, holder), IConferenceEvents
{
    private readonly NodeMedia _node = node;

    /// <summary>Its number.</summary>
    public ConferenceId Id => id;

    /// <inheritdoc/>
    public override void Close() => _node.Port.CloseConference(id);

    /// <inheritdoc/>
    public override void Abandon() => _node.Port.AbandonConference(id);

    /// <inheritdoc/>
    public void OnConferenceEvent(ConferenceId conference, MediaEvent happened)
    {
        if (happened is ConferenceClosed) HasEnded();
        Report(new MixHappened(happened, conference));
    }
}
