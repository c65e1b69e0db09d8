using System.Diagnostics;
using System.Runtime.InteropServices;
using Cti.Acceptance.Infrastructure;

namespace Cti.Acceptance;

/// <summary>A call recorded in every format of both generations is what other programs decode; files of other programs are what the call hears.</summary>
[Collection(SharedNode.Name)]
public sealed class FormatTests(SharedNode shared) : CallTest(shared)
{
    /// <summary>Generation, number, what decodes it, extension, the least correlation that the coding leaves of a tone.</summary>
    [Theory]
    [InlineData(1, 1, "sox", ".wav", 0.99)]
    [InlineData(1, 2, "sox", ".wav", 0.99)]
    [InlineData(1, 3, "ffmpeg", ".wav", 0.99)]
    [InlineData(1, 4, "ffmpeg", ".wav", 0.9)]
    [InlineData(1, 5, "sox", ".wav", 0.75)]
    [InlineData(1, 6, "ffmpeg", ".mp3", 0.85)]
    [InlineData(2, 1, "sox", ".vox", 0.9)]
    [InlineData(2, 3, "ffmpeg", ".wav", 0.99)]
    [InlineData(2, 4, "ffmpeg", ".wav", 0.93)]
    [InlineData(2, 7, "sox", ".wav", 0.99)]
    [InlineData(2, 8, "ffmpeg", ".wav", 0.99)]
    [InlineData(2, 21, "sndfile-convert", ".wav", 0.93)]
    public async Task A_call_recorded_in_any_format_is_decoded_by_other_programs(int generation, int format, string program, string extension, double least)
    {
        await using var app = await RpcClient.ConnectAsync(Node, generation);
        var said = Sound.Rising(1.5);
        var (call, res) = await InboundAsync("8 101");
        var path = (string)(await app.AskAsync("sys.call.record_start",
            new { res_id = res, max_seconds = 20, beep = false, record_file = $"every/{res}-{format}.x", record_format = format, finish_keys = "#" }))!;
        path.ShouldEndWith(extension);
        await call.Rtp.SayAsync(Sound.ToALaw(Sound.WithPause(said)));
        await call.Rtp.PressAsync("#");
        (await app.ExpectAsync("sys.call.on_record_completed", res)).Error.ShouldBeNull();
        Held(said, Decode(program, path), least).ShouldBeGreaterThan(0.6, $"{extension} by {program}");

        // And it can be played back.
        await App.AskAsync("sys.call.play_start", new { res_id = res, content = path });
        (await App.ExpectAsync("sys.call.on_play_completed", res)).Error.ShouldBeNull();
        await Patience.UntilAsync(() => Held(said, [.. call.Rtp.Heard(8).Select(Sound.FromALaw)], least) > 0.6, "what was said is heard",
            TimeSpan.FromSeconds(3));
        await DropAsync(call, res);
    }

    [Fact]
    public async Task A_broken_file_completes_with_415_naming_it_and_nothing_is_heard()
    {
        var (call, res) = await InboundAsync("8 101");
        await File.WriteAllBytesAsync(Path.Combine(Node.MediaRoot, "broken.mp3"), new byte[3000]);
        Sound.Write(Node.MediaRoot, "good.wav", Sound.ALaw, Sound.ToALaw(Sound.Rising(1)));
        await App.AskAsync("sys.call.play_start", new { res_id = res, content = "good.wav|broken.mp3" });
        var done = await App.ExpectAsync("sys.call.on_play_completed", res);
        done.Error.ShouldBe(415);
        done.Params["error"]!.ToJsonString().ShouldContain("broken.mp3");
        call.Rtp.Heard(8).ShouldAllBe(static code => Math.Abs((int)Sound.FromALaw(code)) < 100);
        await DropAsync(call, res);
    }

    [Fact]
    public async Task Without_the_library_record_start_and_play_say_what_to_install()
    {
        await using var node = await NodeProcess.StartAsync(["cti.media.sound-library=libsndfile-that-is-not-there.so.1"]);
        await using var app = await RpcClient.ConnectAsync(node);
        var call = Phone.Call(node, "bare", "8 101");
        var res = await app.IncomingAsync("bare");
        await app.AskAsync("sys.call.answer", new { res_id = res, max_answer_seconds = 60 });
        await call.AnsweredAsync();
        await app.ExpectAsync("sys.call.on_answer_completed", res);
        var refused = await app.SendAsync("sys.call.record_start", new { res_id = res, max_seconds = 5, record_file = "a", record_format = 4 }, "refused");
        ((int)refused["error"]!["code"]!).ShouldBe(415);
        refused["error"]!.ToJsonString().ShouldContain("apt-get install libsndfile1");
        Directory.Exists(Path.Combine(node.MediaRoot, "recordings")).ShouldBeTrue();
        Directory.GetFiles(Path.Combine(node.MediaRoot, "recordings"), "*", SearchOption.AllDirectories).ShouldBeEmpty();
        await File.WriteAllBytesAsync(Path.Combine(node.MediaRoot, "a.mp3"), new byte[3000]);
        await app.AskAsync("sys.call.play_start", new { res_id = res, content = "a.mp3" });
        var done = await app.ExpectAsync("sys.call.on_play_completed", res);
        done.Error.ShouldBe(415);
        done.Params["error"]!.ToJsonString().ShouldContain("apt-get install libsndfile1");
        await app.AskAsync("sys.call.drop", new { res_id = res });
        await call.ByeAsync();
    }

    private static short[] Decode(string program, string path)
    {
        if (program == "sndfile-convert")
        {
            Run("sndfile-convert", "-pcm16", path, path + ".pcm.wav");
            (program, path) = ("sox", path + ".pcm.wav");
        }
        var bytes = program == "sox"
            ? Run("sox", path, "-t", "raw", "-e", "signed", "-b", "16", "-L", "-r", "8000", "-")
            : Run("ffmpeg", "-v", "error", "-i", path, "-f", "s16le", "-ar", "8000", "-");
        return MemoryMarshal.Cast<byte, short>(bytes).ToArray();
    }

    private static byte[] Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var said = process.StandardError.ReadToEndAsync();
        using var output = new MemoryStream();
        process.StandardOutput.BaseStream.CopyTo(output);
        process.WaitForExit();
        process.ExitCode.ShouldBe(0, said.GetAwaiter().GetResult());
        return output.ToArray();
    }

    /// <summary>The share of a sound's pieces of 40 ms that another holds, in their order.</summary>
    private static double Held(short[] said, short[] heard, double least)
    {
        const int Piece = 320;
        int found = 0, pieces = 0, from = 0;
        for (var at = 0; at + Piece <= said.Length; at += Piece, pieces++)
        {
            for (var to = from; to + Piece <= heard.Length; to++)
            {
                double both = 0, one = 0, other = 0;
                for (var i = 0; i < Piece; i++)
                {
                    both += (double)said[at + i] * heard[to + i];
                    one += (double)said[at + i] * said[at + i];
                    other += (double)heard[to + i] * heard[to + i];
                }
                if (one == 0 || other == 0 || both / Math.Sqrt(one * other) < least) continue;
                found++;
                from = to + Piece - 80;
                break;
            }
        }
        return pieces == 0 ? 0 : (double)found / pieces;
    }
}
