using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Cti.Testing;

namespace Cti.Acceptance.Infrastructure;

/// <summary>The softphone linphone on its console and without sound devices: it says a file, and what it hears goes to another.</summary>
internal sealed class Linphone : IAsyncDisposable
{
    private readonly Process _process;
    private readonly string _folder;
    private readonly StringBuilder _output = new();

    private Linphone(Process process, string folder)
    {
        _process = process;
        _folder = folder;
        process.OutputDataReceived += (_, e) => Take(e.Data);
        process.ErrorDataReceived += (_, e) => Take(e.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <summary>Where it listens.</summary>
    public int SipPort { get; private init; }

    /// <summary>The last of what it said of itself.</summary>
    public string LastWords
    {
        get
        {
            lock (_output) return _output.Length > 1000 ? _output.ToString(_output.Length - 1000, 1000) : _output.ToString();
        }
    }

    /// <summary>What it noted of its messages and its media.</summary>
    public string Log()
    {
        using var reader = new StreamReader(new FileStream(Path.Combine(_folder, "log"), FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        return reader.ReadToEnd();
    }

    /// <summary>Starts it.</summary>
    /// <param name="answers">Whether it answers by itself.</param>
    /// <param name="transport">udp, tcp or tls.</param>
    /// <param name="trusted">The authorities that it trusts, for TLS.</param>
    /// <param name="protects">Whether its sound has to be protected.</param>
    /// <param name="more">Other lines of what its configuration says of SIP.</param>
    public static async Task<Linphone> StartAsync(bool answers = false, string transport = "udp", string? trusted = null, bool protects = false,
        string more = "")
    {
        var program = Tools.Find("linphonec", "linphone-cli");
        var folder = Directory.CreateTempSubdirectory("cti-linphone-").FullName;
        var sip = Ports.Free();
        // Without this folder its core does not start, and it says nothing of it.
        Directory.CreateDirectory(Path.Combine(folder, ".local", "share", "linphone"));
        await File.WriteAllTextAsync(Path.Combine(folder, "rc"), string.Create(CultureInfo.InvariantCulture, $"""
            [sip]
            sip_port={(transport == "udp" ? sip : 0)}
            sip_tcp_port={(transport == "tcp" ? sip : 0)}
            sip_tls_port={(transport == "tls" ? sip : 0)}
            contact=sip:tester@127.0.0.1{(transport == "udp" ? "" : ";transport=" + transport)}
            root_ca={trusted}
            media_encryption={(protects ? "srtp" : "none")}
            media_encryption_mandatory={(protects ? 1 : 0)}
            {more}

            [rtp]
            audio_rtp_port={Ports.Free()}

            """));
        Sound.Write(folder, "says.wav", Sound.Pcm, [.. Sound.Rising(60).SelectMany(BitConverter.GetBytes)]);
        string[] arguments = ["-c", Path.Combine(folder, "rc"), "-l", Path.Combine(folder, "log"), "-d", "6", .. answers ? ["-a"] : Array.Empty<string>()];
        var process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            WorkingDirectory = folder,
            Environment = { ["HOME"] = folder },
        })!;
        var linphone = new Linphone(process, folder) { SipPort = sip };
        try
        {
            // On a machine with both it describes its sound by IPv6, wherever it calls.
            await linphone.SayAsync("ipv6 disable", "ipv6 use disabled");
            await linphone.SayAsync("soundcard use files", "wav files instead of soundcard");
            await linphone.SayAsync($"record {folder}/heard.wav", "record");
            await linphone.SayAsync($"play {folder}/says.wav", "play");
            return linphone;
        }
        catch
        {
            await linphone.DisposeAsync();
            throw;
        }
    }

    public Task DialAsync(string uri) => SayAsync($"call {uri}", "in progress");

    /// <summary>Asks the other end of one of its calls to be connected with that of another one, in its place.</summary>
    /// <param name="call">Its number, counted from 1.</param>
    /// <param name="other">The other one's.</param>
    public Task TransferAsync(int call, int other) =>
        SayAsync(string.Create(CultureInfo.InvariantCulture, $"transfer {call} --to-call {other}"), "transfer");

    /// <summary>Puts its call on hold, so that it may make another one.</summary>
    public Task PauseAsync() => SayAsync("pause", "paused");

    public Task HangUpAsync() => SayAsync("terminate", "ended");

    /// <summary>What was heard so far, one channel at the rate of the codec's sound.</summary>
    public short[] Heard()
    {
        var file = Path.Combine(_folder, "heard.wav");
        if (!File.Exists(file)) return [];
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        // The header is complete only after the call.
        return bytes.Length <= 44 ? [] : MemoryMarshal.Cast<byte, short>(bytes.AsSpan(44, (bytes.Length - 44) & ~1)).ToArray();
    }

    /// <summary>How many samples of what was heard so far are not silence.</summary>
    public int Loud() => Heard().Count(static sample => Math.Abs((int)sample) > 500);

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
        }
        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task SayAsync(string command, string until)
    {
        int before;
        lock (_output) before = _output.Length;
        await _process.StandardInput.WriteLineAsync(command);
        await _process.StandardInput.FlushAsync();
        await Patience.UntilAsync(() =>
        {
            lock (_output) return _process.HasExited || _output.ToString(before, _output.Length - before).Contains(until, StringComparison.Ordinal);
        }, $"linphone does \"{command}\"; it says {LastWords}");
        _process.HasExited.ShouldBeFalse(LastWords);
    }

    private void Take(string? line)
    {
        if (line is null) return;
        lock (_output) _output.AppendLine(line);
    }
}
