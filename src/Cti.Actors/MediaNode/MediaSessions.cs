using Cti.Media;
using Cti.Media.Session.Mix;

namespace Cti.Actors.MediaNode;

/// <summary>Owns this node's RTP sessions: numbers them and counts the open ones.</summary>
/// <param name="port">RTP; null on a node that owns no call.</param>
internal sealed class MediaSessions(IMediaPort? port)
{
    private long last;
    private long lastConference;
    private int open;
    private int openConferences;

    public IMediaPort Port => port ?? throw new InvalidOperationException("a node without the role media has no RTP");

    /// <summary>Sessions open now.</summary>
    public int OpenSessions => Volatile.Read(ref open);

    /// <summary>Conferences open now.</summary>
    public int OpenConferences => Volatile.Read(ref openConferences);

    /// <summary>Opens a conference; null when the media side says why not.</summary>
    public ConferenceId? TryOpenConference(ConferenceOptions options, IConferenceEvents events, out MediaRefusal refusal)
    {
        var conference = new ConferenceId(Interlocked.Increment(ref lastConference));
        if (!Port.OpenConference(conference, options, events, out refusal)) return null;
        Interlocked.Increment(ref openConferences);
        return conference;
    }

    /// <summary>A conference reported its close.</summary>
    public void ConferenceClosed() => Interlocked.Decrement(ref openConferences);

    /// <summary>Opens a session; null when the media side says why not.</summary>
    public (MediaSessionId Session, System.Net.IPEndPoint Local)? TryOpen(MediaSessionOptions options, IMediaEvents events, out MediaRefusal refusal)
    {
        var session = new MediaSessionId(Interlocked.Increment(ref last));
        if (Port.TryOpen(session, options, events, out refusal) is not { } local) return null;
        Interlocked.Increment(ref open);
        return (session, local);
    }

    /// <summary>A session reported its close.</summary>
    public void Closed() => Interlocked.Decrement(ref open);
}
