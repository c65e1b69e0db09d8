using System.Net;
using System.Net.Sockets;
using System.Text;
using Cti.Kernel;
using Cti.Media;
using Cti.Media.Files;
using Cti.Transport.Speech;

namespace Cti.Transport.Tests.Speech;

/// <summary>A speech service on the loopback, good and bad.</summary>
public sealed class HttpSpeechEngineTests : IDisposable
{
    private readonly SpeechService _service = new();

    public void Dispose() => _service.Dispose();

    private HttpSpeechEngine Engine(string path = "/speak?lang={lang}", int timeoutMillis = 10_000) =>
        new(new HttpSpeechOptions(_service.Url + path, [("Authorization", "Bearer key-1"), ("X-Speed", "2")], TimeSpan.FromMilliseconds(timeoutMillis)));

    [Fact]
    public void The_text_is_posted_and_the_wav_is_the_sound()
    {
        using var engine = Engine();
        engine.Speak("zh-CN", "你好 & {text}").Prompt!.Encoded(AudioCodec.Pcma).ToArray().ShouldBe(SpeechService.Sound);
        var request = _service.Requests.ShouldHaveSingleItem();
        request.ShouldStartWith("POST /speak?lang=zh-CN HTTP/1.1\r\n");
        request.ShouldContain("\r\nAuthorization: Bearer key-1\r\n");
        request.ShouldContain("\r\nX-Speed: 2\r\n");
        request.ShouldContain("Content-Type: text/plain; charset=utf-8\r\n");
        request.ShouldContain("Content-Language: zh-CN\r\n");
        request.ShouldEndWith("\r\n\r\n你好 & {text}");
    }

    [Fact]
    public void With_a_place_for_it_the_text_goes_into_the_url_and_stays_text()
    {
        using var engine = Engine("/{lang}/speak?q={text}&fast=1");
        engine.Speak("en-US", "a/b?c&d=#{lang} ü").Prompt.ShouldNotBeNull();
        _service.Requests.ShouldHaveSingleItem().ShouldStartWith("GET /en-US/speak?q=a%2Fb%3Fc%26d%3D%23%7Blang%7D%20%C3%BC&fast=1 HTTP/1.1\r\n");
    }

    [Theory]
    [InlineData("500", MediaOutcome.Failed, "answered 500")]
    [InlineData("302", MediaOutcome.Failed, "answered 302")]
    [InlineData("text", MediaOutcome.Unsupported, "no WAV file")]
    [InlineData("endless", MediaOutcome.Unsupported, "answered over 33554432 bytes")]
    [InlineData("cut", MediaOutcome.Failed, "cannot be reached")]
    public void A_service_that_fails_is_told_without_its_keys_and_the_text(string behaviour, MediaOutcome outcome, string detail)
    {
        using var engine = Engine("/" + behaviour + "?key=hidden");
        var load = engine.Speak("en-US", "secret text");
        load.Outcome.ShouldBe(outcome, load.Detail);
        load.Detail!.ShouldContain(detail);
        load.Detail!.ShouldNotContain("secret");
        load.Detail!.ShouldNotContain("hidden");
        _service.Requests.Count.ShouldBe(1);
    }

    [Theory]
    [InlineData("silent")]
    [InlineData("slow")]
    public void A_service_that_does_not_answer_in_time_fails(string behaviour)
    {
        using var engine = Engine("/" + behaviour, timeoutMillis: 300);
        var load = engine.Speak("en-US", "text");
        load.Outcome.ShouldBe(MediaOutcome.Failed);
        load.Detail.ShouldBe("text to speech: the service of cti.tts.http.url did not answer within 0.3 s (cti.tts.timeout)");
    }

    [Fact]
    public void A_service_that_is_not_there_fails()
    {
        using var engine = Engine();
        _service.Dispose();
        engine.Speak("en-US", "text").Outcome.ShouldBe(MediaOutcome.Failed);
    }

    [Fact]
    public void What_was_made_once_is_not_asked_for_again()
    {
        using var engine = Engine();
        var cache = new SpeechCache(engine, 1_000_000);
        cache.IsReady("en-US", "Hello").ShouldBeFalse();
        var first = cache.Speak("en-US", "Hello").Prompt.ShouldNotBeNull();
        cache.IsReady("en-US", "Hello").ShouldBeTrue();
        cache.Speak("en-US", "Hello").Prompt.ShouldBeSameAs(first);
        _service.Requests.Count.ShouldBe(1);
        cache.Speak("zh-CN", "Hello").Prompt.ShouldNotBeSameAs(first);
        _service.Requests.Count.ShouldBe(2);
    }
}

/// <summary>What is kept, and for how long.</summary>
public sealed class SpeechCacheTests
{
    private sealed class Engine : ISpeechEngine
    {
        private int _calls;

        public int Calls => Volatile.Read(ref _calls);

        public bool Fails { get; set; }

        public ManualResetEventSlim Gate { get; } = new(initialState: true);

        public PromptLoad Speak(string language, string text)
        {
            Interlocked.Increment(ref _calls);
            Gate.Wait(TimeSpan.FromSeconds(20)).ShouldBeTrue();
            return Fails
                ? new PromptLoad(MediaOutcome.Failed, null, "no")
                : new PromptLoad(MediaOutcome.Completed, Prompt.FromLinear(new short[1000]), null);
        }
    }

