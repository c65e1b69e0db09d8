using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using Cti.Acceptance.Infrastructure;
using Cti.Testing;

namespace Cti.Acceptance.Cluster;

/// <summary>CLUSTER.md, "Try it on one machine": its commands, word for word but for the ports and the database, do what it says.</summary>
public sealed partial class ManualTests
{
    private static readonly TimeSpan LongEnough = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task The_commands_of_the_manual_start_a_cluster_that_keeps_its_call()
    {
        var blocks = Blocks();
        blocks.Length.ShouldBe(5);
        await using var database = await PostgreSqlServer.StartAsync();
        await using var shell = new Shell(database.ConnectionString());
        await using var farm = new PhoneFarm(IPAddress.Loopback);

        await shell.RunAsync(blocks[0]);
        await BalancedAsync(shell, blocks[1]);
        await shell.RunAsync(blocks[2]);
        await Patience.UntilAsync(() => shell.Read("app.log").Contains("events from", StringComparison.Ordinal), "the application has its events", LongEnough);
        var call = farm.Call("hello", new IPEndPoint(IPAddress.Parse("127.0.0.12"), shell.SipPort));
        await Patience.UntilAsync(() => call.Phase == CallPhase.Up, "the application answers", LongEnough);

        var killed = await shell.RunAsync(blocks[3]);
        CallCount().Matches(killed).Select(static m => m.Value).ShouldBe(["1 call", "1 call"], killed);
        await BalancedAsync(shell, blocks[1]);
        call.Phase.ShouldBe(CallPhase.Up, "its node died, the call did not");

        var drained = await shell.RunAsync(blocks[4]);
        drained.ShouldContain("node3 is empty and may be stopped");
        Regex.Replace(drained, " +", " ").ShouldMatch("│ node1 │ gateway, media │ \\S+ │ [1-9]");
        call.Phase.ShouldBe(CallPhase.Up);
        call.HangUp();
        await Patience.UntilAsync(() => call.Phase == CallPhase.Ended, "it is hung up", LongEnough);
        await Patience.UntilAsync(() => !shell.HasNodes, "the nodes end", LongEnough);
        farm.Complaints.ShouldBeEmpty();
    }

    /// <summary>Until the manual's own look shows three nodes with instances each.</summary>
    private static Task BalancedAsync(Shell shell, string status) => Patience.UntilAsync(async () =>
    {
        var text = Regex.Replace(await shell.RunAsync(status), " +", " ");
        return text.Contains("is ready", StringComparison.Ordinal) && text.Contains("3 nodes, 64 instances", StringComparison.Ordinal)
            && SharesOf().Count(text) == 3;
    }, "three nodes have their shares", LongEnough);

    private static string[] Blocks()
    {
        var text = File.ReadAllText(Path.Combine(Path.GetDirectoryName(ComposeConfigurationTests.Folder)!, "src", "CLUSTER.md"));
        var section =
            text[text.IndexOf("## Try it on one machine", StringComparison.Ordinal)..text.IndexOf("## Where calls survive", StringComparison.Ordinal)];
        return [.. Regex.Matches(section, "```sh\n(.*?)```", RegexOptions.Singleline).Select(static m => m.Groups[1].Value)];
    }

    [GeneratedRegex(@"\d+ calls?\b")]
    private static partial Regex CallCount();

    [GeneratedRegex(@"│ node\d │ gateway, media │ \S+ │ [1-9]")]
    private static partial Regex SharesOf();

    /// <summary>A shell in a folder with what the commands use; whatever they left running ends with it, by its id.</summary>
    private sealed class Shell : IAsyncDisposable
    {
        private readonly string _folder = Directory.CreateTempSubdirectory("cti-manual-").FullName;
        private readonly Process _process;
        private readonly (string, string)[] _ports;
        private int _number;

        public Shell(string database)
        {
            var root = Path.GetDirectoryName(ComposeConfigurationTests.Folder)!;
            SipPort = Ports.Free();
            _ports = [(":5060", Text(SipPort)), (":8080", Text(Ports.Free())), (":7400", Text(Ports.Free()))];
            Directory.CreateDirectory(Path.Combine(_folder, "config"));
            Directory.CreateDirectory(Path.Combine(_folder, "cluster-compose", "load"));
            File.WriteAllText(Path.Combine(_folder, "config", "loopback.conf"), Here(File.ReadAllText(Path.Combine(root, "config", "loopback.conf"))));
            File.Copy(Path.Combine(ComposeConfigurationTests.Folder, "load", "answer.py"), Path.Combine(_folder, "cluster-compose", "load", "answer.py"));
            var start = new ProcessStartInfo("bash", ["--noprofile", "--norc"])
            {
                WorkingDirectory = _folder, RedirectStandardInput = true, RedirectStandardOutput = true,
            };
            start.Environment["PATH"] = Path.GetDirectoryName(ClusterUnderTest.Program) + ":" + start.Environment["PATH"];
            start.Environment["TEST_DATABASE"] = database;
            _process = Process.Start(start)!;
        }

        public int SipPort { get; }

        public bool HasNodes => Directory.GetFiles(_folder, "node*.pid").Any(static file => Directory.Exists("/proc/" + File.ReadAllText(file).Trim()));

        public string Read(string file) => File.Exists(Path.Combine(_folder, file)) ? File.ReadAllText(Path.Combine(_folder, file)) : "";

        /// <summary>Runs commands and answers what they wrote.</summary>
        public async Task<string> RunAsync(string commands)
        {
            var mark = $"--- {++_number} is done ---";
            var text = DatabaseLine().Replace(Here(commands), "export DATABASE=$TEST_DATABASE");
            // What runs on in the background does not hold the shell's output open: it has a file of its own.
            await _process.StandardInput.WriteAsync($"{{\n{text}\n}} 2>&1\necho '{mark}'\n");
            await _process.StandardInput.FlushAsync();
            var said = new StringBuilder();
            while (await _process.StandardOutput.ReadLineAsync().WaitAsync(LongEnough * 2) is { } line)
            {
                if (line == mark) return said.ToString();
                said.AppendLine(line);
            }
            throw new InvalidOperationException($"the shell ended:\n{said}");
        }

        public async ValueTask DisposeAsync()
        {
            foreach (var file in Directory.GetFiles(_folder, "*.pid"))
            {
                using var kill = Process.Start(new ProcessStartInfo("kill", ["-KILL", File.ReadAllText(file).Trim()]) { RedirectStandardError = true })!;
                await kill.WaitForExitAsync();
            }
            _process.Kill();
            await _process.WaitForExitAsync();
            _process.Dispose();
            Directory.Delete(_folder, recursive: true);
        }

        private string Here(string text) => _ports.Aggregate(text, static (now, port) => now.Replace(port.Item1, ":" + port.Item2, StringComparison.Ordinal));

        private static string Text(int port) => port.ToString(CultureInfo.InvariantCulture);
    }

    [GeneratedRegex("^export DATABASE=.*$", RegexOptions.Multiline)]
    private static partial Regex DatabaseLine();
}
