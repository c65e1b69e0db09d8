using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json.Serialization;
using Cti.Calls.Call;
using Cti.Calls.Call.Sagas;
using Cti.Kernel;

namespace Cti.Calls.Tests.Sagas;

/// <summary>
/// The bytes of every command that travels between nodes, as files: two releases talk to each other during an upgrade. CTI_REGENERATE=1 writes missing ones.
/// </summary>
public sealed class CrossingGoldenTests
{
    private static readonly LinkSound Offer = new("0123456789abcdef", "10.0.0.1", 20_000) { Codec = "PCMA", OwnKey = "own", OtherKey = "other" };

    private static Dictionary<string, CrossingCommand> Samples { get; } = new()
    {
        ["join"] = new JoinAsked("op", Some.Id) { IsConnected = true, Link = Offer },
        ["join.bare"] = new JoinAsked("op", Some.Id),
        ["joined"] = new JoinAnswered("op", Some.OtherId, null) { Link = new LinkSound("0123456789abcdef", "10.0.0.2", 20_002) },
        ["joined.refused"] = new JoinAnswered("op", Some.OtherId, RpcError.WrongState("sys.call.connect_start", "Play", "Idle").With("res_id", Some.OtherId)),
        ["part"] = new BridgeParted("op"),
        ["on"] = new BridgeAsked("op", Some.OtherId),
        ["enter"] = new EnterAsked { Op = "op", Call = Some.Id, VoiceMode = 2, Volume = -3, UserData = "mine é", EntrySound = ["ding.wav"], Link = Offer },
        ["enter.again"] = new EnterAsked { Op = "op", Call = Some.Id, IsEntered = true },
        ["entered"] = new EnterAnswered("op", Some.ConferenceId, null) { Link = new LinkSound("0123456789abcdef", "10.0.0.2", 20_002) },
        ["entered.refused"] = new EnterAnswered("op", Some.ConferenceId, RpcError.Unavailable("no room")),
        ["leave"] = new MemberLeaves("op", Some.Id),
        ["out"] = new ConferenceParted("op", 503, "interrupted"),
        ["in"] = new SeatAsked("op", Some.ConferenceId),
        ["key"] = new KeyArrived('5'),
        ["key.press"] = new KeyArrived('5') { Press = new KeyPress(0xFEDCBA98, 4_294_967_136) },
        ["key.late"] = new KeyArrived('5') { Press = new KeyPress(0xFEDCBA98, 4_294_967_136), IsLate = true },
        ["key.info"] = new KeyArrived('5') { Press = new KeyPress(null, 7) },
        ["bye"] = new ByeArrived(486),
        ["bye.told"] = new ByeArrived(486) { AtMillis = 1_700_000_000_000 },
        ["bye.headers"] = new ByeArrived(16) { Headers = "Reason: Q.850;cause=16" },
        ["who"] = new DialogAsked("op", Some.Id, "app"),
        ["me"] = new DialogTold("op", Some.OtherId, null)
        {
            CallId = "in-131@phone", LocalTag = "local-tag", RemoteTag = "remote-tag", Target = "sip:1001@192.0.2.9",
        },
        ["me.refused"] = new DialogTold("op", Some.OtherId, RpcError.NoSuchResource(Some.OtherId)),
        ["bye.bare"] = new ByeArrived(null),
    };

    public static TheoryData<string> Names => [.. Samples.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_command_has_the_bytes_that_it_always_had(string name)
    {
        var file = Path.Combine(Folder(), $"{name}.json");
        var bytes = CrossingCodec.Encode(Samples[name]);
        if (Environment.GetEnvironmentVariable("CTI_REGENERATE") == "1") File.WriteAllBytes(file, [.. bytes, (byte)'\n']);
        var golden = File.ReadAllBytes(file).AsSpan().TrimEnd((byte)'\n').ToArray();
        Encoding.UTF8.GetString(bytes).ShouldBe(Encoding.UTF8.GetString(golden));
        var read = CrossingCodec.TryDecode(golden).ShouldNotBeNull();
        read.GetType().ShouldBe(Samples[name].GetType());
        CrossingCodec.Encode(read).ShouldBe(golden, "what is read says the same when it is written again");
    }

    [Fact]
    public void There_is_a_file_for_every_command_and_what_is_unknown_is_none()
    {
        typeof(CrossingCommand).GetCustomAttributes(typeof(JsonDerivedTypeAttribute), false).Cast<JsonDerivedTypeAttribute>()
            .Select(kind => (string)kind.TypeDiscriminator!).Order()
            .ShouldBe(Samples.Keys.Select(name => name.Split('.')[0]).Distinct().Order());
        CrossingCodec.TryDecode("""{"t":"unheard-of","Op":"x"}"""u8).ShouldBeNull();
        CrossingCodec.TryDecode("nonsense"u8).ShouldBeNull();
        CrossingCodec.TryDecode("""{"t":"part","Op":"x","later":{"y":[1]}}"""u8)
            .ShouldBe(new BridgeParted("x"), "a member that a later release added is skipped");
    }

    [Fact]
    public void Keys_are_not_printed() => new JoinAsked("op", Some.Id) { Link = Offer }.ToString().ShouldNotContain("own");

    private static string Folder([CallerFilePath] string source = "") => Path.Combine(Path.GetDirectoryName(source)!, "..", "golden-crossing");
}
