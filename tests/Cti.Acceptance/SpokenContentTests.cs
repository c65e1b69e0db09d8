using System.Text.Json.Nodes;
using Cti.Acceptance.Infrastructure;

namespace Cti.Acceptance;

/// <summary>What is spoken, recognised piece by piece from the prompts' own samples in what the phone received.</summary>
[Collection(SharedNode.Name)]
public sealed class SpokenContentTests(SharedNode shared) : CallTest(shared)
{
    [Theory]
    [InlineData("""[["1086",1,""]]""", "digit-1 digit-0 digit-8 digit-6")]
    [InlineData("""[[1086.3,2,""]]""", "digit-1 thousand digit-0 digit-8 ten digit-6 point digit-3")]
    [InlineData("""[[-5,2,""],[1e4,2,""]]""", "minus digit-5 digit-1 ten-thousand")]
    [InlineData("""[["1086.30",3,""]]""", "digit-1 thousand digit-0 digit-8 ten digit-6 point digit-3 yuan")]
    [InlineData("""[["2012-9-8 1:5:3",4,""]]""", "digit-2 digit-0 digit-1 digit-2 year digit-9 month digit-8 day digit-1 point digit-5 fen digit-3 second")]
    [InlineData("""[["01:23",5,""]]""", "digit-1 hours digit-2 ten digit-3 minutes")]
    [InlineData("""[[3,6,""]]""", "digit-3 yuan exactly")]
    public async Task Chinese_is_heard_piece_by_piece(string content, string pieces) => await SpeaksAsync("zh-CN", content, pieces);

    [Theory]
    [InlineData("""[[1086.3,2,"lang=en-US"]]""", "digit-1 thousand eighty digit-6 point digit-3")]
    [InlineData("""[["1086.30",6,"lang=en-US"]]""", "digit-1 thousand eighty digit-6 yuan digit-3 jiao")]
    [InlineData("""[["2012-9-8 1:5:3",4,"lang=en-US"]]""", "september eighth digit-2 thousand twelve at digit-1 oh digit-5 am and digit-3 seconds")]
    [InlineData("""[["1:5:3",5,"lang=en-US"],["digit-7.wav|digit-star.wav",7,"lang=en-US"]]""",
        "digit-1 hour digit-5 minutes digit-3 seconds digit-7 digit-star")]
    public async Task English_is_heard_piece_by_piece(string content, string pieces) => await SpeaksAsync("en-US", content, pieces);

    [Fact]
    public async Task Files_and_values_stand_in_their_order_and_the_prompt_for_keys_takes_them_too()
    {
        var between = Sound.Noise(31, 1600);
        var file = Sound.Write(Node.MediaRoot, "between.wav", Sound.ALaw, between);
        var (call, res) = await InboundAsync("8 101");
        await App.AskAsync("sys.call.receive_dtmf_start", new
        {
            res_id = res, max_keys = 1, first_key_timeout = 10,
            play_content = JsonNode.Parse($$"""[[7,1,"lang=en-US"],["{{file}}",0,""],["ignored",-1,""],[7,1,"lang=zh-CN"]]"""),
        });
        byte[] expected = [.. Piece("en-US", "digit-7"), .. between, .. Piece("zh-CN", "digit-7")];
        await Patience.UntilAsync(() => call.Rtp.Heard(8).AsSpan().IndexOf(expected) >= 0, "all of it is heard in its order");
        await call.Rtp.PressAsync("5");
        (await App.ExpectAsync("sys.call.on_receive_dtmf_completed", res)).Error.ShouldBeNull();
        await DropAsync(call, res);
    }

    [Fact]
    public async Task A_piece_of_the_operators_is_heard_instead_of_the_built_in_one()
    {
        byte[] own = [.. Enumerable.Repeat((byte)0xD5, 80), .. Sound.Noise(32, 1600), .. Enumerable.Repeat((byte)0xD5, 80)];
        Sound.Write(Node.MediaRoot, "en-US/quadrillion.wav", Sound.ALaw, own);
        var (call, res) = await InboundAsync("8 101");
        await App.AskAsync("sys.call.play_start", new { res_id = res, content = JsonNode.Parse("""[["2000000000000000",2,"lang=en-US"]]""") });
        (await App.ExpectAsync("sys.call.on_play_completed", res)).Error.ShouldBeNull();
        byte[] expected = [.. Piece("en-US", "digit-2"), .. own];
        await Patience.UntilAsync(() => call.Rtp.Heard(8).AsSpan().IndexOf(expected) >= 0, "the operator's own recording is heard");
        await DropAsync(call, res);
    }

