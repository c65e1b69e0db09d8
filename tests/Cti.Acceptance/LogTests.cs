using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using Cti.Acceptance.Infrastructure;

namespace Cti.Acceptance;

/// <summary>What strangers can do to the log of a real node: neither fill it nor write into it.</summary>
public sealed class LogTests
{
    [Fact]
    public async Task Thousands_of_bad_packets_and_refusals_are_a_few_lines_that_tell_how_many_they_were()
    {
        await using var node = await NodeProcess.StartAsync(["cti.log.level=debug"], acceptAny: false);
        await using var phone = new TestPhone();
        var before = node.Log.Split('\n').Length;
        var began = DateTimeOffset.UtcNow;
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        using var http = new HttpClient();
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "cti_wrong");
        for (var i = 0; i < 4_000; i++)
        {
            socket.SendTo(Encoding.ASCII.GetBytes($"INVITE sip:{i}\r\n\u001b[2J\r\n\r\n"), node.Sip);
            socket.SendTo(Encoding.ASCII.GetBytes("SIP/2.0 200 OK\r\nVia: nothing\r\n\r\n"), node.Sip);
            if (i % 10 != 0) continue;
            using var refused = await http.GetAsync(new Uri(node.Url + "/v2/events"));
            ((int)refused.StatusCode).ShouldBe(401);
        }
        (await phone.Call(node, "nobody").FinalAsync()).Status.ShouldBe(403);
        await Patience.UntilAsync(() => IsSummed(node, "rejected SIP messages") && IsSummed(node, "refused requests without a right key"),
            "the sums of ten seconds", TimeSpan.FromSeconds(40));

        var lines = node.Log.Split('\n')[before..];
        var seconds = Math.Max(1, (DateTimeOffset.UtcNow - began).TotalSeconds);
        (lines.Length / seconds).ShouldBeLessThan(10, string.Join('\n', lines));
        var left = lines.Where(static line => line.Contains("… and ", StringComparison.Ordinal)).ToArray();
        left.Where(static line => line.EndsWith("refused requests without a right key", StringComparison.Ordinal))
            .Sum(static line => long.Parse(line.Split("… and ")[1].Split(' ')[0], CultureInfo.InvariantCulture)).ShouldBeInRange(100, 399);
    }

    private static bool IsSummed(NodeProcess node, string what) =>
        node.Log.Split('\n').Any(line => line.Contains("… and ", StringComparison.Ordinal) && line.EndsWith(what, StringComparison.Ordinal));

    [Fact]
    public async Task Nobody_writes_a_line_of_the_log_or_steers_the_terminal_that_shows_it()
    {
        await using var node = await NodeProcess.StartAsync(["cti.log.level=debug"]);
        await using var phone = new TestPhone();
        await using var app = await RpcClient.ConnectAsync(node);
        using var http = new HttpClient();
        (await http.GetAsync(new Uri(node.Url + "/v2/events/%1b%5b2J%0a2026-01-01T00:00:00.000Z%20ERROR%201001%20forged%e2%80%ae"))).Dispose();
        (await http.GetAsync(new Uri(node.Url + "/v2/events?access_token=%0aforged"))).Dispose();
        var call = phone.Call(node, "x", from: "%1b%5b2J%0a2026-01-01T00:00:00.000Z%e2%80%ae");
        var res = await app.IncomingAsync("x");
        var (code, shown) = await node.CommandAsync("calls", "--url", node.Url);
        code.ShouldBe(0, shown);
        shown.ShouldContain(res);
        await app.AskAsync("sys.call.reject", new { res_id = res });
        await call.FinalAsync();
        foreach (var line in node.Log.Split('\n').Concat(shown.Split('\n')))
        {
            line.ShouldAllBe(static c => c >= ' ' && c != '\u007f' && !(c >= '\u0080' && c < '\u00a0') && c != '\u202e');
            line.ShouldNotStartWith("2026-01-01T00:00:00.000Z");
        }
    }
}
