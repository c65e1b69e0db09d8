using Cti.Calls.Api;
using Cti.Calls.Call;
using Cti.Kernel;
using Cti.Media;

namespace Cti.Server.Calls;

/// <summary>Bridges: what a call says to its other party, and to the media side about both.</summary>
internal sealed partial class CallActor
{
    private void PerformBridge(CallEffect effect, CallAsk? ask)
    {
        switch (effect)
        {
            case AskJoin join:
                cell.Held = ask;
                if (!Tell(join.Peer, new JoinAsked(join.Op, cell.State!.Id.ToString())))
                    Self.Tell(new Decide(new JoinAnswered(join.Op, join.Peer, RpcError.NoSuchResource(join.Peer))));
                break;
            case AnswerJoin answer:
                if (!Tell(answer.First, new JoinAnswered(answer.Op, cell.State!.Id.ToString(), answer.Refusal)) && answer.Refusal is null)
                    Self.Tell(new Decide(new BridgeParted(answer.Op)));
                break;
            case PartBridge part:
                Tell(part.Peer, new BridgeParted(part.Op));
                break;
            case ConnectMedia connect:
                Connect(connect);
                break;
            case DisconnectMedia disconnect:
                ForwardToMedia(media => services.Media.Port.Disconnect(media, disconnect.Number));
                break;
            case PlayToBridge play:
                ForwardToMedia(media => services.Media.Port.PlayToBridge(media, new PlayRequest(play.Number, [play.File], play.Times - 1)));
                break;
            case ReplyRefused refused:
                TakeHeld()?.ReplyTo.Reply(RpcReply.Refused(Concerning(refused.Refusal)));
                break;
        }
    }

    private CallAsk? TakeHeld()
    {
        var held = cell.Held;
        cell.Held = null;
        return held;
    }

    private bool Tell(string resource, CallCommand command) =>
        ResourceId.TryParse(resource, out var id) && services.Directory.Find(id) is { } other && other.Actor.Tell(new Decide(command));

    private void Connect(ConnectMedia connect)
    {
        var second = ResourceId.TryParse(connect.Peer, out var id) ? services.Directory.Find(id)?.Media : null;
        // Without a second session that party has hung up, and says so itself.
        if (second is not { } other || cell.Media is not { } media || cell.MediaClosed) return;
        if (!services.Media.Port.Connect(media, other, RequestOf(connect)))
            Self.Tell(new Decide(new BridgeFinished(connect.Number, MediaEnd.Failed, "no media loop has room for the bridge")));
    }

    private static BridgeRequest RequestOf(ConnectMedia connect) => new(connect.Number, (BridgeMode)connect.Spec.Mode, connect.Spec.LocalVolume, connect.Spec.RemoteVolume,
        connect.Spec is { RecordPath: { } path, RecordFormat: { } format } ? new BridgeRecording(path, Enum.Parse<RecordFormat>(format, ignoreCase: true)) : null);
}