    [Theory]
    [InlineData("en-US", "en-us", "Your parcel has arrived.")]
    [InlineData("zh-CN", "cmn-latn-pinyin", "您的包裹到了。")]
    public async Task A_text_is_heard_as_the_engine_says_it(string language, string voice, string text)
    {
        var made = Path.Combine(Node.Folder, $"said-{language}.wav");
        (await Tools.RunAsync("espeak-ng", "espeak-ng", ["-v", voice, "-w", made + ".raw.wav", text])).Code.ShouldBe(0);
        (await Tools.RunAsync("sox", "sox", ["-D", made + ".raw.wav", "-r", "8000", "-e", "a-law", made])).Code.ShouldBe(0);
        var said = Sound.Read(made).Samples;
        var (call, res) = await InboundAsync("8 101");
        await App.AskAsync("sys.call.play_start", new { res_id = res, content = new JsonArray(new JsonArray(text, 10, "lang=" + language)) });
        (await App.ExpectAsync("sys.call.on_play_completed", res)).Error.ShouldBeNull();
        await Patience.UntilAsync(() => Math.Abs(Length(Linear(call)) - Length(said)) < 800, $"{Length(said)} samples are heard", TimeSpan.FromSeconds(3));
        Sound.Share(said, Linear(call), 100).ShouldBeGreaterThan(0.6);
        await DropAsync(call, res);
    }

    [Theory]
    [InlineData("""[["12",1,""],["2013-2-29",4,""]]""", "[1]: date or time (type 4)")]
    [InlineData("""[[10000000000000000,2,""]]""", "[0]: number (type 2)")]
    [InlineData("""[["0.055",6,""]]""", "[0]: amount in yuan, jiao and fen (type 6)")]
    [InlineData("""[["x",12,""]]""", "[0]: there is no such type")]
    [InlineData("""[["x",10,"voice=2"]]""", "[0]: unknown option")]
    public async Task What_cannot_be_spoken_is_an_invalid_parameter_that_names_the_element(string content, string reason)
    {
        var (call, res) = await InboundAsync();
        var answer = await App.SendAsync("sys.call.play_start", new { res_id = res, content = JsonNode.Parse(content) }, Guid.NewGuid().ToString());
        ((int)answer["error"]!["code"]!).ShouldBe(-32602);
        answer["error"]!.ToJsonString(new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }).ShouldContain(reason);
        await DropAsync(call, res);
    }

    private async Task SpeaksAsync(string language, string content, string pieces)
    {
        var (call, res) = await InboundAsync("8 101");
        await App.AskAsync("sys.call.play_start", new { res_id = res, content = JsonNode.Parse(content) });
        (await App.ExpectAsync("sys.call.on_play_completed", res)).Error.ShouldBeNull();
        var expected = pieces.Split(' ');
        var length = expected.Sum(piece => Piece(language, piece).Length);
        await Patience.UntilAsync(() => Recognise(language, call.Rtp.Heard(8)).Sum(found => found.Length) >= length,
            $"{pieces} is heard: {Text(language, call)}", TimeSpan.FromSeconds(3));
        var heard = Recognise(language, call.Rtp.Heard(8));
        heard.Select(found => found.Name).ShouldBe(expected.Select(piece => Name(language, piece)));
        // Nothing between two pieces but the silence of their own.
        for (var i = 1; i < heard.Count; i++) heard[i].At.ShouldBe(heard[i - 1].At + heard[i - 1].Length, $"before {heard[i].Name}");
        await DropAsync(call, res);
    }

    private static string Text(string language, PhoneCall call) => string.Join(' ', Recognise(language, call.Rtp.Heard(8)).Select(found => found.Name));

    /// <summary>Which prompts of a language are in a sound, sample by sample, wherever they begin.</summary>
    private static List<(string Name, int At, int Length)> Recognise(string language, byte[] heard)
    {
        var known = Directory.GetFiles(Path.Combine(Prompts, language), "*.wav").Order(StringComparer.Ordinal)
            .Select(file => (Name: Path.GetFileNameWithoutExtension(file), Sound.Read(file).Data)).OrderByDescending(prompt => prompt.Data.Length).ToArray();
        List<(string, int, int)> found = [];
        for (var at = 0; at < heard.Length;)
        {
            var here = known.FirstOrDefault(prompt => heard.AsSpan(at).StartsWith(prompt.Data));
            if (here.Name is not null) found.Add((Name(language, here.Name), at, here.Data.Length));
            at += here.Name is null ? 1 : here.Data.Length;
        }
        return found;
    }

    /// <summary>The first of the prompts that sound the same: 点 of the clock is 点 of a number.</summary>
    private static string Name(string language, string piece)
    {
        var data = Piece(language, piece);
        return Directory.GetFiles(Path.Combine(Prompts, language), "*.wav").Order(StringComparer.Ordinal)
            .Where(file => Sound.Read(file).Data.AsSpan().SequenceEqual(data)).Select(Path.GetFileNameWithoutExtension).First()!;
    }

    private static string Prompts => Path.Combine(Path.GetDirectoryName(NodeProcess.Program)!, "prompts");

    private static byte[] Piece(string language, string piece) => Sound.Read(Path.Combine(Prompts, language, piece + ".wav")).Data;

    private static short[] Linear(PhoneCall call) => [.. call.Rtp.Heard(8).Select(Sound.FromALaw)];

    /// <summary>From the first sample that is heard to the last.</summary>
    private static int Length(short[] samples)
    {
        var first = samples.AsSpan().IndexOfAnyExceptInRange((short)-300, (short)300);
        return first < 0 ? 0 : samples.AsSpan().LastIndexOfAnyExceptInRange((short)-300, (short)300) - first + 1;
    }
}

