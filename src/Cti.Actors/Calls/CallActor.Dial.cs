using Cti.Actors.Resources;
using Cti.Calls.Call;
using Cti.Calls.Call.Sagas;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Kernel;
using Cti.Media;

namespace Cti.Actors.Calls;

/// <summary>Dialling on a parent: what child and parent say to each other, and what the parent hears.</summary>
internal sealed partial class CallActor
{
    /// <summary>The journal may end between the child's answer, or its release, and what its parent made of it. Both live in one instance.</summary>
    private bool IsDialledFor(string self, string child) => (_services.Directory.Find(child)?.Latest as CallState)?.IsDialledFor(self) == true;

    private void PerformDial(ResourceEffect effect)
    {
        var self = _cell.State!.Id.ToString();
        switch (effect)
        {
            case AskParent ask:
                TellOrLearn(ask.Parent, new ChildAsks(self, ask.RingBack));
                break;
            case AnswerChild answer:
                TellOrLearn(answer.Child, new ParentAnswers(self, answer.Refusal, answer.MayDial));
                break;
            case ReleaseChild release:
                Tell(release.Child, new ParentReleases(self));
                break;
            case TellRinging rings:
                Tell(rings.Parent, new ChildRings(self, rings.HasEarlyMedia));
                break;
            case TellDone done:
                Tell(done.Parent, new ChildDone(self));
                break;
            case LookForChild look:
                if (!IsDialledFor(self, look.Child)) Self.Tell(new Decide(new ChildDone(look.Child)));
                break;
            case StartRingBack start:
                HearRingBack(start);
                break;
            case StopRingBack { IsLine: true } stop:
                ForwardToMedia(media => _services.Media.Port.Disconnect(media, stop.Number));
                break;
            case StopRingBack stop:
                ForwardToMedia(media => _services.Media.Port.StopPlay(media, stop.Number));
                break;
        }
    }

    private void HearRingBack(StartRingBack start)
    {
        var port = _services.Media.Port;
        switch (start.Sound)
        {
            case RingBackFile file:
                if (!ForwardToMedia(media => port.StartPlay(media, new PlayRequest(start.Number, file.Files(), file.Loops ? -1 : 0, Application: _cell.State!.Application))))
                    Self.Tell(new MediaHappened(new PlayEnded(start.Number, MediaOutcome.Stopped)));
                break;
            case RingBackTone:
                ForwardToMedia(media => port.StartTone(media, start.Number, _services.MediaProfile.RingBackCountry));
                break;
            // A child without media has just ended, and says so itself.
            case RingBackLine line when _services.Directory.Find(line.Child) is CallCell { Media: { } source, MediaClosed: false }:
                ForwardToMedia(media =>
                {
                    if (!port.Listen(media, source, start.Number))
                        Self.Tell(new Decide(new BridgeFinished(start.Number, MediaEnd.Failed, "no media loop has room to listen to the line")));
                });
                break;
        }
    }

    /// <summary>No event tells of a ring-back that cannot be played, so the log does.</summary>
    private void LogRingBack(MediaEvent happened)
    {
        if (happened is PlayEnded { Outcome: MediaOutcome.NotFound or MediaOutcome.Unsupported or MediaOutcome.Failed } ended
            && _cell.State is { Dialling: { } dialling } call && dialling.Number == ended.Action)
            System.Log.Write(LogEvents.RingBackFailed, call.Id.ToString(), ended.Detail ?? ended.Outcome.ToString());
    }

    private static string? Given(RpcArguments args, string name) => args.Has(name) && args.OptionalString(name) is { Length: > 0 } value ? value : null;

    /// <summary>A file is heard by a parent call only; a conference hears the line's own ring-back.</summary>
    private static RingBackSpec RingBackOf(RpcArguments args) => Given(args, "parent_call_res_id") is null
        ? new RingBackSpec(null, 0)
        : new RingBackSpec(Given(args, "ring_play_file"), args.Int32("ring_play_mode"));
}
