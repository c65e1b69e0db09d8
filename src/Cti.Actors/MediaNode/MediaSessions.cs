using System.Net;
using Cti.Media;
using Cti.Media.Session.Mix;

namespace Cti.Actors.MediaNode;

/// <summary>
/// This node's RTP sessions and mixes: numbers them, and counts them from their opening to the end that the media side reports, or to their being abandoned.
/// Whoever holds one gets its reports and has nothing to count.
/// <code>
///   (none) ──opened──► open ──closed──► closing ──the media side reports its end──► (none)
///                        └──abandoned: it says nothing more to anybody──────────────► (none)
/// </code>
/// </summary>
/// <param name="port">RTP; null on a node that owns no call.</param>
internal sealed class MediaSessions(IMediaPort? port)
{
    private long _lastSession, _lastConference;
    private int _openSessions, _openConferences;

    public IMediaPort Port => port ?? throw new InvalidOperationException("a node without the role media has no RTP");

    /// <summary>Sessions open now.</summary>
    public int OpenSessions => Volatile.Read(ref _openSessions);

    /// <summary>Conferences open now.</summary>
    public int OpenConferences => Volatile.Read(ref _openConferences);

    /// <summary>Opens a session; null when the media side says why not.</summary>
    /// <param name="options">How.</param>
    /// <param name="holder">Gets its reports, the last of which is its end.</param>
    /// <param name="refusal">Why not.</param>
    public (MediaSessionId Session, IPEndPoint Local)? TryOpen(MediaSessionOptions options, IMediaEvents holder, out MediaRefusal refusal)
    {
        var session = new MediaSessionId(Interlocked.Increment(ref _lastSession));
        if (Port.TryOpen(session, options, new HeldSession(this, holder), out refusal) is not { } local) return null;
        Interlocked.Increment(ref _openSessions);
        return (session, local);
    }

    /// <summary>Ends a session without a word to its far end; its end is not reported.</summary>
    public void Abandon(MediaSessionId session)
    {
        Port.Abandon(session);
        Interlocked.Decrement(ref _openSessions);
    }

    /// <summary>Opens a conference; null when the media side says why not.</summary>
    /// <param name="options">How.</param>
    /// <param name="holder">Gets its reports, the last of which is its end.</param>
    /// <param name="refusal">Why not.</param>
    public ConferenceId? TryOpenConference(ConferenceOptions options, IConferenceEvents holder, out MediaRefusal refusal)
    {
        var conference = new ConferenceId(Interlocked.Increment(ref _lastConference));
        if (!Port.OpenConference(conference, options, new HeldConference(this, holder), out refusal)) return null;
        Interlocked.Increment(ref _openConferences);
        return conference;
    }

    /// <summary>Ends a conference without a word to its members; its end is not reported.</summary>
    public void AbandonConference(ConferenceId conference)
    {
        Port.AbandonConference(conference);
        Interlocked.Decrement(ref _openConferences);
    }

    private sealed class HeldSession(MediaSessions owner, IMediaEvents holder) : IMediaEvents
    {
        public void OnMediaEvent(MediaSessionId session, MediaEvent happened)
        {
            if (happened is SessionClosed) Interlocked.Decrement(ref owner._openSessions);
            holder.OnMediaEvent(session, happened);
        }
    }

    private sealed class HeldConference(MediaSessions owner, IConferenceEvents holder) : IConferenceEvents
    {
        public void OnConferenceEvent(ConferenceId conference, MediaEvent happened)
        {
            if (happened is ConferenceClosed) Interlocked.Decrement(ref owner._openConferences);
            holder.OnConferenceEvent(conference, happened);
        }
    }
}
