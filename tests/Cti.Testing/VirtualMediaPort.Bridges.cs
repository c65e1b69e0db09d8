using System.Net;
using Cti.Kernel;
using Cti.Media;
using Cti.Media.Session.Mix;

namespace Cti.Testing;

/// <content>Bridges: who hears whom is what a test may look at; their recordings and plays end as the port promises.</content>
public sealed partial class VirtualMediaPort
{
    private readonly Dictionary<MediaSessionId, (long Action, ITimerHandle Timer)> _bridgePlays = [];

    /// <summary>Bridges that are up: first, second, action.</summary>
    public List<(MediaSessionId First, MediaSessionId Second, BridgeRequest Request)> Bridges { get; } = [];

    /// <summary>Every loop is over its budget: bridging is refused.</summary>
    public bool NoMixer { get; set; }

    /// <summary>The RTP addresses of the two sides of every bridge.</summary>
    public IReadOnlyList<(IPEndPoint First, IPEndPoint Second)> BridgedAddresses =>
        [.. Bridges.Select(bridge => (_sessions[bridge.First].Local, _sessions[bridge.Second].Local))];

    public bool Connect(MediaSessionId first, MediaSessionId second, BridgeRequest request)
    {
        if (first == second) throw new ArgumentException("a session cannot be bridged with itself", nameof(second));
        if (NoMixer) return false;
        if (Find(first) is not { } open || Find(second) is null) return true;
        Unmix(first);
        Unmix(second);
        Bridges.Add((first, second, request));
        if (request.Record is { } record) Recordings[record.FullPath] = new VirtualRecording(0, false);
        Report(open, new BridgeStarted(request.Action));
        return true;
    }

    public void Disconnect(MediaSessionId first, long action)
    {
        if (Unlisten(first, action)) return;
        if (Bridges.Any(bridge => bridge.First == first && bridge.Request.Action == action)) Unbridge(first, MediaOutcome.Stopped);
    }

    public void PlayToBridge(MediaSessionId first, PlayRequest request)
    {
        if (!Bridges.Any(bridge => bridge.First == first) || Find(first) is not { } open) return;
        EndBridgePlay(first, MediaOutcome.Stopped);
        if (request.Files.FirstOrDefault(file => !Files.ContainsKey(file)) is { } missing)
        {
            Report(open, new PlayEnded(request.Action, MediaOutcome.NotFound, missing));
            return;
        }
        var total = request.Files.Sum(file => Files[file]) * (request.Repeat + 1);
        _bridgePlays[first] = (request.Action, runtime.After(total, () => EndBridgePlay(first, MediaOutcome.Completed)));
    }

    public void StopBridgePlay(MediaSessionId first, long action)
    {
        if (_bridgePlays.TryGetValue(first, out var play) && play.Action == action) EndBridgePlay(first, MediaOutcome.Stopped);
    }

    private void EndBridgePlay(MediaSessionId first, MediaOutcome outcome)
    {
        if (!_bridgePlays.Remove(first, out var play)) return;
        play.Timer.Cancel();
        if (_sessions.TryGetValue(first, out var open)) Report(open, new PlayEnded(play.Action, outcome));
    }

    /// <summary>A session leaves whatever it is mixed in.</summary>
    private void Unmix(MediaSessionId session)
    {
        Unbridge(session, MediaOutcome.Completed);
        Unseat(session);
    }

    private void Unbridge(MediaSessionId session, MediaOutcome outcome)
    {
        foreach (var bridge in Bridges.Where(bridge => bridge.First == session || bridge.Second == session).ToList())
        {
            Bridges.Remove(bridge);
            EndBridgePlay(bridge.First, MediaOutcome.Stopped);
            if (!_sessions.TryGetValue(bridge.First, out var first)) continue;
            if (bridge.Request.Record is { } record)
            {
                Recordings[record.FullPath] = new VirtualRecording(0, true);
                Report(first, new RecordEnded(bridge.Request.Action, MediaOutcome.Stopped, 0));
            }
            Report(first, new BridgeEnded(bridge.Request.Action, outcome));
        }
    }

    /// <summary>A session is given up: a bridge of its own ends without a word, its recording unfinished.</summary>
    private void AbandonBridges(MediaSessionId session)
    {
        if (_bridgePlays.Remove(session, out var play)) play.Timer.Cancel();
        Bridges.RemoveAll(bridge => bridge.First == session);
        Unbridge(session, MediaOutcome.Completed);
    }

    private void CrashBridges()
    {
        foreach (var play in _bridgePlays.Values) play.Timer.Cancel();
        _bridgePlays.Clear();
        Bridges.Clear();
    }
}
