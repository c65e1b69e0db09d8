using System.Net;
using Cti.Media;
using Cti.Media.Session.Mix;
using Cti.Media.Tones;

namespace Cti.Testing;

/// <content>What a session hears while a child is dialled: tones, and another session's line.</content>
public sealed partial class VirtualMediaPort
{
    private readonly List<(MediaSessionId Listener, MediaSessionId Source, long Action)> _listenings = [];

    /// <summary>No loop has room: listening is refused.</summary>
    public bool NoRoomToListen { get; set; }

    /// <summary>
    /// What the far end of the session at <paramref name="local"/> hears besides bridges: <c>loop FILES</c>, <c>file FILES</c>, <c>tone COUNTRY</c>, <c>line
    /// IP:PORT</c>, or nothing.
    /// </summary>
    public string? HeardAt(IPEndPoint local)
    {
        var open = _sessions.Values.FirstOrDefault(session => session.Local.Equals(local) && !session.Closing);
        if (open is null) return null;
        if (open.Running.Values.FirstOrDefault(action => action.Kind == MediaKind.Play) is { } play) return play.Sound;
        var listening = _listenings.Find(listening => listening.Listener == open.Id);
        return listening.Action == 0 ? null : $"line {_sessions[listening.Source].Description?.Remote}";
    }

    public void StartTone(MediaSessionId session, long action, string country)
    {
        if (Find(session) is not { } open) return;
        var tone = open.Begin(action, MediaKind.Play);
        tone.Sound = $"tone {country}";
        var isKnown = RingBack.For(country) is not null;
        if (!isKnown) tone.Outcome = MediaOutcome.NotFound;
        tone.Timer = runtime.After(LoadMillis, () =>
        {
            if (isKnown) Report(open, new PlayStarted(action));
            else End(open, tone);
        });
    }

    public bool Listen(MediaSessionId listener, MediaSessionId source, long action)
    {
        if (listener == source) throw new ArgumentException("a session cannot listen to itself", nameof(source));
        if (NoRoomToListen) return false;
        if (Find(listener) is not { } open) return true;
        if (Find(source) is null)
        {
            Report(open, new BridgeEnded(action, MediaOutcome.Completed));
            return true;
        }
        if (_listenings.Any(listening => listening.Listener == listener)) throw new InvalidOperationException($"session {listener.Value} listens twice");
        // What listens to another leaves the bridge that the source is in.
        Unbridge(source, MediaOutcome.Completed);
        _listenings.Add((listener, source, action));
        Report(open, new BridgeStarted(action));
        return true;
    }

    private bool Unlisten(MediaSessionId listener, long action)
    {
        var index = _listenings.FindIndex(listening => listening.Listener == listener && listening.Action == action);
        if (index < 0) return false;
        EndListening(index, MediaOutcome.Stopped);
        return true;
    }

    private void UnlistenAll(MediaSessionId session)
    {
        for (var i = _listenings.Count - 1; i >= 0; i--)
        {
            if (_listenings[i].Listener == session || _listenings[i].Source == session)
                EndListening(i, _listenings[i].Listener == session ? MediaOutcome.Stopped : MediaOutcome.Completed);
        }
    }

    private void EndListening(int index, MediaOutcome outcome)
    {
        var (listener, _, action) = _listenings[index];
        _listenings.RemoveAt(index);
        if (_sessions.TryGetValue(listener, out var open)) Report(open, new BridgeEnded(action, outcome));
    }
}
