using System.Collections.Immutable;
using System.Text.Json;
using System.Text.RegularExpressions;
using Cti.Node.Configuration;

namespace Cti.Node.Tests.Configuration;

/// <summary>Holds together what cluster-compose/ says in many files, without an engine to run it.</summary>
public sealed partial class ComposeTests
{
    private static readonly string Folder = Path.Combine(FindRoot(), "cluster-compose");

    private static readonly string Compose = Read("compose.yaml");

    // What node/start.sh finds out by itself.
    private static readonly string[] Found = ["NODE_ADDRESS"];

    private static string FindRoot()
    {
        var at = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(at.FullName, "Cti.Actors.sln"))) at = at.Parent!;
        return at.FullName;
    }

    private static string Read(string file) => File.ReadAllText(Path.Combine(Folder, file));

    private static string[] Services() =>
        [.. ServiceLine().Matches(Compose[Compose.IndexOf("\nservices:", StringComparison.Ordinal)..Compose.IndexOf("\nvolumes:", StringComparison.Ordinal)])
            .Select(static m => m.Groups[1].Value)];

    [Fact]
    public void The_nodes_configuration_loads_with_what_compose_gives_it_and_names_what_is_missing()
    {
        var file = Path.Combine(Folder, "node", "node.conf");
        var wanted = Substitution().Matches(File.ReadAllText(file)).Select(static m => m.Groups[1].Value).ToHashSet();
        var given = EnvironmentLine().Matches(Compose).Select(static m => m.Groups[1].Value).ToHashSet();
        wanted.Except(Found).Except(given).ShouldBeEmpty("substituted in node.conf, not given in compose.yaml");
        var environment = new Dictionary<string, string>
        {
            ["NODE_NAME"] = "node-a",
            ["NODE_ADDRESS"] = "10.89.0.4",
            ["DATABASE"] = "Host=postgres;Username=cti;Password=p;Database=cti",
            ["CLUSTER_SECRET"] = new string('0', 64),
            ["APPLICATION_KEY_HASH"] = "sha256:" + new string('a', 64),
        }.ToImmutableDictionary();

        var c = NodeConfigurationLoader.Load(new ConfigurationSources(file, environment, []));

        c.Warnings.ShouldBeEmpty();
        c.Node.Name.ShouldBe("node-a");
        c.Sip.Advertise.ShouldBe(new HostPort("10.89.0.4", null));
        c.Cluster.Advertise.ShouldBe(new HostPort("10.89.0.4", 5070));
        c.Journal.ConnectionString!.Reveal().ShouldStartWith("Host=postgres;");
        c.Trunks.ShouldHaveSingleItem().Address.ShouldBe(new HostPort("kamailio", 5060));
        Services().ShouldContain("kamailio");
        foreach (var name in environment.Keys)
            Should.Throw<ConfigurationException>(() => NodeConfigurationLoader.Load(new ConfigurationSources(file, environment.Remove(name), [])))
                .Message.ShouldContain("${" + name + "} has no value");
    }

    [Fact]
    public void Every_node_has_its_data_folder_in_a_volume_of_its_own()
    {
        // What a node keeps there of calls, nobody else knows.
        var folder = Regex.Match(Read(Path.Combine("node", "node.conf")), "(?m)^  data = \"(.+)\"").Groups[1].Value;
        foreach (var node in Services().Where(static name => name.StartsWith("node-", StringComparison.Ordinal)))
        {
            Compose.ShouldContain($"      - {node}:{folder}\n");
            Compose[Compose.IndexOf("\nvolumes:", StringComparison.Ordinal)..].ShouldContain($"\n  {node}: {{}}\n");
        }
        folder.ShouldBe("/var/lib/cti");
    }

    [Fact]
    public void What_compose_sets_as_a_key_of_the_configuration_is_one()
    {
        var keys = EnvironmentLine().Matches(Compose).Select(static m => m.Groups[1].Value)
            .Where(static name => name.StartsWith("CTI_", StringComparison.Ordinal));
        var environment = keys.ToImmutableDictionary(static name => name, static _ => "1");

        NodeConfigurationLoader.LoadValues(new ConfigurationSources(null, environment, []));
        NodeConfigurationLoader.Load(ConfigurationSources.None).Warnings.ShouldBeEmpty();
    }

    [Fact]
    public void Every_variable_has_a_default_or_stands_in_the_example_and_no_secret_has_one()
    {
        var example = Read(".env.example");
        var known = ExampleLine().Matches(example).ToDictionary(static m => m.Groups[1].Value, static m => m.Groups[2].Value);

        foreach (Match variable in Variable().Matches(Compose))
        {
            var (name, rest) = (variable.Groups[1].Value, variable.Groups[2].Value);
            if (name is "CTI_IMAGE" or "KAMAILIO_IMAGE" or "LOAD_IMAGE") continue;
            known.ShouldContainKey(name);
            // What the example shows in a comment is the default.
            if (rest.StartsWith(":-", StringComparison.Ordinal)) known[name].ShouldBe(rest[2..], name);
            else known[name].ShouldBe("", $"{name}: a secret has no value in the example, and nothing else has none");
        }
        foreach (var secret in (string[])["POSTGRES_PASSWORD", "CLUSTER_SECRET", "APPLICATION_KEY", "APPLICATION_KEY_HASH", "GRAFANA_PASSWORD"])
        {
            Read("make-secrets.sh").ShouldContain($"s/^{secret}=");
            Compose.ShouldContain("${" + secret + ":?");
        }
        File.ReadAllLines(Path.Combine(Folder, "..", ".gitignore")).ShouldContain("cluster-compose/.env");
    }

    [Fact]
    public void What_the_files_name_of_each_other_is_there()
    {
        var services = Services();
        foreach (Match mount in Mount().Matches(Compose)) Path.Exists(Path.Combine(Folder, mount.Groups[1].Value)).ShouldBeTrue(mount.Value);
        var nodes = services.Where(static s => s.StartsWith("node-", StringComparison.Ordinal)).ToArray();
        nodes.ShouldBe(["node-a", "node-b", "node-c", "node-d"]);
        Compose.ShouldContain("NODES: " + string.Join(' ', nodes), customMessage: "Kamailio probes them all");
        foreach (var node in nodes) Read("prometheus/prometheus.yml").ShouldContain(node);
        Target().Matches(Read("prometheus/prometheus.yml")).Select(static m => m.Groups[1].Value).ShouldAllBe(name => services.Contains(name));
        Read("grafana/provisioning/datasources/prometheus.yml").ShouldContain("url: http://prometheus:9090");
        foreach (Match copy in Copied().Matches(Read("Dockerfile"))) Path.Exists(Path.Combine(Folder, "..", copy.Groups[1].Value)).ShouldBeTrue(copy.Value);
        foreach (var part in (string[])["kamailio", "load"])
        {
            var copied = Regex.Match(Read(part + "/Dockerfile"), @"^COPY (.+) \S+$", RegexOptions.Multiline).Groups[1].Value.Split(' ');
            foreach (var file in copied) File.Exists(Path.Combine(Folder, part, file)).ShouldBeTrue(file);
        }
    }

    [Fact]
    public void No_image_is_named_but_as_a_default_that_a_variable_replaces()
    {
        foreach (var file in (string[])["Dockerfile", "kamailio/Dockerfile", "load/Dockerfile"])
        {
            var text = Read(file);
            Regex.Matches(text, @"^FROM (\S+)", RegexOptions.Multiline).Select(static m => m.Groups[1].Value)
                .ShouldAllBe(static image => image.StartsWith("${", StringComparison.Ordinal), file);
            text.ShouldContain("USER ", customMessage: "not as root");
        }
        Regex.Matches(Compose, @"^\s+image: (\S+)", RegexOptions.Multiline).Select(static m => m.Groups[1].Value)
            .ShouldAllBe(static image => image.StartsWith("${", StringComparison.Ordinal));
    }

    [Fact]
    public void The_dashboard_is_whole_and_asks_the_source_that_is_provisioned()
    {
        using var dashboard = JsonDocument.Parse(Read("grafana/dashboards/cluster.json"));
        var panels = dashboard.RootElement.GetProperty("panels").EnumerateArray().ToArray();

        panels.Select(static p => p.GetProperty("id").GetInt32()).ShouldBeUnique();
        var asking = panels.Where(static p => p.GetProperty("type").GetString() != "row").ToArray();
        asking.Length.ShouldBeGreaterThan(20);
        foreach (var panel in asking)
        {
            panel.GetProperty("datasource").GetProperty("uid").GetString().ShouldBe("prometheus");
            panel.GetProperty("targets").EnumerateArray().ShouldAllBe(static t => t.GetProperty("expr").GetString()!.Length > 0);
            var at = panel.GetProperty("gridPos");
            (at.GetProperty("x").GetInt32() + at.GetProperty("w").GetInt32()).ShouldBeLessThanOrEqualTo(24);
        }
        Read("grafana/provisioning/datasources/prometheus.yml").ShouldContain("uid: prometheus");
    }

    [GeneratedRegex(@"^  ([a-z-]+):\s*$", RegexOptions.Multiline)]
    private static partial Regex ServiceLine();

    [GeneratedRegex(@"\$\{([A-Z_]+)\}")]
    private static partial Regex Substitution();

    [GeneratedRegex(@"^\s+([A-Z][A-Z_]+):", RegexOptions.Multiline)]
    private static partial Regex EnvironmentLine();

    [GeneratedRegex(@"^#?([A-Z_]+)=(.*)$", RegexOptions.Multiline)]
    private static partial Regex ExampleLine();

    [GeneratedRegex(@"\$\{([A-Z_]+)((?::[-?][^}]*)?)\}")]
    private static partial Regex Variable();

    [GeneratedRegex(@"^\s+- \./(\S+?):", RegexOptions.Multiline)]
    private static partial Regex Mount();

    [GeneratedRegex(@"""([a-z-]+):\d+""")]
    private static partial Regex Target();

    [GeneratedRegex(@"^COPY (cluster-compose/\S+) ", RegexOptions.Multiline)]
    private static partial Regex Copied();
}
