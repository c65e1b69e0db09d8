using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using Cti.Acceptance.Infrastructure;

namespace Cti.Acceptance;

/// <summary>Files that are none, files of others, and disks that run full.</summary>
public sealed class FileTests
{
    private const UnixFileMode Folder0750 =
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupRead | UnixFileMode.GroupExecute;
    private const UnixFileMode File0640 = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead;

    private static async Task<(PhoneCall Call, string ResId)> CallAsync(RpcClient app, TestPhone phone, string user)
    {
        var made = await app.AskAsync("sys.call.construct", new { to_uri = $"sip:{user}@{phone.Address}", max_answer_seconds = 120 });
        var call = await phone.InvitedAsync();
        await call.PickUpAsync();
        var res = (string)made!["res_id"]!;
        (await app.ExpectAsync("sys.call.on_dial_completed", res)).Error.ShouldBeNull();
        return (call, res);
    }

    private static async Task<int?> PlayAsync(RpcClient app, string res, string file)
    {
        await app.AskAsync("sys.call.play_start", new { res_id = res, content = file });
        return (await app.ExpectAsync("sys.call.on_play_completed", res)).Error;
    }

    private static async Task<string> RecordAsync(RpcClient app, string res, string file)
    {
        var path = (string)(await app.AskAsync("sys.call.record_start", new { res_id = res, max_seconds = 1, beep = false, record_file = file }))!;
        (await app.ExpectAsync("sys.call.on_record_completed", res)).Error.ShouldBe(408);
        File.Exists(path).ShouldBeTrue();
        return path;
    }

    [Fact]
    public async Task A_pipe_among_the_prompts_hurts_only_who_plays_it()
    {
        await using var node = await NodeProcess.StartAsync(["cti.node.drain-timeout=1s"]);
        await using var phone = new TestPhone();
        await using var app = await RpcClient.ConnectAsync(node);
        Sound.Write(node.MediaRoot, "kept.wav", Sound.ALaw, Sound.Noise(1, 800));
        Sound.Write(node.MediaRoot, "new.wav", Sound.ALaw, Sound.Noise(2, 800));
        await Tools.RunAsync("mkfifo", "coreutils", [Path.Combine(node.MediaRoot, "pipe.wav")]);
        List<string> calls = [];
        for (var i = 0; i < 4; i++) calls.Add((await CallAsync(app, phone, $"pipe{i}")).ResId);
        (await PlayAsync(app, calls[0], "kept.wav")).ShouldBeNull();

        foreach (var res in calls.Take(2)) await app.AskAsync("sys.call.play_start", new { res_id = res, content = "pipe.wav" });
        (await PlayAsync(app, calls[2], "kept.wav")).ShouldBeNull();
        (await PlayAsync(app, calls[2], "new.wav")).ShouldBeNull();
        var path = await RecordAsync(app, calls[3], "beside.wav");
        foreach (var res in calls.Take(2)) (await app.ExpectAsync("sys.call.on_play_completed", res)).Error.ShouldBe(415);
        (await PlayAsync(app, calls[0], "kept.wav")).ShouldBeNull("the call goes on");
        File.GetUnixFileMode(path).ShouldBe(File0640);
        File.GetUnixFileMode(Path.GetDirectoryName(path)!).ShouldBe(Folder0750);

        var watch = Stopwatch.StartNew();
        (await node.StopAsync()).ShouldBe(0);
        watch.Elapsed.TotalSeconds.ShouldBeLessThan(20);
    }

