using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Cti.Calls.Call;
using Cti.Calls.Call.Sagas;

namespace Cti.Calls.Tests;

/// <summary>
/// The bytes of every kind of entry, version 1, as files: what an older release wrote must be read for ever. CTI_REGENERATE=1 writes files that are missing
/// or that changed before a release.
/// </summary>
public sealed class GoldenEntryTests
{
    private static readonly RecordAction Recording = new()
    {
        Number = 5, BeginMillis = 1_700_000_010_000, FullPath = "/rec/a.wav", Format = "alaw", Beep = true, MaxSeconds = 60, FinishKeys = "#",
    };

    private static readonly ReceiveKeysAction Receiving = new()
    {
        Number = 7, BeginMillis = 1_700_000_020_000, Spec = Some.Keys with { Files = ["enter.wav"], PlayRepeat = 2, IncludeFinishKey = true }, Prompting = true,
        RepeatsLeft = 2,
    };

    internal static Dictionary<string, CallEntry> Samples { get; } = new()
    {
        ["new"] = At(new Constructed(Some.Id, "app", Some.FromUri, Some.ToUri, Some.OutboundCallId, "carrier", "permit-1", 600, 50, "mine é", Some.LocalSdp,
            "local-tag")),
        ["new.bare"] = At(new Constructed(Some.Id, "app", "", Some.ToUri, Some.OutboundCallId, null, null, 600, 50, null, Some.LocalSdp, "local-tag")),
        ["new.owned"] = At(new Constructed(Some.Id, "app", "", Some.ToUri, Some.OutboundCallId, null, null, 600, 50, null, Some.LocalSdp, "local-tag", null,
            "0.0.7-ext.duo_callback-66")),
        ["offer"] = At(new Offered(Some.Id, "app", Some.FromUri, Some.ToUri, "carrier", Some.InboundDialog, Some.LocalSdp, Some.Audio)) with { Events = 1 },
        ["offer.replaces"] =
            At(new Offered(Some.Id, "app", Some.FromUri, Some.ToUri, null, Some.InboundDialog, Some.LocalSdp, null, null, Some.OtherId)) with { Events = 1 },
        ["rfr"] = At(new ReferralMoved(new Referral
        {
            Op = "op-r", Stage = ReferStage.Sent, BeginMillis = Some.Start, DeadlineMillis = Some.Start + 40_000, Uri = "sip:4004@d.example",
        })),
        ["rfr.asking"] = At(new ReferralMoved(new Referral
        {
            Op = "op-r", Stage = ReferStage.Asking, BeginMillis = Some.Start, DeadlineMillis = Some.Start + 5_000, Other = Some.OtherId, IsSilent = true,
            Headers = "X-Why: busy",
        })),
        ["rfr.accepted"] = At(new ReferralMoved(new Referral
        {
            Op = "op-r", Stage = ReferStage.Accepted, BeginMillis = Some.Start, DeadlineMillis = Some.Start + 300_000, Uri = "sip:4004@192.0.2.9",
            Other = Some.OtherId, Replaces = "in-131@phone;to-tag=a;from-tag=b", EventId = 7, Status = 180, Reports = 2,
        })) with
        { Events = 1 },
        ["rfrx"] = At(new ReferralEnded()) with { Events = 1 },
        ["rfd"] = At(new ReferredMoved(new ReferOfTheirs
        {
            CSeq = 21, Stage = ReferredStage.Offered, DeadlineMillis = Some.Start + 8_000, Uri = "sip:4004@d.example",
            Replaces = "other@phone;to-tag=a;from-tag=b", Other = Some.OtherId, ReferredBy = "sip:1001@a.example", Headers = "X-Why: lunch",
        })) with
        { Events = 1 },
        ["rfd.ending"] = At(new ReferredMoved(new ReferOfTheirs
        {
            CSeq = 21, Stage = ReferredStage.Ending, DeadlineMillis = Some.Start, Uri = "tel:+4930", IsSilent = true, Status = 486, EndReason = "noresource",
        })),
        ["rfdx"] = At(new ReferredEnded()),
        ["offer.bare"] = At(new Offered(Some.Id, "app", Some.FromUri, Some.ToUri, null, Some.InboundDialog, Some.LocalSdp, null)) with { Events = 1 },
        ["ring"] = At(new RingingBegan()) with { Events = 1 },
        ["ring.tag"] = At(new RingingBegan("far-7")) with { Events = 1 },
        ["up"] = At(new DialAnswered(Some.OutboundDialog, Some.Audio)) with { Events = 1 },
        ["up.digest"] = At(new DialAnswered(Some.OutboundDialog, Some.Audio, new Cti.Sip.Auth.DigestAgreement("carrier \\\"a\\\"", true))) with { Events = 1 },
        ["up.timer"] = At(new DialAnswered(Some.OutboundDialog, Some.Audio, null, new Cti.Sip.Dialog.SessionTimer(1800, true))) with { Events = 1 },
        ["answer"] = At(new AnswerRequested(600)),
        ["answer.headers"] = At(new AnswerRequested(600, "X-Queue: 7\nUser-to-User: 00c0ffee;encoding=hex")),
        ["ack"] = At(new AnswerConfirmed(Some.Audio)) with { Events = 1 },
        ["ack.several"] = At(new AnswerConfirmed(Some.Audio with { AlsoReceived = "0 PCMU,96 telephone-event" })) with { Events = 1 },
        ["ack.srtp"] = At(new AnswerConfirmed(Some.Audio with
        {
            Srtp = "AES_CM_128_HMAC_SHA1_80",
            Keys = new Cti.Sip.Sdp.StreamKeys(new Cti.Sip.Sdp.CryptoKey("AES_CM_128_HMAC_SHA1_80", "no journal has this"), null),
        })) with
        { Events = 1 },
        ["ack.timer"] = At(new AnswerConfirmed(null, new Cti.Sip.Dialog.SessionTimer(90, false))) with { Events = 1 },
        ["ack.bare"] = At(new AnswerConfirmed(null)) with { Events = 1 },
        ["data"] = At(new UserDataSet("mine")),
        ["nop"] = At(new Touched()),
        ["act.play"] =
            At(new ActionStarted(new PlayAction { Number = 4, BeginMillis = 1_700_000_000_500, Files = ["a.wav", "b.wav"], Repeat = 3, FinishKeys = "*#" })),
        ["act.record"] = At(new ActionStarted(Recording)),
        ["act.send"] = At(new ActionStarted(new SendKeysAction { Number = 6, BeginMillis = 1_700_000_015_000, Keys = "12#" })),
        ["act.receive"] = At(new ActionStarted(Receiving)),
        ["chg.record"] = At(new ActionChanged(Recording with { BeganMillis = 1_700_000_010_300, Ending = new ActionEnding(487, "stopped by record_stop") })),
        ["chg.record.key"] = At(new ActionChanged(Recording with { Ending = new ActionEnding(FinishKey: "#") })),
        ["chg.receive"] = At(new ActionChanged(Receiving with { Keys = "12", Prompting = false, DeadlineMillis = 1_700_000_050_000 })),
        ["chg.receive.press"] = At(new ActionChanged(Receiving with { Keys = "12", Prompting = false, DeadlineMillis = 1_700_000_050_000 },
            new KeyPress(0xFEDCBA98, 4_294_967_136))),
        ["end"] = At(new ActionEnded()) with { Events = 1 },
        ["end.press"] = At(new ActionEnded(new KeyPress(null, 7))) with { Events = 1 },
        ["dlg"] = At(new DialogUpdated(Some.InboundDialog, Some.Held, Some.LocalSdp)),
        ["dlg.timer"] = At(new DialogUpdated(Some.InboundDialog, Some.Held, Some.LocalSdp, new Cti.Sip.Dialog.SessionTimer(600, true))),
        ["rel"] = At(new CallReleased(SipClosing.Bye, 603)) with { Events = 3 },
        ["rel.dialog"] = At(new CallReleased(SipClosing.Bye, 488, Some.OutboundDialog)) with { Events = 3 },
        ["rel.contact"] = At(new CallReleased(SipClosing.Refusal, 302, null, "sip:2002@c.example")) with { Events = 2 },
        ["rel.headers"] = At(new CallReleased(SipClosing.Bye, 200, null, null, "X-Why: done")) with { Events = 2 },
        ["rel.none"] = At(new CallReleased(SipClosing.None, 200)) with { Events = 2 },
        ["set"] = At(new Settled()),
        ["br"] = At(new BridgeBegan(new Bridge
        {
            Op = "0123456789abcdef", Peer = "0.0.3-sys.call-131", IsFirst = true, Stage = BridgeStage.Connected, BeginMillis = Some.Start, Number = 2,
            Spec = new BridgeSpec
            {
                MaxSeconds = 60, Mode = 2, LocalVolume = -3, RemoteVolume = 4, RecordPath = "/r/a.wav", RecordFormat = "Alaw",
                ScheduleAtSeconds = 1_700_000_030, ScheduleFile = "soon.wav", ScheduleTimes = 2
            },
        })),
        ["br.ending"] = At(new BridgeBegan(new Bridge
        {
            Op = "0123456789abcdef", Peer = "0.0.3-sys.call-131", IsFirst = true, Stage = BridgeStage.Ending, BeginMillis = Some.Start, Number = 2,
            Spec = new BridgeSpec { MaxSeconds = 60, RecordPath = "/r/a.wav", RecordFormat = "Alaw" }, Ending = new ActionEnding(),
            EndingUntilMillis = Some.Start + 5000, IsMediaOver = true,
        })),
        ["br.second"] = At(new BridgeBegan(new Bridge
        {
            Op = "0123456789abcdef", Peer = "0.0.2-sys.call-66", IsFirst = false, Stage = BridgeStage.Connected,
            BeginMillis = Some.Start
        })),
        ["new.child"] = At(new Constructed(Some.Id, "app", "", Some.ToUri, Some.OutboundCallId, null, null, 600, 50, null, Some.LocalSdp, "local-tag",
            new RingBackParent(Some.OtherId, ParentStage.Asked, new RingBackSpec("busy.wav", 3)))),
        ["early"] = At(new EarlyMediaBegan(Some.Audio)),
        ["par"] = At(new ParentMoved(ParentStage.Calling)),
        ["dial"] = At(new DiallingMoved(new ChildDialling
        {
            Child = Duo.ChildId, Stage = DiallingStage.Ringing, RingBack = new RingBackSpec("busy.wav", 1), HasEarlyMedia = true, Number = 3,
        })),
        ["new.invite"] = At(new Constructed(Some.Id, "app", "", Some.ToUri, Some.OutboundCallId, null, null, 600, 50, null, Some.LocalSdp, "local-tag",
            Invite: Some.OutboundInvite)),
        ["offer.invite"] = At(new Offered(Some.Id, "app", Some.FromUri, Some.ToUri, null, Some.InboundDialog, Some.LocalSdp, null, Some.TheirInvite))
            with
        { Events = 1 },
        ["inv"] = At(new InviteMoved(Some.OutboundInvite with { CSeq = 2 })),
        ["inv.routes"] = At(new InviteMoved(Some.OutboundInvite with { Routes = ["<sip:p1.example;lr>", "<sip:p2.example;lr>"] })),
        ["rec"] = At(new Recovered(Some.Start, Some.OutboundDialog, Some.LocalSdp)),
        ["res"] = At(new Resumed()),
        ["chg.play"] = At(new ActionChanged(new PlayAction
        {
            Number = 4, BeginMillis = 1_700_000_000_500, Files = ["a.wav"], HeardMillis = 4_500, HeardFromMillis = 1_700_000_009_000,
        })),
        ["dialx"] = At(new DiallingEnded()),
        ["br.on"] = At(new BridgeBegan(new Bridge
        {
            Op = "op", Peer = "0.0.3-sys.call-131", IsFirst = true, Stage = BridgeStage.Requested, BeginMillis = Some.Start, Number = 2,
            Spec = new BridgeSpec { MaxSeconds = 60, RecordPath = "/r/a.wav", RecordFormat = "Alaw", AppendsRecording = true },
        })),
        ["side"] = At(new SideRecordBegan(new SideRecording(1, "/r/a.wav", "Alaw"))),
        ["sidex"] = At(new SideRecordEnded()),
        ["br.lost"] = At(new BridgeBegan(new Bridge
        {
            Op = "op", Peer = "0.0.3-sys.call-131", IsFirst = true, Stage = BridgeStage.Connected, BeginMillis = Some.Start, Number = 3,
            LostAtMillis = Some.Start + 900,
            Spec = new BridgeSpec { MaxSeconds = 60 },
        })),
        ["told"] = At(new OwnerTold(new OwnerNotice(2, "sys.call.on_released", """{"res_id":"0.0.7-sys.call-42","user_data":"mine é"}"""u8.ToArray()))),
        ["heard"] = At(new OwnerHeard()),
        ["asked"] = At(new OwnerAsked("action")),
        ["brx"] = At(new BridgeEnded()) with { Events = 1 },
        ["cf"] = At(new SeatTaken(new ConferenceSeat
        {
            Op = "0123456789abcdef", Conference = Some.ConferenceId, Stage = SeatStage.Entered, BeginMillis = Some.Start, MaxSeconds = 60,
        })),
        ["cf.asked"] = At(new SeatTaken(new ConferenceSeat
        {
            Op = "0123456789abcdef", Conference = Some.ConferenceId, Stage = SeatStage.Requested, BeginMillis = Some.Start, MaxSeconds = 60, VoiceMode = 2,
            Volume = -3,
            EntrySound = ["ding.wav"],
        })),
        ["cfx"] = At(new SeatLeft()) with { Events = 1 },
    };

