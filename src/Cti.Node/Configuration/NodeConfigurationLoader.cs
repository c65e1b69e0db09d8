using System.Collections;
using System.Collections.Immutable;
using Cti.Kernel;
using Cti.Node.Hocon;

namespace Cti.Node.Configuration;

/// <summary>Where a node's configuration comes from besides the embedded reference.</summary>
/// <param name="File">Of <c>--config</c>, or null.</param>
/// <param name="Environment">Environment variables; those called <c>CTI_…</c> set keys, all can be substituted.</param>
/// <param name="Sets">Each <c>KEY=VALUE</c> of <c>--set</c>, in order.</param>
public sealed record ConfigurationSources(string? File, ImmutableDictionary<string, string> Environment, ImmutableArray<string> Sets)
{
    /// <summary>Nothing but the embedded reference.</summary>
    public static readonly ConfigurationSources None = new(null, ImmutableDictionary<string, string>.Empty, []);

    /// <summary>With this process's environment.</summary>
    public static ConfigurationSources OfProcess(string? file, IEnumerable<string> sets)
    {
        var variables = ImmutableDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        foreach (DictionaryEntry entry in System.Environment.GetEnvironmentVariables()) variables[(string)entry.Key] = (string?)entry.Value ?? "";
        return new(file, variables.ToImmutable(), [.. sets]);
    }
}

/// <summary>Puts a configuration together and checks it: the embedded reference, the file, the environment, <c>--set</c>, later ones on top.</summary>
public static class NodeConfigurationLoader
{
    private const string ReferenceName = "reference.conf";

    /// <summary>The text of the embedded reference.</summary>
    public static string ReferenceText()
    {
        using var stream = typeof(NodeConfigurationLoader).Assembly.GetManifestResourceStream(ReferenceName)
            ?? throw new InvalidOperationException("the reference configuration is not embedded");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    /// <summary>Reads and checks everything.</summary>
    /// <exception cref="ConfigurationException">With every problem that was found.</exception>
    public static NodeConfiguration Load(ConfigurationSources sources) => LoadWithKeys(sources).Configuration;

    /// <summary>The same, with all values: for those who want them by key.</summary>
    /// <exception cref="ConfigurationException">With every problem that was found.</exception>
    public static HoconObject LoadValues(ConfigurationSources sources)
    {
        try
        {
            return Compose(sources, []);
        }
        catch (HoconException e)
        {
            throw new ConfigurationException([e.Message]);
        }
    }

    internal static (NodeConfiguration Configuration, SettingsJournal Journal) LoadWithKeys(ConfigurationSources sources)
    {
        try
        {
            var warnings = new List<string>();
            var values = Compose(sources, warnings);
            var journal = new SettingsJournal();
            var configuration = new NodeConfigurationBinder(journal).Bind(values, sources.File is not null);
            if (journal.Problems.Count > 0) throw new ConfigurationException([.. journal.Problems]);
            return (configuration with { Warnings = [.. warnings], Places = PlacesIn(values), SetKeys = SetIn(values) }, journal);
        }
        catch (HoconException e)
        {
            throw new ConfigurationException([e.Message]);
        }
    }

    private static ImmutableDictionary<string, string> PlacesIn(HoconObject values)
    {
        var places = ImmutableDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        foreach (var key in (string[])[NodeConfiguration.SipListenKey, NodeConfiguration.GatewayListenKey, NodeConfiguration.LinkListenKey])
        {
            if (ValueOf(values, key) is { } value) places[key] = value.Origin.ToString();
        }
        return places.ToImmutable();
    }

    private static ImmutableHashSet<string> SetIn(HoconObject values) =>
        [.. ((string[])[NodeConfiguration.MediaPortsKey, NodeConfiguration.SipConnectionsKey, NodeConfiguration.GatewayConnectionsKey])
            .Where(key => ValueOf(values, key) is { } value && value.Origin.Source != ReferenceName)];

    private static HoconValue? ValueOf(HoconObject values, string key)
    {
        HoconValue? value = values;
        foreach (var part in key.Split('.')) value = value is HoconObject section && section.TryGet(part, out var inner) ? inner : null;
        return value;
    }

    private static HoconObject Compose(ConfigurationSources sources, List<string> warnings)
    {
        var reference = new HoconDocument().AddText(ReferenceText(), ReferenceName).Resolve();
        var document = new HoconDocument(new DiskHoconFiles(), name => sources.Environment.GetValueOrDefault(name)).AddText(ReferenceText(), ReferenceName);
        if (sources.File is { } file) document.AddFile(Path.GetFullPath(file));
        AddEnvironment(document, reference, sources.Environment, warnings);
        foreach (var set in sources.Sets)
        {
            var equals = set.IndexOf('=', StringComparison.Ordinal);
            if (equals <= 0) throw new HoconException(new HoconOrigin("--set " + set, 0, 0), "right is --set KEY=VALUE");
            var key = set[..equals].Trim();
            document.Set(key, set[(equals + 1)..], "--set " + key);
        }
        return document.Resolve();
    }

    /// <summary>
    /// CTI_SIP_ACCEPT_ANY is cti.sip.accept-any. An unknown one is a warning and no error: orchestrators put variables named after services
    /// (CTI_PORT, CTI_SERVICE_HOST) into every process.
    /// </summary>
    private static void AddEnvironment(HoconDocument document, HoconObject reference, ImmutableDictionary<string, string> environment, List<string> warnings)
    {
        var keys = new Dictionary<string, string>(StringComparer.Ordinal);
        CollectKeys(reference, "", keys);
        foreach (var (name, value) in environment.OrderBy(e => e.Key, StringComparer.Ordinal))
        {
            if (!name.StartsWith("CTI_", StringComparison.Ordinal)) continue;
            if (keys.TryGetValue(name, out var key)) document.Set(key, value, "environment variable " + name);
            else
            {
                var meant = Nearest.Of(name, keys.Keys);
                warnings.Add($"environment variable {name} is no key and is ignored" + (meant is null ? "" : $"; {meant} is probably meant"));
            }
        }
    }

    private static void CollectKeys(HoconObject values, string path, Dictionary<string, string> keys)
    {
        foreach (var (key, value) in values.Fields)
        {
            var full = path.Length == 0 ? key : path + "." + key;
            if (value is HoconObject { Fields.IsEmpty: false } section) CollectKeys(section, full, keys);
            else keys[VariableOf(full)] = full;
        }
    }

    /// <summary>The environment variable that sets a key: upper case, every dot and hyphen an underscore.</summary>
    internal static string VariableOf(string key) => key.ToUpperInvariant().Replace('.', '_').Replace('-', '_');
}
