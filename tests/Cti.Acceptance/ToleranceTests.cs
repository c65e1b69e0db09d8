using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Cti.Acceptance.Infrastructure;
using Cti.Fuzz;

namespace Cti.Acceptance;

/// <summary>What devices really send, and what strangers send on purpose, against the program as it is shipped.</summary>
[Collection(SharedNode.Name)]
public sealed class ToleranceTests(SharedNode shared) : CallTest(shared)
{
    private const int DatagramsMax = 160_000;
    private const int StormSeconds = 20;

    [Fact]
    public async Task A_hundred_and_sixty_thousand_mangled_datagrams_leave_an_announcement_byte_for_byte()
    {
        var data = Sound.Noise(81, StormSeconds * 8000);
        var file = Sound.Write(Node.MediaRoot, "storm.wav", Sound.ALaw, data);
        var (call, res) = await InboundAsync("8 101");

        await App.AskAsync("sys.call.play_start", new { res_id = res, content = file });
        var sent = await StormAsync(call);
        sent.ShouldBe(DatagramsMax);
        (await App.ExpectAsync("sys.call.on_play_completed", res, TimeSpan.FromSeconds(StormSeconds + 10))).Error.ShouldBeNull();

        await Patience.UntilAsync(() => call.Rtp.Heard(8).AsSpan().IndexOf(data) >= 0, "every byte of the announcement is heard", TimeSpan.FromSeconds(3));
        await DropAsync(call, res);
        Node.Errors().ShouldBeEmpty();
    }

    [Fact]
    public async Task An_UPDATE_of_a_caller_that_hears_ringing_is_answered()
    {
        var call = Phone.Call(Node, "update", "8 101");
        var res = await App.IncomingAsync("update");
        var ringing = await call.ResponseAsync("INVITE", static status => status == 180, "ringing");
        ringing.Header("Allow").ShouldContain("UPDATE");
        call.RemoteTag = SipText.Parameter(ringing.Header("To"), "tag");
        call.Target = SipText.Address(ringing.Header("Contact"));
        (await call.AskAsync("UPDATE")).Status.ShouldBe(200);
        await App.AskAsync("sys.call.answer", new { res_id = res, max_answer_seconds = 120 });
        call.Accept(await Phone.Arrived.TakeAsync(m => !m.IsRequest && m.CallId == call.CallId && m is { Method: "INVITE", Status: 200 }, "an answer"), "");
        (await App.ExpectAsync("sys.call.on_answer_completed", res)).Error.ShouldBeNull();
        (await call.AskAsync("UPDATE")).Status.ShouldBe(200);
        await call.HangUpAsync("Max-Forwards: 70\r\nno colon at all\r\nContent-Type:\r\n");
        await App.ExpectAsync("sys.call.on_released", res);
    }

    /// <summary>Everything that a call is made of, mangled, from somebody who knows its addresses and its Call-ID and guesses the rest.</summary>
    private async Task<int> StormAsync(PhoneCall call)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var seeds = Seeds(call, (IPEndPoint)socket.LocalEndPoint!).ToList();
        var mutator = new Mutator(seeds, 1);
        var started = Stopwatch.GetTimestamp();
        var sent = 0;
        while (sent < DatagramsMax)
        {
            // A tenth of a second's share at a time, so that it is spread over the announcement.
            for (var share = DatagramsMax / (StormSeconds - 2) / 10; share > 0 && sent < DatagramsMax; share--, sent++)
            {
                var datagram = mutator.Next();
                socket.SendTo(datagram.AsSpan(0, Math.Min(datagram.Length, 60_000)), SocketFlags.None, Node.Sip);
            }
            var due = TimeSpan.FromSeconds((double)sent / DatagramsMax * (StormSeconds - 2)) - Stopwatch.GetElapsedTime(started);
            if (due > TimeSpan.Zero) await Task.Delay(due);
        }
        return sent;
    }

    private IEnumerable<byte[]> Seeds(PhoneCall call, IPEndPoint us)
    {
        string[] odd =
        [
            "Expires: 60\r\nExpires: 61\r\n", "Session-Expires: 90;refresher=uac;\r\nSession-Expires: 91\r\n", "X-Junk\r\n",
            "Contact: <sip:b@127.0.0.1;thinfo=\"a1b2=\";;x>;\r\n",
            "Contact: < sip: b@[2001:db8:::192.0.2.1]:0 >;;q=\r\n", "Max-Forwards: 70\r\nContent-Type:\r\n", "Record-Route: <sip:p;lr;a=\"b c\">;d=\"e\",,\r\n",
            "Require: \"x\", timer\r\n", "Via: odd\r\nRoute: <\r\n",
        ];
        var theirs = $"<{call.RemoteUri}>;tag={call.RemoteTag[..^16]}0123456789abcdef";
        foreach (var field in odd)
        {
            // A new INVITE would be a call of its own: this one has three reasons to be none.
            var invite = $"INVITE {call.RemoteUri} SIP/2.0\r\n{Common("INVITE", theirs, us, call)}{field}Require: nothing-here\r\n"
                + "Content-Type: text/plain\r\n\r\nhello";
            yield return Encoding.UTF8.GetBytes(invite);
            foreach (var method in new[] { "BYE", "ACK", "UPDATE", "INFO", "OPTIONS", "CANCEL" })
                yield return Encoding.UTF8.GetBytes($"{method} {call.Target} SIP/2.0\r\n{Common(method, theirs, us, call)}{field}\r\n");
            foreach (var status in new[] { "200 OK", "183 Progress", "486 Busy" })
            {
                yield return Encoding.UTF8.GetBytes($"SIP/2.0 {status}\r\nVia: SIP/2.0/UDP 127.0.0.1:{Node.SipPort};branch=z9hG4bKguess\r\nFrom: {theirs}\r\n" +
                    $"To: <{call.LocalUri}>;tag=any\r\n" +
                    $"Call-ID: {call.CallId}\r\nCSeq: 1 INVITE\r\n{field}\r\n");
            }
        }
    }

    private static string Common(string method, string to, IPEndPoint us, PhoneCall call) =>
        $"Via: SIP/2.0/UDP {us};branch=z9hG4bKstorm;rport\r\nFrom: <{call.LocalUri}>;tag=any\r\nTo: {to}\r\nCall-ID: {call.CallId}\r\nCSeq: 7 {method}\r\n";
}