    public static TheoryData<string> Names => [.. Samples.Keys];

    private static CallEntry At(CallEntry entry) => entry with { AtMillis = Some.Start + 1234 };

    [Theory]
    [MemberData(nameof(Names))]
    public void An_entry_has_the_bytes_that_its_version_always_had(string name)
    {
        var file = Path.Combine(Folder(), $"{name}.v{CallEntryCodec.Version}.json");
        var bytes = CallEntryCodec.Encode(Samples[name]);
        if (Environment.GetEnvironmentVariable("CTI_REGENERATE") == "1") File.WriteAllBytes(file, [.. bytes, (byte)'\n']);
        var golden = File.ReadAllBytes(file).AsSpan().TrimEnd((byte)'\n').ToArray();
        Encoding.UTF8.GetString(bytes).ShouldBe(Encoding.UTF8.GetString(golden));
        var read = CallEntryCodec.Decode(CallEntryCodec.Version, golden);
        read.GetType().ShouldBe(Samples[name].GetType());
        CallEntryCodec.Encode(read).ShouldBe(golden, "what is read says the same when it is written again");
    }

    [Fact]
    public void There_is_a_file_for_every_kind_of_entry_and_of_action()
    {
        Kinds<CallEntry>().ShouldBe(Samples.Keys.Select(name => name.Split('.')[0]).Distinct().Order());
        Kinds<CallAction>().ShouldBe(Samples.Keys.Where(name => name.StartsWith("act.", StringComparison.Ordinal)).Select(name => name[4..]).Order());
        Directory.GetFiles(Folder(), "*.json").Select(Path.GetFileName).Order().ShouldBe(Samples.Keys.Select(name => $"{name}.v1.json").Order());
    }

