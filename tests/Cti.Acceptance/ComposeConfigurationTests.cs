using System.Text.RegularExpressions;
using Cti.Acceptance.Infrastructure;

namespace Cti.Acceptance;

/// <summary>What cluster-compose/ gives to other programs is right for them, as they say themselves.</summary>
public sealed partial class ComposeConfigurationTests
{
    internal static readonly string Folder = Path.Combine(FindRoot(), "cluster-compose");

    private static string FindRoot()
    {
        var at = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(at.FullName, "Cti.Actors.sln"))) at = at.Parent!;
        return at.FullName;
    }

    [ProgramFact("/usr/sbin/kamailio", "kamailio")]
    public async Task Kamailio_takes_its_configuration()
    {
        var (code, text) = await Tools.RunAsync("/usr/sbin/kamailio", "kamailio",
            ["-c", "-f", Path.Combine(Folder, "kamailio", "kamailio.cfg"), "-l", "udp:127.0.0.1:5060", "-l", "tcp:127.0.0.1:9101"]);

        code.ShouldBe(0, text);
        text.ShouldContain("config file ok");
        text.ShouldNotContain("WARNING", customMessage: text);
    }

    [ProgramFact("/usr/bin/promtool", "prometheus")]
    public async Task Prometheus_takes_its_configuration()
    {
        var (code, text) = await Tools.RunAsync("promtool", "prometheus", ["check", "config", Path.Combine(Folder, "prometheus", "prometheus.yml")]);

        code.ShouldBe(0, text);
    }

    [Fact]
    public async Task Every_script_is_one_that_a_shell_or_Python_understands()
    {
        foreach (var script in (string[])["make-secrets.sh", "node/start.sh", "kamailio/start.sh", "load/start.sh"])
        {
            var (code, text) = await Tools.RunAsync("sh", "dash", ["-n", Path.Combine(Folder, script)]);
            code.ShouldBe(0, script + "\n" + text);
        }
        var (compiled, said) = await Tools.RunAsync("python3", "python3",
            ["-c", "import ast, sys; ast.parse(open(sys.argv[1]).read())", Path.Combine(Folder, "load", "answer.py")]);
        compiled.ShouldBe(0, said);
    }

    [Fact]
    public async Task Secrets_are_made_once_are_their_owners_alone_and_fit_each_other()
    {
        var folder = Directory.CreateTempSubdirectory("cti-secrets-");
        try
        {
            foreach (var file in (string[])[".env.example", "make-secrets.sh"]) File.Copy(Path.Combine(Folder, file), Path.Combine(folder.FullName, file));
            var script = Path.Combine(folder.FullName, "make-secrets.sh");
            (await Tools.RunAsync("sh", "dash", [script])).Code.ShouldBe(0);
            var made = Path.Combine(folder.FullName, ".env");
            File.GetUnixFileMode(made).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
            var values = File.ReadLines(made).Where(static line => line.Contains('=', StringComparison.Ordinal) && !line.StartsWith('#')).ToDictionary(
                static line => line[..line.IndexOf('=', StringComparison.Ordinal)], static line => line[(line.IndexOf('=', StringComparison.Ordinal) + 1)..]);
            values["APPLICATION_KEY_HASH"].ShouldBe("sha256:"
                + Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(values["APPLICATION_KEY"]))));
            values["CLUSTER_SECRET"].Length.ShouldBeGreaterThanOrEqualTo(32);
            values["POSTGRES_PASSWORD"].ShouldAllBe(static c => char.IsAsciiLetterOrDigit(c));

            var before = await File.ReadAllTextAsync(made);
            (await Tools.RunAsync("sh", "dash", [script])).Code.ShouldBe(1, "secrets that are there stay");
            (await File.ReadAllTextAsync(made)).ShouldBe(before);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task The_dashboard_asks_for_what_a_node_measures()
    {
        await using var node = await NodeProcess.StartAsync();
        await using var app = await RpcClient.ConnectAsync(node);
        await app.AskAsync("sys.call.list");
        using var http = new HttpClient();
        var measured = MetricType().Matches(await http.GetStringAsync(new Uri(node.Url + "/metrics"))).Select(static m => m.Groups[1].Value).ToHashSet();

        var asked = MetricName().Matches(await File.ReadAllTextAsync(Path.Combine(Folder, "grafana", "dashboards", "cluster.json")))
            .Select(m => measured.Contains(m.Value) ? m.Value : HistogramPart().Replace(m.Value, "")).ToHashSet();

        asked.Count.ShouldBeGreaterThan(60);
        asked.Except(measured).ShouldBeEmpty();
        var manual = MetricName().Matches(await File.ReadAllTextAsync(Path.Combine(Folder, "..", "src", "CLUSTER.md"))).Select(static m => m.Value).ToHashSet();
        manual.Except(measured).ShouldBeEmpty("CLUSTER.md tells of nothing that is not there");
        measured.Where(static name => Regex.IsMatch(name, "^cti_(cluster|link|journal)_")).Except(manual)
            .ShouldBeEmpty("and of everything of the cluster that is");
        measured.Where(static name => Regex.IsMatch(name, "^cti_(cluster|link|journal)_")).Except(asked).ShouldBeEmpty("which the dashboard shows");
    }

    [GeneratedRegex(@"^# TYPE (\S+) ", RegexOptions.Multiline)]
    private static partial Regex MetricType();

    [GeneratedRegex("_(bucket|sum|count)$")]
    private static partial Regex HistogramPart();

    [GeneratedRegex(@"\bcti_[a-z_]+")]
    private static partial Regex MetricName();
}

/// <summary>A test that needs a program which is no part of what the tests install everywhere.</summary>
internal sealed class ProgramFactAttribute : FactAttribute
{
    public ProgramFactAttribute(string file, string package)
    {
        if (!File.Exists(file)) Skip = $"{file} is missing; on Debian: apt-get install {package}";
    }
}
