using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Cti.Calls.Call;
using Cti.Calls.Conference;

namespace Cti.Calls.Tests;

/// <summary>The bytes of every kind of a conference's entries, version 1, as files (see <see cref="GoldenEntryTests"/>).</summary>
public sealed class ConferenceGoldenTests
{
    private static readonly Participant Member = new()
    {
        Call = "0.0.1-sys.call-65", Op = "0123456789abcdef", VoiceMode = 2, Volume = -3, UserData = "mine é", JoinedMillis = Some.Start,
    };

    private static readonly ConferenceRecording Recording =
        new() { Number = 2, BeginMillis = Some.Start, FullPath = "/rec/a.wav", Format = "Alaw", MaxSeconds = 60 };

    internal static Dictionary<string, ConferenceEntry> Samples { get; } = new()
    {
        ["new"] = At(new ConferenceMade(ConferenceDriver.Id, "app", 3600, ["a.wav", "b.wav"], 1, true, "mine")),
        ["new.bare"] = At(new ConferenceMade(ConferenceDriver.Id, "app", 3600, [], -1, false, null)),
        ["in"] = At(new MemberEntered(Member)) with { Events = 1 },
        ["in.bare"] = At(new MemberEntered(Member with { Volume = null, UserData = null })) with { Events = 1 },
        ["chg"] = At(new MemberChanged(Member with { IsTalking = true })) with { Events = 1 },
        ["out"] = At(new MemberExited(Member.Call)) with { Events = 1 },
        ["thr"] = At(new ThresholdSet(0)),
        ["play"] = At(new PlayBegan(new ConferencePlay(1, Some.Start, ["a.wav"], true))),
        ["playx"] = At(new PlayEnded()) with { Events = 1 },
        ["rec"] = At(new RecordingSet(Recording)),
        ["rec.ending"] =
            At(new RecordingSet(Recording with { MaxSeconds = null, BeganMillis = Some.Start + 20, Ending = new ActionEnding(487, "stopped by record_stop") })),
        ["recx"] = At(new RecordingEnded()) with { Events = 1 },
        ["child"] = At(new ChildSet(new RingingChild("0.0.1-sys.call-129", true, true))),
        ["childx"] = At(new ChildForgotten("0.0.1-sys.call-129")),
        ["rel"] = At(new ConferenceReleased()) with { Events = 1 },
    };

    public static TheoryData<string> Names => [.. Samples.Keys];

    private static ConferenceEntry At(ConferenceEntry entry) => entry with { AtMillis = Some.Start + 1234 };

    [Theory]
    [MemberData(nameof(Names))]
    public void An_entry_has_the_bytes_that_its_version_always_had(string name)
    {
        var file = Path.Combine(Folder(), $"{name}.v{ConferenceEntryCodec.Version}.json");
        var bytes = ConferenceEntryCodec.Encode(Samples[name]);
        if (Environment.GetEnvironmentVariable("CTI_REGENERATE") == "1") File.WriteAllBytes(file, [.. bytes, (byte)'\n']);
        var golden = File.ReadAllBytes(file).AsSpan().TrimEnd((byte)'\n').ToArray();
        Encoding.UTF8.GetString(bytes).ShouldBe(Encoding.UTF8.GetString(golden));
        var read = ConferenceEntryCodec.Decode(ConferenceEntryCodec.Version, golden);
        ConferenceEntryCodec.Encode(read).ShouldBe(golden, "what is read says the same when it is written again");
    }

    [Fact]
    public void There_is_a_file_for_every_kind_of_entry_and_each_can_be_applied_in_every_state()
    {
        typeof(ConferenceEntry).GetCustomAttributes(typeof(JsonDerivedTypeAttribute), false).Cast<JsonDerivedTypeAttribute>()
            .Select(kind => (string)kind.TypeDiscriminator!).Order()
            .ShouldBe(Samples.Keys.Select(name => name.Split('.')[0]).Distinct().Order());
        Directory.GetFiles(Folder(), "*.json").Select(Path.GetFileName).Order().ShouldBe(Samples.Keys.Select(name => $"{name}.v1.json").Order());
        var active = new ConferenceDriver();
        active.Enter(ConferenceDriver.Ann);
        var released = new ConferenceDriver();
        released.Do(new ReleaseConference());
        foreach (var state in new[] { new ConferenceDriver().State, active.State, released.State })
            foreach (var entry in Samples.Values) ConferenceDecider.Apply(state, entry).LastMillis.ShouldBe(entry.AtMillis);
    }

    [Fact]
    public void A_newer_version_is_refused_and_a_broken_journal_is_an_error()
    {
        Should.Throw<NotSupportedException>(() => ConferenceEntryCodec.Decode(ConferenceEntryCodec.Version + 1, "{}"u8));
        Should.Throw<JsonException>(() => ConferenceEntryCodec.Decode(ConferenceEntryCodec.Version, "null"u8));
        foreach (var entry in Samples.Values.Where(entry => entry is not ConferenceMade))
            Should.Throw<InvalidOperationException>(() => ConferenceDecider.Apply(null, entry)).Message.ShouldContain(entry.GetType().Name);
    }

    private static string Folder([CallerFilePath] string source = "") => Path.Combine(Path.GetDirectoryName(source)!, "golden-conference");
}
