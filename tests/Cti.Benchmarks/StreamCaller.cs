using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;

namespace Cti.Benchmarks;

/// <summary>Calls over a few connections, TCP or TLS: INVITE, ACK, a pause, BYE. SIPp as Debian has it speaks no TLS.</summary>
internal sealed class StreamCaller : IAsyncDisposable
{
    private const int Connections = 8, HoldMillis = 100;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly string _run = Guid.NewGuid().ToString("n")[..8];
    private readonly bool _isTls;
    private readonly List<Line> _lines = [];
    private readonly ConcurrentDictionary<string, TaskCompletionSource> _calls = [];
    private int _number, _failed;

    private StreamCaller(bool isTls) => _isTls = isTls;

    public static async Task<StreamCaller> ConnectAsync(int port, bool isTls)
    {
        var caller = new StreamCaller(isTls);
        for (var i = 0; i < Connections; i++) caller._lines.Add(new Line(caller, await DialAsync(port, isTls)));
        return caller;
    }

    /// <summary>A connection to the node; whatever its certificate says is believed, since only the work is measured.</summary>
    [SuppressMessage("Security", "CA5359", Justification = "Nothing but the benchmark's own node listens there.")]
    public static async Task<Stream> DialAsync(int port, bool isTls)
    {
        var client = new TcpClient { NoDelay = true };
        await client.ConnectAsync(IPAddress.Loopback, port);
        if (!isTls) return client.GetStream();
        var secure = new SslStream(client.GetStream());
        await secure.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
        {
            TargetHost = "localhost", RemoteCertificateValidationCallback = static (_, _, _, _) => true, AllowTlsResume = false,
        });
        return secure;
    }

    /// <summary>So many calls a second for so long; answers how many ended well and how many did not.</summary>
    public async Task<(int Succeeded, int Failed)> RunAsync(int rate, int seconds)
    {
        var (began, failed) = (Stopwatch.GetTimestamp(), _failed);
        List<Task> all = [];
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(5));
        while (all.Count < rate * seconds)
        {
            await tick.WaitForNextTickAsync();
            var due = Math.Min(rate * seconds, (int)(Stopwatch.GetElapsedTime(began).TotalSeconds * rate));
            while (all.Count < due) all.Add(CallAsync());
        }
        await Task.WhenAll(all);
        return (all.Count - (_failed - failed), _failed - failed);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var line in _lines) await line.DisposeAsync();
    }

    private async Task CallAsync()
    {
        var number = Interlocked.Increment(ref _number);
        var id = string.Create(CultureInfo.InvariantCulture, $"{_run}-{number}");
        var over = _calls[id] = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var line = _lines[number % _lines.Count];
        var sdp = string.Create(CultureInfo.InvariantCulture, $"v=0\r\no=bench 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            + $"m=audio {RtpSink.Port} RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n");
        await line.SendAsync(Request("INVITE", "sip:bench@127.0.0.1", id, 1, "<sip:bench@127.0.0.1>", sdp));
        try
        {
            await over.Task.WaitAsync(Patience);
        }
        catch (Exception e) when (e is TimeoutException or InvalidOperationException)
        {
            Interlocked.Increment(ref _failed);
        }
        _calls.TryRemove(id, out _);
    }

    private string Request(string method, string uri, string id, int cseq, string to, string body)
    {
        var transport = _isTls ? "TLS" : "TCP";
        var type = body.Length > 0 ? "Content-Type: application/sdp\r\n" : "";
        return string.Create(CultureInfo.InvariantCulture, $"{method} {uri} SIP/2.0\r\n"
            + $"Via: SIP/2.0/{transport} 127.0.0.1:5;branch=z9hG4bK{id}{cseq}{method}\r\nFrom: <sip:caller@127.0.0.1>;tag=t{id}\r\n"
            + $"To: {to}\r\nCall-ID: {id}\r\nCSeq: {cseq} {method}\r\n"
            + $"Contact: <sip:caller@127.0.0.1:5;transport={transport}>\r\nMax-Forwards: 70\r\n{type}Content-Length: {body.Length}\r\n\r\n{body}");
    }

    private async Task HeardAsync(Line line, string head)
    {
        string Header(string name)
        {
            var at = head.IndexOf("\r\n" + name + ":", StringComparison.OrdinalIgnoreCase);
            if (at < 0) return "";
            at += name.Length + 3;
            return head[at..head.IndexOf("\r\n", at, StringComparison.Ordinal)].Trim();
        }

        if (!head.StartsWith("SIP/2.0 ", StringComparison.Ordinal) || head[8] == '1' || !_calls.TryGetValue(Header("Call-ID"), out var over)) return;
        var (id, method) = (Header("Call-ID"), Header("CSeq"));
        if (head[8] != '2')
        {
            over.TrySetException(new InvalidOperationException(head[..head.IndexOf("\r\n", StringComparison.Ordinal)]));
        }
        else if (method.EndsWith("BYE", StringComparison.Ordinal))
        {
            over.TrySetResult();
        }
        else
        {
            var (to, contact) = (Header("To"), Header("Contact"));
            var target = contact[(contact.IndexOf('<', StringComparison.Ordinal) + 1)..contact.IndexOf('>', StringComparison.Ordinal)];
            await line.SendAsync(Request("ACK", target, id, 1, to, ""));
            await Task.Delay(HoldMillis);
            await line.SendAsync(Request("BYE", target, id, 2, to, ""));
        }
    }

    /// <summary>A connection: what is sent, one after the other, and what is read, message by message.</summary>
    private sealed class Line : IAsyncDisposable
    {
        private readonly StreamCaller _caller;
        private readonly Stream _stream;
        private readonly SemaphoreSlim _sending = new(1, 1);
        private readonly Task _reading;

        public Line(StreamCaller caller, Stream stream)
        {
            (_caller, _stream) = (caller, stream);
            _reading = ReadAsync();
        }

        public async Task SendAsync(string text)
        {
            await _sending.WaitAsync();
            try
            {
                await _stream.WriteAsync(Encoding.ASCII.GetBytes(text));
            }
            finally
            {
                _sending.Release();
            }
        }

        public async ValueTask DisposeAsync()
        {
            await _stream.DisposeAsync();
            await _reading;
            _sending.Dispose();
        }

        private async Task ReadAsync()
        {
            var (buffer, held) = (new byte[256 << 10], 0);
            try
            {
                for (int got; (got = await _stream.ReadAsync(buffer.AsMemory(held))) > 0;)
                {
                    held += got;
                    var at = 0;
                    while (Next(buffer.AsSpan(at, held - at), out var head) is > 0 and var length)
                    {
                        at += length;
                        _ = _caller.HeardAsync(this, head);
                    }
                    buffer.AsSpan(at, held - at).CopyTo(buffer);
                    held -= at;
                }
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException)
            {
                // It was closed.
            }
        }

        /// <summary>The length of the message at the beginning; 0 where it is not whole.</summary>
        private static int Next(ReadOnlySpan<byte> bytes, out string head)
        {
            head = "";
            var end = bytes.IndexOf("\r\n\r\n"u8);
            if (end < 0) return 0;
            head = Encoding.UTF8.GetString(bytes[..(end + 2)]);
            var at = head.IndexOf("Content-Length:", StringComparison.OrdinalIgnoreCase);
            var body = at < 0 ? 0 : int.Parse(head.AsSpan(at + 15, head.IndexOf("\r\n", at, StringComparison.Ordinal) - at - 15), CultureInfo.InvariantCulture);
            return bytes.Length < end + 4 + body ? 0 : end + 4 + body;
        }
    }
}
