using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Cti.Testing;

namespace Cti.Acceptance.Infrastructure;

/// <summary>The softphone baresip without sound devices: it says a tone, and what it hears goes to a file.</summary>
internal sealed class Baresip : IAsyncDisposable
{
    private readonly Process _process;
    private readonly string _folder;
    private readonly int _console;
    private readonly UdpClient _control = new(new IPEndPoint(IPAddress.Loopback, 0));
    private readonly StringBuilder _output = new();

    private Baresip(Process process, string folder, int console)
    {
        _process = process;
        _folder = folder;
        _console = console;
        process.OutputDataReceived += (_, e) => Take(e.Data);
        process.ErrorDataReceived += (_, e) => Take(e.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <summary>Where it listens.</summary>
    public int SipPort { get; private init; }

    /// <summary>Where it listens for TLS, with a certificate.</summary>
    public int TlsPort { get; private init; }

    /// <summary>The channels of what <see cref="Heard"/> answers.</summary>
    public int HeardChannels { get; private set; } = 1;

    public string Output
    {
        get
        {
            lock (_output) return _output.ToString();
        }
    }

    /// <summary>The last of what it said.</summary>
    public string LastWords => Output is { Length: > 600 } said ? said[^600..] : Output;

    /// <summary>Starts it.</summary>
    /// <param name="minutes">How long its file is, 2 or more: at its end it hangs up. It speaks for 2 minutes, or for a moment of a longer one.</param>
    /// <param name="certificate">Its certificate and key for TLS, with whom it trusts; null: without TLS.</param>
    /// <param name="answers">Whether it answers by itself.</param>
    /// <param name="srtp">How it protects sound: srtp (best effort), srtp-mand (always); null: not.</param>
    /// <param name="codec">The codec that it has, as it names it.</param>
    /// <param name="rate">Samples a second of that codec's sound.</param>
    public static async Task<Baresip> StartAsync(int minutes = 2, (string Own, string Trusted)? certificate = null, bool answers = false, string? srtp = null,
        string codec = "PCMA", int rate = 8_000)
    {
        var program = Tools.Find("baresip", "baresip-core");
        var modules = new[] { "/usr/lib/baresip/modules", "/usr/lib64/baresip/modules" }.FirstOrDefault(Directory.Exists)
            ?? throw new InvalidOperationException("baresip's modules are missing; on Debian: apt-get install baresip-core");
        var folder = Directory.CreateTempSubdirectory("cti-baresip-").FullName;
        int sip = Ports.Free(), console = Ports.Free();
        await File.WriteAllTextAsync(Path.Combine(folder, "config"), string.Create(CultureInfo.InvariantCulture, $"""
            sip_listen 127.0.0.1:{sip}
            net_interface 127.0.0.1
            audio_source aufile,{folder}/says.wav
            audio_player aubridge,player
            audio_alert aubridge,alert
            module_path {modules}
            module cons.so
            module g711.so
            {(codec == "PCMA" ? "" : $"module {codec.Split('/')[0].ToLowerInvariant()}.so")}
            {(srtp is null ? "" : "module srtp.so")}
            module aufile.so
            module aubridge.so
            module sndfile.so
            module_tmp account.so
            module_app menu.so
            cons_listen 127.0.0.1:{console}
            snd_path {folder}
            {(certificate is { } tls ? $"sip_certificate {tls.Own}\nsip_cafile {tls.Trusted}" : "")}

            """));
        await File.WriteAllTextAsync(Path.Combine(folder, "accounts"), $"<sip:tester@127.0.0.1:{sip}{(certificate is null ? "" : ";transport=tls")}>;regint=0;"
            + $"audio_codecs={codec}{(answers ? ";answermode=auto" : "")}{(srtp is null ? "" : $";mediaenc={srtp}")}\n");
        await File.WriteAllTextAsync(Path.Combine(folder, "contacts"), "");
        // Its file has to have the codec's rate and channels.
        var channels = codec.EndsWith("/2", StringComparison.Ordinal) ? 2 : 1;
        var seconds = minutes > 2 ? 2 : 60;
        var spoken = Sound.Rising(seconds, rate).SelectMany(sample => Enumerable.Repeat(sample, channels)).SelectMany(BitConverter.GetBytes).ToArray();
        Sound.Write(folder, "says.wav", Sound.Pcm, minutes > 2 ? spoken : [.. spoken, .. spoken], rate, channels,
            silent: minutes > 2 ? ((minutes * 60) - seconds) * rate * channels * 2 : 0);
        var process = Process.Start(new ProcessStartInfo(program, ["-f", folder])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            WorkingDirectory = folder,
        })!;
        process.StandardInput.Close();
        var baresip = new Baresip(process, folder, console) { SipPort = sip, TlsPort = sip + 1 };
        try
        {
            await Patience.UntilAsync(() => baresip.Output.Contains("baresip is ready", StringComparison.Ordinal) || process.HasExited, "baresip is ready");
            process.HasExited.ShouldBeFalse(baresip.Output);
            return baresip;
        }
        catch
        {
            await baresip.DisposeAsync();
            throw;
        }
    }

    public void Dial(string uri) => Console($"/dial {uri}\n");

    public void HangUp() => Console("b");

    /// <summary>Asks the other end to call somebody else.</summary>
    public void Transfer(string uri) => Console($"/transfer {uri}\n");

    /// <summary>Presses a key for a moment; the end of a transmission is baresip's sign that a key is released.</summary>
    public async Task PressAsync(char key)
    {
        Console(key.ToString());
        await Patience.Elapses(TimeSpan.FromMilliseconds(120));
        Console("\u0004");
        await Patience.Elapses(TimeSpan.FromMilliseconds(120));
    }

    /// <summary>What was heard so far; the file's header is complete only after the call.</summary>
    public short[] Heard()
    {
        var file = Directory.GetFiles(_folder, "dump-*dec.wav").FirstOrDefault();
        if (file is null) return [];
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        if (bytes.Length <= 44) return [];
        HeardChannels = BitConverter.ToInt16(bytes, 22);
        var samples = new short[(bytes.Length - 44) / 2];
        Buffer.BlockCopy(bytes, 44, samples, 0, samples.Length * 2);
        return samples;
    }

    /// <summary>How many samples of all that was heard so far are not silence: a new description of the far end's may begin a new file.</summary>
    public int Loud() => Directory.GetFiles(_folder, "dump-*dec.wav").Sum(static file =>
    {
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var bytes = new byte[stream.Length];
        var length = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        return length <= 44
            ? 0
            : MemoryMarshal.Cast<byte, short>(bytes.AsSpan(44, (length - 44) & ~1)).ToArray().Count(static sample => Math.Abs((int)sample) > 500);
    });

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
        }
        _process.Dispose();
        _control.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private void Console(string text) => _control.Send(Encoding.UTF8.GetBytes(text), new IPEndPoint(IPAddress.Loopback, _console));

    private void Take(string? line)
    {
        if (line is null) return;
        lock (_output) _output.AppendLine(line);
    }
}