    [Fact]
    public void A_newer_version_is_refused_and_broken_bytes_are_an_error()
    {
        Should.Throw<NotSupportedException>(() => CallEntryCodec.Decode(CallEntryCodec.Version + 1, "{}"u8));
        Should.Throw<JsonException>(() => CallEntryCodec.Decode(CallEntryCodec.Version, "null"u8));
        Should.Throw<JsonException>(() => CallEntryCodec.Decode(CallEntryCodec.Version, """{"t":"ring","at":17"""u8));
        Should.Throw<JsonException>(() => CallEntryCodec.Decode(CallEntryCodec.Version, """{"t":"unheard-of","at":17}"""u8));
    }

    [Fact]
    public void A_member_that_a_later_release_added_is_skipped()
    {
        var read = CallEntryCodec.Decode(CallEntryCodec.Version, """{"t":"ring","at":17,"ev":1,"later":{"x":[1]}}"""u8);
        read.ShouldBe(new RingingBegan { AtMillis = 17, Events = 1 });
    }

    private static IEnumerable<string> Kinds<T>() => typeof(T).GetCustomAttributes(typeof(JsonDerivedTypeAttribute), false)
        .Cast<JsonDerivedTypeAttribute>().Select(kind => (string)kind.TypeDiscriminator!).Order();

    private static string Folder([CallerFilePath] string source = "") => Path.Combine(Path.GetDirectoryName(source)!, "golden");
}