    [Fact]
    public async Task No_application_plays_what_another_one_recorded()
    {
        const string First = "the first key", Second = "the second key";
        var others = Directory.CreateTempSubdirectory("cti-of-b-").FullName;
        try
        {
            await using var node = await NodeProcess.StartAsync(configuration: $$"""
                cti.gateway.applications {
                  a { keys = ["sha256:{{Hash(First)}}"] }
                  b { keys = ["sha256:{{Hash(Second)}}"], media-root = "{{others}}/media", record-root = "{{others}}/recordings" }
                }
                """);
            await using var phone = new TestPhone();
            await using var a = await RpcClient.ConnectAsync(node, key: First);
            await using var b = await RpcClient.ConnectAsync(node, key: Second);
            var (_, ofA) = await CallAsync(a, phone, "a");
            var (_, ofB) = await CallAsync(b, phone, "b");
            Sound.Write(node.MediaRoot, "shared.wav", Sound.ALaw, Sound.Noise(1, 800));
            Directory.CreateDirectory(Path.Combine(others, "media"));
            var own = Sound.Write(Path.Combine(others, "media"), "own.wav", Sound.ALaw, Sound.Noise(2, 800));

            var pathOfA = await RecordAsync(a, ofA, "folder/said.wav");
            pathOfA.ShouldBe(Path.Combine(node.MediaRoot, "recordings/a/folder/said.wav"));
            var pathOfB = await RecordAsync(b, ofB, "folder/said.wav");
            pathOfB.ShouldBe(Path.Combine(others, "recordings/folder/said.wav"));

            foreach (var name in new[] { pathOfA, "folder/said.wav", "recordings/a/folder/said.wav", "shared.wav" })
                (await PlayAsync(a, ofA, name)).ShouldBeNull(name);
            foreach (var name in new[] { pathOfB, "folder/said.wav", "own.wav", Path.Combine(others, "media/own.wav"), "shared.wav" })
                (await PlayAsync(b, ofB, name)).ShouldBeNull(name);
            foreach (var name in new[] { pathOfB, "own.wav", Path.Combine(others, "media/own.wav"), Path.Combine(others, "media/none.wav") })
                (await PlayAsync(a, ofA, name)).ShouldBe(404, name);
            foreach (var name in new[] { pathOfA, "recordings/a/folder/said.wav", "recordings/a/none.wav" })
                (await PlayAsync(b, ofB, name)).ShouldBe(404, name);
            (await b.RefusedAsync("sys.call.play_start", new { res_id = ofB, content = "../a/folder/said.wav" })).ShouldBe(-32602);
            (await a.RefusedAsync("sys.call.record_start", new { res_id = ofA, max_seconds = 1, record_file = pathOfB })).ShouldBe(-32602);
            (await b.RefusedAsync("sys.call.record_start", new { res_id = ofB, max_seconds = 1, record_file = pathOfA })).ShouldBe(-32602);
            own.ShouldNotBeNull();
        }
        finally
        {
            Directory.Delete(others, recursive: true);
        }
    }

    [Fact]
    public async Task A_full_disk_is_told_to_the_application_and_in_the_log()
    {
        if (Environment.UserName != "root") return;
        await using var node = await NodeProcess.StartAsync();
        await using var phone = new TestPhone();
        await using var app = await RpcClient.ConnectAsync(node);
        node.ExpectsErrors = true;
        var (call, res) = await CallAsync(app, phone, "full");
        var disk = Directory.CreateDirectory(Path.Combine(node.MediaRoot, "recordings/default/small")).FullName;
        if ((await Tools.RunAsync("mount", "mount", ["-t", "tmpfs", "-o", "size=16k", "tmpfs", disk])).Code != 0) return;
        try
        {
            var path =
                (string)(await app.AskAsync("sys.call.record_start", new { res_id = res, max_seconds = 60, beep = false, record_file = "small/said.wav" }))!;
            var talking = call.Rtp.SayAsync(Sound.ToALaw([.. Enumerable.Range(0, 48_000).Select(static i => (short)(i % 1000))]));
            var done = await app.ExpectAsync("sys.call.on_record_completed", res);
            done.Error.ShouldBe(500);
            ((string)done.Params["error"]!["message"]!).ShouldContain("the disk is full");
            ((string)done.Params["record_file"]!).ShouldBe(path);
            Directory.GetFiles(disk).ShouldBe([path]);
            Sound.Read(path).Samples.Length.ShouldBeGreaterThan(8_000);
            await Patience.UntilAsync(() => node.Log.Contains($"{path}: the disk is full", StringComparison.Ordinal), "the log tells it");
            await talking;
        }
        finally
        {
            await Tools.RunAsync("umount", "mount", ["-l", disk]);
        }
    }

    private static string Hash(string key) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)));
}
