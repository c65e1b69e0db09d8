using System.Collections.Immutable;
using Cti.Calls.Call;
using Cti.Calls.Call.Sagas;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Kernel;
using Cti.Sip.Dialog;
using Cti.Sip.Sdp;

namespace Cti.Calls.Tests;

/// <summary>The values that tests share.</summary>
internal static class Some
{
    /// <summary>2023-11-14 22:13:20 UTC, the start of every test, in Unix milliseconds.</summary>
    public const long Start = 1_700_000_000_000;
    public const string Id = "0.0.7-sys.call-42";
    public const string FromUri = "sip:1001@a.example";
    public const string ToUri = "sip:2002@b.example";
    public const string OutboundCallId = "out-42@cti";
    public const string InboundCallId = "in-42@phone";
    public const string LocalSdp = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n";

    public static readonly ResourceId Resource = new(0, 0, 7, Modules.Call, 42);

    public static readonly NegotiatedAudio Audio = new("192.0.2.9", 4000, "192.0.2.9", 4001, "PCMA", 8, 101, true, true);

    public static readonly NegotiatedAudio Held = Audio with { Send = false, RemoteAddress = "0.0.0.0" };

    public static readonly DialogState OutboundDialog = new(OutboundCallId, "local-tag", "remote-tag", FromUri, ToUri, "<sip:42@192.0.2.1:5060>",
        "sip:2002@192.0.2.9:5060", ["<sip:proxy.example;lr>"], 1, 0, "udp:0:192.0.2.9:5060", false, true, true);

    public static readonly DialogState InboundDialog = new(InboundCallId, "local-tag", "remote-tag", ToUri, FromUri, "<sip:42@192.0.2.1:5060>",
        "sip:1001@192.0.2.9:5060", [], 0, 17, "udp:0:192.0.2.9:5060", false, false, false);

    public static readonly OutboundInvite OutboundInvite =
        new(1, "sip:2002@b.example", "SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK1", "<sip:1001@a.example>",
        "<sip:2002@b.example>", "<sip:42@192.0.2.1:5060>", "udp/0/192.0.2.9:5060/0");

    public const string TheirInvite = "INVITE sip:2002@b.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK2\r\n\r\n";

    public const string NewSdp = "v=0\r\no=- 1 2 IN IP4 192.0.2.2\r\n";

    public const string NewContact = "<sip:42@192.0.2.2:5060>";

    /// <summary>Half a second after what was decided last, another node has the call.</summary>
    public static TakenOver TakenOver => new(Start, NewSdp, NewContact);

    public static ConstructCall Construct => new()
    {
        Id = Resource, Application = "app", FromUri = FromUri, ToUri = ToUri, SipCallId = OutboundCallId, Trunk = "carrier", Permit = "permit-1",
        MaxAnswerSeconds = 600, MaxRingSeconds = 50, UserData = "mine", LocalSdp = LocalSdp, LocalTag = "local-tag",
    };

    public static OfferCall Offer => new()
    {
        Id = Resource, Application = "app", FromUri = FromUri, ToUri = ToUri, Trunk = "carrier", Dialog = InboundDialog, LocalSdp = LocalSdp, Audio = Audio,
    };

    public static FarEndAnswered FarEndAnswered => new(OutboundDialog, Audio);

    public static StartPlay Play => new(["welcome.wav"], "", 0);

    public static StartRecord Record => new(60, true, "/rec/a.wav", "alaw", "");

    public static StartSendKeys SendKeys => new("12#");

    public static StartReceiveKeys ReceiveKeys => new(Keys);

    /// <summary>The contract's defaults.</summary>
    public static ReceiveKeysSpec Keys => new()
    {
        ValidKeys = "0123456789*#ABCD", MaxKeys = 11, FinishKeys = "#", FirstKeySeconds = 45, NextKeySeconds = 30,
    };

    /// <summary>One of every request.</summary>
    public static ImmutableArray<ResourceRequest> Requests =>
    [
        new AnswerCall(600, null), new RejectCall(603, null), new RedirectCall("sip:3003@c.example", null), new DropCall(603, ApiGeneration.V2),
        new TouchCall(),
        Play, new StopPlay(), Record, new StopRecord(), SendKeys, ReceiveKeys, new StopReceiveKeys(), Connect, new StopConnect(),
        Enter, new ExitConference(ConferenceId), Refer, new AcceptRefer(), new RejectRefer(603), new NotifyRefer(180),
    ];

    public static ReferCall Refer => new("op-r", "sip:4004@d.example", null);

    /// <summary>A REFER of the far end's, which names a call of nobody's.</summary>
    public static ReferArrived ReferArrived => new(21, "sip:4004@d.example", "other@phone;to-tag=a;from-tag=b", "sip:1001@a.example", true);

    /// <summary>What a request answers comes first.</summary>
    public static void Prepare(CallDriver call, ResourceRequest request)
    {
        if (request is not (AcceptRefer or RejectRefer or NotifyRefer) || call.State is not { IsUp: true }) return;
        call.Do(ReferArrived);
        if (request is NotifyRefer) call.Do(new AcceptRefer());
    }

    public static StartConnect Connect => new("op-1", OtherId, new BridgeSpec { MaxSeconds = 60 });

    public static EnterConference Enter => new("op-c", ConferenceId) { MaxSeconds = 60 };

    /// <summary>A conference.</summary>
    public const string ConferenceId = "0.0.2-sys.conf-130";

    /// <summary>A second call.</summary>
    public const string OtherId = "0.0.3-sys.call-131";

    /// <summary>A call in the state asked for; a state that this version's commands do not lead to (Dial) is set by hand.</summary>
    public static CallDriver In(CallPhase phase, CallDirection direction = CallDirection.Inbound, CallSettings? settings = null)
    {
        var call = new CallDriver(settings);
        if (direction == CallDirection.Outbound)
        {
            call.Do(Construct);
            if (phase == CallPhase.Initiated) return call;
            if (phase == CallPhase.Ring)
            {
                call.Do(new FarEndRings());
                return call;
            }
            call.Do(FarEndAnswered);
        }
        else
        {
            call.Do(Offer);
            if (phase == CallPhase.Initiated) return call;
            call.Do(new AnswerCall(600, null));
            if (phase == CallPhase.Answer) return call;
            call.Do(new AckArrived(null));
        }
        switch (phase)
        {
            case CallPhase.Idle: break;
            case CallPhase.Play: call.Do(Play); break;
            case CallPhase.Record: call.Do(Record); break;
            case CallPhase.SendDtmf: call.Do(SendKeys); break;
            case CallPhase.ReceiveDtmf: call.Do(ReceiveKeys); break;
            case CallPhase.Released: call.Do(new ByeArrived(null)); break;
            case CallPhase.Connect:
                call.Do(Connect);
                call.Do(new JoinAnswered("op-1", OtherId, null));
                break;
            case CallPhase.Conf:
                call.Do(Enter);
                call.Do(new EnterAnswered("op-c", ConferenceId, null));
                break;
            case CallPhase.Dial: call.Force(phase); break;
            default: throw new ArgumentOutOfRangeException(nameof(phase), phase, $"an {direction} call is never there");
        }
        return call;
    }

    /// <summary>Every reachable pair, and the state of another feature.</summary>
    public static IEnumerable<(CallPhase Phase, CallDirection Direction)> Situations =>
        from direction in Enum.GetValues<CallDirection>()
        from phase in Enum.GetValues<CallPhase>()
        where phase != (direction == CallDirection.Inbound ? CallPhase.Ring : CallPhase.Answer)
        select (phase, direction);
}
