using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Cti.Calls.Extensions;

namespace Cti.Calls.Tests.Extensions;

/// <summary>
/// The bytes of every kind of a flow's entries, version 1, as files. CTI_REGENERATE=1 writes files that are missing or that changed before a release.
/// </summary>
public sealed class FlowGoldenTests
{
    private static Dictionary<string, FlowEntry> Samples { get; } = new()
    {
        ["new.notify"] = new FlowBegan(SomeFlow.NotifyId, "app", SomeFlow.Notify, "sip:1@b.example"),
        ["new.captcha"] = new FlowBegan(SomeFlow.CaptchaId, "app", SomeFlow.Captcha with { First = new PartySpec(null, ["sip:1@b.example"], null) },
            "sip:1@b.example"),
        ["new.duo"] = new FlowBegan(SomeFlow.DuoId, "app", SomeFlow.Duo with
        {
            RingPlayFile = "ring.wav",
            RingPlayMode = 2,
            RecordPath = "/r/a.wav",
            RecordMode = DuoRecording.FromSecondCall,
            RecordFormat = "Ulaw",
        }, "sip:1@b.example"),
        ["call"] = new PartyCalled(2) { Events = 2 },
        ["made"] = new PartyCreated(2, FlowDriver.Call2, "sip:2@b.example"),
        ["up"] = new PartyAnswered(1, 1_700_000_003_000),
        ["fail"] = new PartyFailed(1) { Events = 1 },
        ["gone"] = new PartyGone(1, "usr"),
        ["act"] = new ActionBegan(),
        ["keys"] = new KeysCame("12*#"),
        ["conn"] = new PartiesConnected(1_700_000_005_000) { Events = 1 },
        ["rec"] = new RecordingBegan(),
        ["recx"] = new RecordingEnded(),
        ["end"] = new FlowEnding(486, "Busy Here"),
        ["end.bare"] = new FlowEnding(null, null),
        ["rel"] = new FlowReleased { Events = 1 },
        ["heard"] = new PartyHeard(2, 3),
    };

    public static TheoryData<string> Names => [.. Samples.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void An_entry_has_the_bytes_that_its_version_always_had(string name)
    {
        var file = Path.Combine(Folder(), $"{name}.v{FlowEntryCodec.Version}.json");
        var bytes = FlowEntryCodec.Encode(Samples[name] with { AtMillis = Some.Start + 1234 });
        if (Environment.GetEnvironmentVariable("CTI_REGENERATE") == "1") File.WriteAllBytes(file, [.. bytes, (byte)'\n']);
        var golden = File.ReadAllBytes(file).AsSpan().TrimEnd((byte)'\n').ToArray();
        Encoding.UTF8.GetString(bytes).ShouldBe(Encoding.UTF8.GetString(golden));
        FlowEntryCodec.Encode(FlowEntryCodec.Decode(FlowEntryCodec.Version, golden)).ShouldBe(golden, "what is read says the same when it is written again");
    }

    [Fact]
    public void There_is_a_file_for_every_kind_of_entry_and_of_flow()
    {
        Kinds<FlowEntry>().ShouldBe(Samples.Keys.Select(name => name.Split('.')[0]).Distinct().Order());
        Kinds<FlowSpec>().ShouldBe(Samples.Keys.Where(name => name.StartsWith("new.", StringComparison.Ordinal)).Select(name => name[4..]).Order());
        Directory.GetFiles(Folder(), "*.json").Select(Path.GetFileName).Order().ShouldBe(Samples.Keys.Select(name => $"{name}.v1.json").Order());
    }

    [Fact]
    public void A_newer_version_is_refused_and_broken_bytes_are_an_error()
    {
        Should.Throw<NotSupportedException>(() => FlowEntryCodec.Decode(FlowEntryCodec.Version + 1, "{}"u8));
        Should.Throw<JsonException>(() => FlowEntryCodec.Decode(FlowEntryCodec.Version, "null"u8));
        Should.Throw<JsonException>(() => FlowEntryCodec.Decode(FlowEntryCodec.Version, """{"t":"unheard-of","at":17}"""u8));
        FlowEntryCodec.Decode(FlowEntryCodec.Version, """{"t":"act","at":17,"later":{"x":[1]}}"""u8).ShouldBe(new ActionBegan { AtMillis = 17 });
    }

    private static IEnumerable<string> Kinds<T>() => typeof(T).GetCustomAttributes(typeof(JsonDerivedTypeAttribute), false)
        .Cast<JsonDerivedTypeAttribute>().Select(kind => (string)kind.TypeDiscriminator!).Order();

    private static string Folder([CallerFilePath] string source = "") => Path.Combine(Path.GetDirectoryName(source)!, "..", "golden", "flow");
}