    [Fact]
    public void Who_asks_meanwhile_waits_for_the_same_sound()
    {
        var engine = new Engine();
        engine.Gate.Reset();
        var cache = new SpeechCache(engine, 1_000_000);
        var loads = new PromptLoad[4];
        var threads = Enumerable.Range(0, 4).Select(i => new Thread(() => loads[i] = cache.Speak("en-US", "a"))).ToArray();
        foreach (var thread in threads) thread.Start();
        SpinWait.SpinUntil(() => engine.Calls == 1, TimeSpan.FromSeconds(20)).ShouldBeTrue();
        engine.Gate.Set();
        foreach (var thread in threads) thread.Join();
        engine.Calls.ShouldBe(1);
        loads.Select(load => load.Prompt).Distinct().ShouldHaveSingleItem().ShouldNotBeNull();
    }

    [Fact]
    public void It_keeps_to_its_bytes_and_forgets_failures()
    {
        var engine = new Engine();
        var cache = new SpeechCache(engine, 9_000);
        foreach (var text in (string[])["a", "b", "a", "c"]) cache.Speak("en-US", text);
        (engine.Calls, cache.Bytes).ShouldBe((3, 8_000L));
        (cache.IsReady("en-US", "a"), cache.IsReady("en-US", "b"), cache.IsReady("en-US", "c")).ShouldBe((true, false, true));
        engine.Fails = true;
        cache.Speak("en-US", "d").Detail.ShouldBe("no");
        engine.Fails = false;
        cache.Speak("en-US", "d").Prompt.ShouldNotBeNull();
        engine.Calls.ShouldBe(5);
    }
}

/// <summary>Answers as its path says; keeps what it was asked.</summary>
internal sealed class SpeechService : IDisposable
{
    public static readonly byte[] Sound = [.. Enumerable.Range(0, 200).Select(i => (byte)i)];
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly List<TcpClient> _clients = [];
    private readonly List<string> _requests = [];
    private readonly Thread _thread;

    public SpeechService()
    {
        _listener.Start();
        Url = $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";
        _thread = new Thread(Run) { IsBackground = true };
        _thread.Start();
    }

    public string Url { get; }

    public List<string> Requests
    {
        get
        {
            lock (_requests) return [.. _requests];
        }
    }

    public void Dispose()
    {
        _listener.Stop();
        _thread.Join();
        foreach (var client in _clients) client.Dispose();
    }

    private void Run()
    {
        try
        {
            while (true)
            {
                var client = _listener.AcceptTcpClient();
                _clients.Add(client);
                // One request a connection: the answers say so.
                Answer(client);
            }
        }
        catch (Exception stopped) when (stopped is SocketException or InvalidOperationException)
        {
            // No more requests.
        }
    }

    private void Answer(TcpClient client)
    {
        var stream = client.GetStream();
        var request = Read(stream);
        // Who gives up while connecting, on a busy machine, has asked nothing.
        if (!request.Contains("\r\n\r\n", StringComparison.Ordinal)) return;
        lock (_requests) _requests.Add(request);
        try
        {
            var behaviour = request.Split(' ')[1].Split('?')[0].Trim('/');
            switch (behaviour)
            {
                case "silent":
                    return;
                case "500" or "302":
                    Send(stream, $"HTTP/1.1 {behaviour} x\r\nLocation: {Url}/speak\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", []);
                    break;
                case "text":
                    Send(stream, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n", "hello"u8);
                    break;
                case "slow":
                    Send(stream, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\nConnection: close\r\n\r\n", "RIFF"u8);
                    return;
                case "cut":
                    Send(stream, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\nConnection: close\r\n\r\n", "RIFF"u8);
                    break;
                case "endless":
                    Send(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", []);
                    for (var i = 0; i < (Limits.SpeechSoundBytesMax >> 16) + 100; i++) stream.Write(new byte[65_536]);
                    break;
                default:
                    var wav = Wav();
                    Send(stream, $"HTTP/1.1 200 OK\r\nContent-Type: audio/wav\r\nContent-Length: {wav.Length}\r\nConnection: close\r\n\r\n", wav);
                    break;
            }
            client.Close();
        }
        catch (IOException)
        {
            // The engine had enough.
        }
    }

    private static void Send(NetworkStream stream, string head, ReadOnlySpan<byte> body)
    {
        stream.Write(Encoding.ASCII.GetBytes(head));
        stream.Write(body);
    }

    private static string Read(NetworkStream stream)
    {
        var bytes = new List<byte>();
        while (true)
        {
            var text = Encoding.UTF8.GetString([.. bytes]);
            var end = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
            if (end >= 0)
            {
                var at = text.IndexOf("Content-Length: ", StringComparison.OrdinalIgnoreCase);
                var length = at < 0 || at > end ? 0 : int.Parse(text[(at + 16)..text.IndexOf('\r', at)], System.Globalization.CultureInfo.InvariantCulture);
                if (bytes.Count >= Encoding.UTF8.GetByteCount(text[..(end + 4)]) + length) return text;
            }
            try
            {
                var next = stream.ReadByte();
                if (next < 0) return text;
                bytes.Add((byte)next);
            }
            catch (IOException)
            {
                return "";
            }
        }
    }

    private static byte[] Wav()
    {
        using var memory = new MemoryStream();
        using var file = new BinaryWriter(memory);
        file.Write("RIFF"u8);
        file.Write(36 + Sound.Length);
        file.Write("WAVEfmt "u8);
        file.Write(16);
        file.Write((short)6);
        file.Write((short)1);
        file.Write(8000);
        file.Write(8000);
        file.Write((short)1);
        file.Write((short)8);
        file.Write("data"u8);
        file.Write(Sound.Length);
        file.Write(Sound);
        return memory.ToArray();
    }
}
