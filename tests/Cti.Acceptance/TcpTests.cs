using System.Net;
using System.Net.Sockets;
using System.Text;
using Cti.Acceptance.Infrastructure;

namespace Cti.Acceptance;

/// <summary>SIP over TCP, where messages have no edges but their own.</summary>
[Collection(SharedNode.Name)]
public sealed class TcpTests(SharedNode shared) : CallTest(shared)
{
    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(333)]
    public async Task An_INVITE_in_pieces_is_one_INVITE(int piece)
    {
        using var client = await ConnectAsync();
        var user = NewUser();
        var invite = Message("INVITE", user, 1, "z9hG4bKpieces" + Guid.NewGuid().ToString("N"), Sdp);
        await SendInPiecesAsync(client, invite, piece);
        var res = await App.IncomingAsync(user);
        await App.AskAsync("sys.call.reject", new { res_id = res, cause = 486 });
        var final = await FinalAsync(client);
        final.Status.ShouldBe(486);
        await ReleasedAsync(res);
    }

    [Fact]
    public async Task Two_messages_and_a_half_in_one_piece_are_three()
    {
        using var client = await ConnectAsync();
        var ask = Message("OPTIONS", "x", 1, "z9hG4bKa" + Guid.NewGuid().ToString("N"), "");
        var askAgain = Message("OPTIONS", "x", 2, "z9hG4bKb" + Guid.NewGuid().ToString("N"), "");
        var third = Message("OPTIONS", "x", 3, "z9hG4bKc" + Guid.NewGuid().ToString("N"), "");
        var stream = client.GetStream();
        await stream.WriteAsync(Encoding.UTF8.GetBytes(ask + "\r\n\r\n" + askAgain + third[..50]));
        var answers = new SipStream(stream);
        (await answers.ReadAsync()).CSeq.ShouldBe(1);
        (await answers.ReadAsync()).CSeq.ShouldBe(2);
        await stream.WriteAsync(Encoding.UTF8.GetBytes(third[50..]));
        var last = await answers.ReadAsync();
        last.CSeq.ShouldBe(3);
        last.Status.ShouldBe(200);
    }

    [Fact]
    public async Task What_is_no_SIP_closes_the_connection_and_harms_nobody()
    {
        using var client = await ConnectAsync();
        var stream = client.GetStream();
        await stream.WriteAsync(Encoding.UTF8.GetBytes("GET / HTTP/1.1\r\nHost: x\r\n\r\n" + new string('x', 70_000)));
        var buffer = new byte[4096];
        using var limit = new CancellationTokenSource(Patience.Long);
        try
        {
            while (await stream.ReadAsync(buffer, limit.Token) > 0)
            {
                // Whatever it says before it closes.
            }
        }
        catch (IOException)
        {
            // Reset: closed as well.
        }
        var (call, res) = await InboundAsync();
        await DropAsync(call, res);
    }

    private const string Sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n";

    private async Task<TcpClient> ConnectAsync()
    {
        var client = new TcpClient { NoDelay = true };
        await client.ConnectAsync(IPAddress.Loopback, Node.SipPort);
        return client;
    }

    private string Message(string method, string user, int cseq, string branch, string body) =>
        $"{method} sip:{user}@127.0.0.1:{Node.SipPort};transport=tcp SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:5999;branch={branch};rport\r\nMax-Forwards: 70\r\n"
        + "From: <sip:tcp@127.0.0.1>;tag=1\r\n"
        + $"To: <sip:{user}@127.0.0.1>\r\nCall-ID: {branch}@tcp\r\nCSeq: {cseq} {method}\r\nContact: <sip:tcp@127.0.0.1:5999;transport=tcp>\r\n"
        + (body.Length > 0 ? "Content-Type: application/sdp\r\n" : "") + $"Content-Length: {body.Length}\r\n\r\n{body}";

    private static async Task SendInPiecesAsync(TcpClient client, string text, int piece)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        for (var at = 0; at < bytes.Length; at += piece)
        {
            await client.GetStream().WriteAsync(bytes.AsMemory(at, Math.Min(piece, bytes.Length - at)));
            // Each piece leaves by itself (no delay), and others get to run between them.
            await Task.Yield();
        }
    }

    private static async Task<SipText> FinalAsync(TcpClient client)
    {
        var stream = new SipStream(client.GetStream());
        while (true)
        {
            var message = await stream.ReadAsync();
            if (message.Status >= 200) return message;
        }
    }
}
