using System.Collections.Immutable;
using System.Text.RegularExpressions;
using Cti.Node.Configuration;
using Cti.Node.Hocon;

namespace Cti.Node.Tests.Configuration;

/// <summary>Holds together what the program asks for, what config/reference.conf says, and what HOCON.md documents.</summary>
public sealed partial class DocumentedKeysTests
{
    private static readonly string Root = FindRoot();

    private static string FindRoot()
    {
        var at = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(at.FullName, "Cti.Actors.sln"))) at = at.Parent!;
        return at.FullName;
    }

    /// <summary>The reference with its example lines (<c>#|</c>) after it: every key that there is.</summary>
    private static string WithExamples()
    {
        var reference = NodeConfigurationLoader.ReferenceText();
        var examples = reference.Split('\n').Select(l => l.Trim()).Where(l => l.StartsWith("#|", StringComparison.Ordinal)).Select(l => l[2..]);
        return string.Join('\n', examples);
    }

    private static (NodeConfiguration Configuration, SettingsJournal Journal) LoadExamples()
    {
        var folder = Directory.CreateTempSubdirectory("cti-reference-");
        try
        {
            var file = Path.Combine(folder.FullName, "examples.conf");
            File.WriteAllText(file, WithExamples());
            return NodeConfigurationLoader.LoadWithKeys(new ConfigurationSources(file, ImmutableDictionary<string, string>.Empty, []));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static SortedSet<string> KeysOf(HoconObject values)
    {
        var keys = new SortedSet<string>(StringComparer.Ordinal);
        Collect(values, "");
        return keys;

        void Collect(HoconValue value, string path)
        {
            switch (value)
            {
                case HoconObject { Fields.IsEmpty: false } o:
                    foreach (var (key, field) in o.Fields)
                        Collect(field, path.Length == 0 ? key : path + "." + (path == "cti.gateway.applications" ? "NAME" : key));
                    break;
                case HoconArray { Items: [HoconObject, ..] } a:
                    keys.Add(path);
                    foreach (var item in a.Items) Collect(item, path + "[]");
                    break;
                default:
                    keys.Add(path);
                    break;
            }
        }
    }

    [Fact]
    public void The_reference_and_its_examples_hold_exactly_the_keys_that_the_program_asks_for()
    {
        var values = new HoconDocument().AddText(NodeConfigurationLoader.ReferenceText(), "reference").AddText(WithExamples(), "examples").Resolve();
        var written = KeysOf(values);
        var asked = LoadExamples().Journal.Keys;
        asked.Remove("cti.gateway.applications");

        asked.Except(written).ShouldBeEmpty("asked for, but not in config/reference.conf");
        written.Except(asked).ShouldBeEmpty("in config/reference.conf, but nobody asks for it");
    }

    [Fact]
    public void The_examples_show_the_defaults()
    {
        var minimal = NodeConfigurationLoader.Load(ConfigurationSources.None with
        {
            Sets =
            [
                """cti.trunks=[{ name = carrier, address = "sip.example.net:5060", targets = ["sip.example.net:5060"], """
                    + """auth { user = alice, password = "example only" } }]""",
                """cti.gateway.applications.billing={ keys = ["sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"] }""",
            ],
        });
        var shown = LoadExamples().Configuration;

        shown.Trunks[0].Targets.ShouldBe(minimal.Trunks[0].Targets);
        (shown.Trunks[0] with { Targets = [] }).ShouldBe(minimal.Trunks[0] with { Targets = [] });
        (shown.Gateway.Applications["billing"] with { Keys = [] }).ShouldBe(minimal.Gateway.Applications["billing"] with { Keys = [] });
    }

    [Fact]
    public void Every_key_of_the_reference_has_a_comment()
    {
        var lines = NodeConfigurationLoader.ReferenceText().Split('\n').Select(l => l.Trim()).ToArray();
        for (var i = 0; i < lines.Length; i++)
        {
            var line = lines[i].StartsWith("#|", StringComparison.Ordinal) ? lines[i][2..].Trim() : lines[i];
            if (!KeyLine().IsMatch(line)) continue;
            // A comment may stand for the run of keys below it.
            var above = i - 1;
            while (above >= 0 && KeyLine().IsMatch(lines[above].TrimStart('#', '|', ' '))) above--;
            var comment = lines[above].TrimStart('|');
            (comment.StartsWith('#') || lines[above].EndsWith('{')).ShouldBeTrue($"line {i + 1}: {line}");
        }
    }

    [GeneratedRegex("^[a-z][a-z0-9-]* = ")]
    private static partial Regex KeyLine();

    [Fact]
    public void The_manual_documents_every_key_with_its_default_and_nothing_else()
    {
        var manual = File.ReadAllText(Path.Combine(Root, "HOCON.md"));
        var rows = ManualRow().Matches(manual).ToDictionary(m => m.Groups[1].Value, m => m.Groups[2].Value);
        var (_, journal) = LoadExamples();
        var keys = journal.Keys.Where(k => k is not ("cti.trunks[].auth" or "cti.gateway.applications")).ToHashSet();

        keys.Except(rows.Keys).ShouldBeEmpty("not in HOCON.md");
        rows.Keys.Except(keys).ShouldBeEmpty("in HOCON.md, but there is no such key");

        var defaults = Defaults();
        foreach (var (key, documented) in rows)
        {
            if (defaults.TryGetValue(key, out var value)) documented.ShouldBe(value, key);
        }
    }

    /// <summary>Each key's default as the reference writes it.</summary>
    private static Dictionary<string, string> Defaults()
    {
        var lines = NodeConfigurationLoader.ReferenceText().Split('\n');
        var defaults = new Dictionary<string, string>(StringComparer.Ordinal);
        var values = new HoconDocument().AddText(NodeConfigurationLoader.ReferenceText(), "reference").Resolve();
        foreach (var key in KeysOf(values))
        {
            var name = key[(key.LastIndexOf('.') + 1)..];
            var line = values.Find(key)!.Origin.Line;
            var text = lines[line - 1].Trim();
            if (text.StartsWith(name + " = ", StringComparison.Ordinal)) defaults[key] = text[(name.Length + 3)..];
        }
        return defaults;
    }

    [GeneratedRegex(@"^\| `(cti[^`]*)` \| `([^`]*)` \|", RegexOptions.Multiline)]
    private static partial Regex ManualRow();

    [Fact]
    public void The_cluster_example_loads_when_its_variables_are_set_and_says_which_is_missing_when_not()
    {
        var file = Path.Combine(Root, "config", "cluster.conf");
        var environment = new Dictionary<string, string>
        {
            ["NODE_NAME"] = "a", ["NODE_ADDRESS"] = "10.0.0.11", ["DATABASE"] = "Host=db", ["CLUSTER_SECRET"] = "0123456789abcdef",
        }.ToImmutableDictionary();

        var c = NodeConfigurationLoader.Load(new ConfigurationSources(file, environment, []));

        c.Node.Name.ShouldBe("a");
        c.Cluster.Advertise.ShouldBe(new HostPort("10.0.0.11", 7400));
        c.Journal.ConnectionString!.Reveal().ShouldBe("Host=db");
        c.Demo.ShouldBeFalse();
        Should.Throw<ConfigurationException>(() => NodeConfigurationLoader.Load(new ConfigurationSources(file, environment.Remove("DATABASE"), [])))
            .Message.ShouldContain("${DATABASE} has no value");
    }

    [Fact]
    public void The_example_on_the_loopback_loads_and_gives_each_node_its_own_address()
    {
        var environment = new Dictionary<string, string>
        {
            ["NODE_NAME"] = "node2", ["NODE_ADDRESS"] = "127.0.0.12", ["DATABASE"] = "Host=db", ["CLUSTER_SECRET"] = "0123456789abcdef",
            ["KEY_HASH"] = "sha256:" + new string('a', 64),
        }.ToImmutableDictionary();

        var c = NodeConfigurationLoader.Load(new ConfigurationSources(Path.Combine(Root, "config", "loopback.conf"), environment, []));

        Path.GetFileName(c.Data).ShouldBe("node2");
        c.Cluster.Listen!.ToString().ShouldBe("127.0.0.12:7400");
        c.Sip.Listen.ShouldAllBe(static listener => listener.Address.ToString() == "127.0.0.12:5060");
        c.Gateway.Listen.Single().ToString().ShouldBe("http://127.0.0.12:8080");
    }

    [Fact]
    public void Secrets_are_known_as_such() =>
        LoadExamples().Journal.SecretKeys.Order().ShouldBe(["cti.cluster.secret", "cti.journal.connection-string", "cti.trunks[].auth.password",
            "cti.tts.http.headers[].value", "cti.tts.http.url"]);
}