/// <summary>A node whose language is English and whose speech engine is not installed.</summary>
public sealed class SpeechSettingsTests
{
    [Fact]
    public async Task The_nodes_language_is_spoken_and_a_missing_engine_says_what_to_install()
    {
        await using var node = await NodeProcess.StartAsync(["cti.media.language=en-US", "cti.tts.espeak.program=/no/such/espeak-ng"]);
        await using var app = await RpcClient.ConnectAsync(node);
        await using var phone = new TestPhone();
        var call = phone.Call(node, "speech", "8 101");
        var res = await app.IncomingAsync("speech");
        await app.AskAsync("sys.call.answer", new { res_id = res, max_answer_seconds = 60 });
        await call.AnsweredAsync();
        await app.ExpectAsync("sys.call.on_answer_completed", res);

        await app.AskAsync("sys.call.play_start", new { res_id = res, content = JsonNode.Parse("""[[12,2,""],["Hello",10,""]]""") });
        var done = await app.ExpectAsync("sys.call.on_play_completed", res);
        done.Error.ShouldBe(415);
        ((string)done.Params["error"]!["message"]!).ShouldContain("install espeak-ng");
        call.Rtp.Heard(8).ShouldAllBe(static b => b == 0xD5 || b == 0x55);

        await app.AskAsync("sys.call.play_start", new { res_id = res, content = JsonNode.Parse("""[[12,2,""],["digit-5.wav",0,""]]""") });
        (await app.ExpectAsync("sys.call.on_play_completed", res)).Error.ShouldBeNull();
        var folder = Path.Combine(Path.GetDirectoryName(NodeProcess.Program)!, "prompts", "en-US");
        byte[] expected = [.. Sound.Read(Path.Combine(folder, "twelve.wav")).Data, .. Sound.Read(Path.Combine(folder, "digit-5.wav")).Data];
        await Patience.UntilAsync(() => call.Rtp.Heard(8).AsSpan().IndexOf(expected) >= 0, "English is heard");
        await app.AskAsync("sys.call.drop", new { res_id = res });
        await call.ByeAsync();
    }
}
