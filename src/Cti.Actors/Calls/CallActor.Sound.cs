using Cti.Actors.MediaNode;
using Cti.Actors.Resources;
using Cti.Calls;
using Cti.Calls.Call;
using Cti.Calls.Call.Sagas;
using Cti.Calls.Resources;
using Cti.Kernel;
using Cti.Media.Session.Mix;

namespace Cti.Actors.Calls;

/// <summary>
/// The sound of a bridge or a conference whose other side is on another node: a link session stands in its place. The first party of a bridge and the member
/// of a conference offer it with their question, whoever answers opens the other end; whenever one of the two has a new owner there is a new question, and
/// a new pair of sessions with new keys.
/// </summary>
internal sealed partial class CallActor
{
    private string CodecOfCall => _cell.State?.Audio?.Codec ?? _services.MediaProfile.Codecs[0];

    /// <summary>What the media side knows about an answer, and what it needs of a question.</summary>
    private ResourceCommand Heard(ResourceCommand command)
    {
        switch (command)
        {
            case JoinAnswered { Refusal: null } answered when _cell.Sound is { } sound && sound.Op == answered.Op:
                sound.Answer = answered.Link;
                return answered with { HasSound = sound.IsRunning };
            case JoinAsked { Link: { } link } asked:
                _cell.Offered = (asked.Op, link);
                return asked;
            case JoinAsked asked when _cell.Offered?.Op == asked.Op:
                _cell.Offered = null;
                return asked;
            default:
                return command;
        }
    }

    protected override bool Defers(ResourceCommand command)
    {
        if (command is not JoinAnswered { Refusal: null } answered || _cell.State?.Bridge is not { IsFirst: true } bridge || bridge.Op != answered.Op) return false;
        // The answer to an older question: the newer one's follows.
        if (answered.Link?.Id != (_cell.Sound?.Op == answered.Op ? _cell.Sound.Link?.Own.Id : null)) return true;
        if (_cell.EndingNumber == 0) return false;
        _cell.Late = answered;
        return true;
    }

    private void AskToJoin(AskJoin join)
    {
        var asked = new JoinAsked(join.Op, _cell.State!.Id.ToString()) { IsConnected = join.IsConnected };
        if (!_services.Post.IsHere(join.Peer))
        {
            if (OfferSound(join.Op) is not { } link)
            {
                Self.Tell(new Decide(new JoinAnswered(join.Op, join.Peer, RpcError.Unavailable("no capacity for another media session on this node"))));
                return;
            }
            asked = asked with { Link = link };
        }
        else if (_cell.Sound is { Link: not null } linked && linked.Op == join.Op)
        {
            MakeRoom();
        }
        TellOrLearn(join.Peer, asked);
    }

    private LinkSound? OfferSound(string op)
    {
        MakeRoom();
        if (LinkAudio.Offer(_services.Media, _services.Random, CodecOfCall) is not { } link) return null;
        _cell.Sound = new SharedSound(op) { Link = link };
        return link.Own;
    }

    /// <summary>
    /// The sound is about to go another way. What it goes by until then is let go of when it does, except for a recording, which has one writer.
    /// </summary>
    private void MakeRoom()
    {
        if (_cell.State?.Bridge?.Spec?.RecordPath is not null)
        {
            EndRunningBridge();
            LetGoOfSound();
            return;
        }
        if (_cell.Sound?.Link is { } link)
        {
            _cell.FormerLink?.Close();
            _cell.FormerLink = link;
        }
        _cell.Sound = null;
    }

    private void LetGoOfFormer()
    {
        _cell.FormerLink?.Close();
        _cell.FormerLink = null;
    }

    /// <summary>A bridge that leads nowhere any more makes room for the one that is made anew, once its recording is complete.</summary>
    private void EndRunningBridge()
    {
        if (_cell.Sound is not { IsRunning: true } sound) return;
        sound.IsRunning = false;
        if (sound.Number > 0) _cell.EndingNumber = sound.Number;
        ForwardToMedia(media => _services.Media.Port.Disconnect(media, sound.Number));
    }

    private void AnswerWhoAsked(AnswerJoin answer)
    {
        var self = _cell.State!.Id.ToString();
        if (answer.Refusal is not null || _cell.Offered is not { } offered || offered.Op != answer.Op)
        {
            if (answer.Refusal is null && _cell.Sound?.Link is not null) LetGoOfSound();
            TellOrLearn(answer.First, new JoinAnswered(answer.Op, self, answer.Refusal));
            SoundGoesOnHere();
            return;
        }
        if (TakeSound(answer.Op, offered.Link) is { } own)
        {
            TellOrLearn(answer.First, new JoinAnswered(answer.Op, self, null) { Link = own });
            SoundGoesOnHere();
            return;
        }
        Tell(answer.First, new JoinAnswered(answer.Op, self, RpcError.Unavailable("no capacity for another media session on the second party's node")));
        Self.Tell(new Decide(new BridgeParted(answer.Op)));
    }

    /// <summary>Opens the other end of what the first party offered, and lets this call's far end hear and be heard there.</summary>
    private LinkSound? TakeSound(string op, LinkSound offer)
    {
        if (_cell.Sound is { IsRunning: true, Link: { } same } && same.Own.Id == offer.Id) return same.Own;
        LetGoOfSound();
        if (LinkAudio.Accept(_services.Media, offer) is not { } link) return null;
        _cell.Sound = new SharedSound(op) { Link = link };
        if (Bind(link)) return link.Own;
        LetGoOfSound();
        return null;
    }

    private static LinkAudio Connected(LinkAudio link, LinkSound answer)
    {
        link.Connect(answer);
        return link;
    }

    /// <summary>The conference has let this call in, on another node.</summary>
    private void HearConference(EnterAnswered entered)
    {
        if (entered.Link is not { } answer || _cell.Sound is not { IsRunning: false, Link: { } link } sound || sound.Op != entered.Op || link.Own.Id != answer.Id) return;
        link.Connect(answer);
        if (Bind(link)) return;
        Tell(entered.Conference, new MemberLeaves(entered.Op, _cell.State!.Id.ToString()));
        Self.Tell(new Decide(new ConferenceParted(entered.Op, ErrorCodes.Unavailable, "no media loop has room for the link to the conference")));
    }

    private bool Bind(LinkAudio link)
    {
        if (_cell.Media is not { } media || _cell.MediaClosed || _cell.Sound is not { } sound) return true;
        sound.Number = --_cell.LinkNumber;
        sound.IsRunning = _services.Media.Port.Connect(media, link.Session, new BridgeRequest(sound.Number));
        LetGoOfFormer();
        return sound.IsRunning;
    }

    private void SoundHasEnded(long number)
    {
        if (_cell.Sound is { } sound && sound.Number == number) sound.IsRunning = false;
        if (_cell.EndingNumber != number) return;
        _cell.EndingNumber = 0;
        if (_cell.Late is not { } late) return;
        _cell.Late = null;
        Self.Tell(new Decide(late));
    }

    protected override void Decided()
    {
        if (_cell.Sound is { } sound && _cell.State?.Bridge?.Op != sound.Op && _cell.State?.Seat?.Op != sound.Op) LetGoOfSound();
        if (_cell.State is { Bridge: null, Seat: null }) LetGoOfFormer();
        if (_cell.EndingNumber != 0 && _cell.State?.Bridge is null) (_cell.EndingNumber, _cell.Late) = (0, null);
    }

    private void LetGoOfSound()
    {
        _cell.Sound?.Link?.Close();
        _cell.Sound = null;
        LetGoOfFormer();
    }
}
