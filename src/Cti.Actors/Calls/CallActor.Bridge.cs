using Cti.Actors.Resources;
using Cti.Calls.Call;
using Cti.Calls.Call.Sagas;
using Cti.Calls.Resources;
using Cti.Kernel;
using Cti.Media;
using Cti.Media.Session.Mix;

namespace Cti.Actors.Calls;

/// <summary>Bridges: what a call says to its other party, and to the media side about both.</summary>
internal sealed partial class CallActor
{
    private void PerformBridge(ResourceEffect effect)
    {
        switch (effect)
        {
            case AskJoin join:
                AskToJoin(join);
                break;
            case AnswerJoin answer:
                AnswerWhoAsked(answer);
                break;
            case AskFirst ask:
                TellOrLearn(ask.First, new BridgeAsked(ask.Op, _cell.State!.Id.ToString()));
                break;
            case PartBridge part:
                Tell(part.Peer, new BridgeParted(part.Op));
                break;
            case ConnectMedia connect:
                Connect(connect);
                break;
            case DisconnectMedia disconnect:
                ForwardToMedia(media => _services.Media.Port.Disconnect(media, disconnect.Number));
                break;
            case PlayToBridge play:
                ForwardToMedia(media => _services.Media.Port.PlayToBridge(media, new PlayRequest(play.Number, [play.File], play.Times - 1, play.OffsetMillis, _cell.State!.Application)));
                break;
        }
    }

    private void Connect(ConnectMedia connect)
    {
        if (_cell.State?.Bridge is not { } bridge) return;
        var link = _cell.Sound is { Link: { } open, Answer: { } answer } sound && sound.Op == bridge.Op ? Connected(open, answer) : null;
        if (link is null && !_services.Post.IsHere(connect.Peer))
        {
            // It answered from here and has moved since.
            AskToJoin(new AskJoin(connect.Peer, bridge.Op) { IsConnected = true });
            return;
        }
        var second = link?.Session ?? (ResourceId.TryParse(connect.Peer, out var id) ? _services.Directory.Find<CallCell>(id)?.Media : null);
        // Without a second session that party has hung up, and says so itself.
        if (second is not { } other || _cell.Media is not { } media || _cell.MediaClosed)
        {
            Self.Tell(new Decide(new BridgeFinished(connect.Number, MediaEnd.Completed, null)));
            return;
        }
        _cell.Sound ??= new SharedSound(bridge.Op);
        (_cell.Sound.Number, _cell.Sound.IsRunning) = (connect.Number, _services.Media.Port.Connect(media, other, RequestOf(connect, _cell.State.Application)));
        LetGoOfFormer();
        SoundGoesOnHere();
        if (!_cell.Sound.IsRunning) Self.Tell(new Decide(new BridgeFinished(connect.Number, MediaEnd.Failed, "no media loop has room for the bridge")));
    }

    private static BridgeRequest RequestOf(ConnectMedia connect, string application) => new(connect.Number, (BridgeMode)connect.Spec.Mode, connect.Spec.LocalVolume, connect.Spec.RemoteVolume,
        connect.Spec is { RecordPath: { } path, RecordFormat: { } format } ? new BridgeRecording(path, Enum.Parse<RecordFormat>(format, ignoreCase: true), connect.Spec.AppendsRecording, application) : null);
}
