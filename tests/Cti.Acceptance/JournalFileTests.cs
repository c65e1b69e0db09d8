using System.Net;
using Cti.Acceptance.Infrastructure;

namespace Cti.Acceptance;

/// <summary>A journal's file that is damaged or gone under a running node.</summary>
public sealed class JournalFileTests
{
    private static async Task<(HttpStatusCode Status, string Text)> ReadyzAsync(NodeProcess node)
    {
        using var http = new HttpClient();
        using var answer = await http.GetAsync(new Uri(node.Url + "/readyz"));
        return (answer.StatusCode, await answer.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData("rm", "deleted")]
    [InlineData("rm-wal", "deleted")]
    [InlineData("junk", "no SQLite database")]
    [InlineData("empty", "cut off")]
    public async Task It_is_noticed_within_seconds_told_once_and_nothing_new_is_promised_while_calls_go_on(string how, string what)
    {
        await using var node = await NodeProcess.StartAsync(["cti.node.drain-timeout=1s"]);
        node.ExpectsErrors = true;
        await using var phone = new TestPhone();
        await using var app = await RpcClient.ConnectAsync(node);
        var call = phone.Call(node, "up");
        var res = await app.IncomingAsync("up");
        await app.AskAsync("sys.call.answer", new { res_id = res, max_answer_seconds = 300 });
        await call.AnsweredAsync();
        await app.ExpectAsync("sys.call.on_answer_completed", res);

        var script = how switch
        {
            "rm" => "import os,sys; os.remove(sys.argv[1])",
            "rm-wal" => "import os,sys; os.remove(sys.argv[1] + '-wal')",
            "junk" => "import sys; f=open(sys.argv[1],'r+b'); f.write(b'\\xa5'*65536); f.close()",
            _ => "import sys; open(sys.argv[1],'r+b').truncate(0)",
        };
        (await Tools.RunAsync("python3", "python3", ["-c", script, node.Journal])).Code.ShouldBe(0);
        await Patience.UntilAsync(async () => (await ReadyzAsync(node)).Status == HttpStatusCode.ServiceUnavailable, "the node is not ready",
            TimeSpan.FromSeconds(20));

        (await ReadyzAsync(node)).Text.ShouldMatch(
            "^the journal .+\njournal: (damaged or gone|cannot be reached)\nactors: running\ncluster: none, the node is alone\n$");
        await Patience.UntilAsync(() => node.Errors().Length > 0, "the log says so");
        var line = node.Errors().ShouldHaveSingleItem();
        line.ShouldContain(node.Journal);
        line.ShouldContain(what);
        line.ShouldContain("stop the node");
        await phone.Call(node, "late").RefusedAsync(503);
        var packets = call.Rtp.Packets.Count;
        await Patience.UntilAsync(() => call.Rtp.Packets.Count > packets, "the call is still heard");
        // The node's end hangs up, though it cannot be written.
        node.Terminate();
        await call.ByeAsync(TimeSpan.FromSeconds(60));
        (await node.ExitAsync(TimeSpan.FromSeconds(60))).ShouldBe(0);
    }

    [Fact]
    public async Task A_damaged_file_stops_the_start_with_what_is_wrong_and_what_to_do()
    {
        await using var node = await NodeProcess.StartAsync();
        await node.StopAsync();
        await File.WriteAllTextAsync(node.Journal, new string('x', 100_000));
        node.ExpectsErrors = true;
        var ended = (await Record.ExceptionAsync(node.LaunchAsync)).ShouldNotBeNull();
        ended.Message.ShouldContain("ended with 1");
        ended.Message.ShouldContain($"cti: the node cannot start: {node.Journal}");
        ended.Message.ShouldContain("move it away");
    }
}
