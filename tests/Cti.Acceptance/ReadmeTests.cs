using System.Diagnostics;
using System.Text;
using System.Text.RegularExpressions;
using Cti.Acceptance.Infrastructure;

namespace Cti.Acceptance;

/// <summary>The first applications of the README, word for word but for the port: each takes a call, collects a key and hangs up.</summary>
public sealed partial class ReadmeTests
{
    [Theory]
    [InlineData("python", "app.py", "python3", "python3")]
    [InlineData("js", "app.js", "node", "nodejs")]
    [InlineData("csharp", "app.cs", "dotnet", "dotnet-sdk-10.0")]
    public async Task A_first_application_answers_collects_a_key_and_hangs_up(string language, string file, string program, string package)
    {
        await using var node = await NodeProcess.StartAsync();
        var source = Snippet(language).Replace("127.0.0.1:8080", $"127.0.0.1:{node.HttpPort}", StringComparison.Ordinal);
        await File.WriteAllTextAsync(Path.Combine(node.Folder, file), source);
        var said = new StringBuilder();
        using var application = Start(said, Tools.Find(program, package), program == "dotnet" ? ["run", file] : [file], node.Folder);
        try
        {
            await using var phone = new TestPhone();
            await ListensAsync(node);
            await using var watcher = await RpcClient.ConnectAsync(node);
            var call = await phone.CallAnsweredAsync(node, "hello");
            // Keys count from when the application asks for them, which may be a while after the answer where it is compiled as it runs.
            var res = await watcher.IncomingAsync("hello");
            await Patience.UntilAsync(async () => (string?)(await watcher.AskAsync("sys.call.get", new { res_id = res }))!["state"] == "ReceiveDtmf",
                "the application asks for keys");
            await call.Rtp.PressAsync("4#");
            await call.ByeAsync(TimeSpan.FromSeconds(10));
        }
        catch (Exception fault) when (fault is not OperationCanceledException)
        {
            lock (said) throw new InvalidOperationException($"{fault.Message}; the application said: {said}", fault);
        }
        finally
        {
            application.Kill(entireProcessTree: true);
            await application.WaitForExitAsync();
        }
    }

    /// <summary>Waits until the application has its events; what it is built with may take a while.</summary>
    private static async Task ListensAsync(NodeProcess node)
    {
        using var http = new HttpClient();
        var patience = Stopwatch.StartNew();
        while (!Connections().IsMatch(await http.GetStringAsync(new Uri($"{node.Url}/metrics"))))
        {
            patience.Elapsed.ShouldBeLessThan(TimeSpan.FromMinutes(2), "the application never connected");
            using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
            await tick.WaitForNextTickAsync();
        }
    }

    private static string Snippet(string language)
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Cti.Actors.sln")))
            folder = Path.GetDirectoryName(folder) ?? throw new FileNotFoundException("Cti.Actors.sln");
        var text = File.ReadAllText(Path.Combine(folder, "README.md"));
        return Regex.Match(text, $"```{language}\n(.*?)```", RegexOptions.Singleline).Groups[1].Value;
    }

    private static Process Start(StringBuilder said, string program, string[] arguments, string folder)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        // What the test's own SDK process set up for itself would lead another one astray.
        foreach (var name in start.Environment.Keys.Where(static name => name.StartsWith("MSBUILD", StringComparison.OrdinalIgnoreCase)).ToList())
            start.Environment.Remove(name);
        var process = Process.Start(start)!;
        process.OutputDataReceived += (_, line) => Note(line.Data);
        process.ErrorDataReceived += (_, line) => Note(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;

        void Note(string? line)
        {
            lock (said) said.AppendLine(line);
        }
    }

    [GeneratedRegex(@"^cti_gateway_connections\S* [1-9]", RegexOptions.Multiline)]
    private static partial Regex Connections();
}
