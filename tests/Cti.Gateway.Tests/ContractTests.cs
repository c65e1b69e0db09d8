using System.Text.Json;
using Cti.Contract;

namespace Cti.Gateway.Tests;

/// <summary>
/// What the gateway and the documentation say of themselves, held against the contract's tables: nothing missing, renamed, different or additional.
/// </summary>
public sealed class ContractTests
{
    public static TheoryData<ApiGeneration> Generations => [ApiGeneration.V1, ApiGeneration.V2];

    [Theory, MemberData(nameof(Generations))]
    public async Task Discover_has_the_contracts_methods_and_no_other(ApiGeneration generation)
    {
        var (methods, _) = await DiscoverAsync(generation);
        methods.Keys.Where(name => name != "rpc.discover").Order(StringComparer.Ordinal)
            .ShouldBe(ContractTables.Methods((int)generation).Select(m => m.Name).Order(StringComparer.Ordinal));
    }

    [Theory, MemberData(nameof(Generations))]
    public async Task Discover_has_every_parameter_with_its_default(ApiGeneration generation)
    {
        var (methods, _) = await DiscoverAsync(generation);
        foreach (var method in ContractTables.Methods((int)generation))
        {
            if (!methods.TryGetValue(method.Name, out var described)) continue;
            var parameters = described.GetProperty("params").EnumerateArray().ToArray();
            // OpenRPC wants required parameters first.
            parameters.Select(p => p.GetProperty("name").GetString()!)
                .ShouldBe(method.Parameters.OrderBy(p => p.Default is not null).Select(p => p.Name), method.Name);
            foreach (var (name, value) in method.Parameters)
            {
                var one = parameters.Single(p => p.GetProperty("name").GetString() == name);
                one.GetProperty("required").GetBoolean().ShouldBe(value is null, $"{method.Name} {name}");
                if (value is not null) one.GetProperty("schema").GetProperty("default").GetRawText().ShouldBe(value, $"{method.Name} {name}");
            }
        }
    }

    [Theory, MemberData(nameof(Generations))]
    public async Task Discover_has_every_result(ApiGeneration generation)
    {
        var (methods, _) = await DiscoverAsync(generation);
        foreach (var method in ContractTables.Methods((int)generation))
        {
            if (!methods.TryGetValue(method.Name, out var described)) continue;
            var schema = described.GetProperty("result").GetProperty("schema");
            schema.GetProperty("type").GetString().ShouldBe(method.ResultType, method.Name);
            if (method.ResultFields.Length == 0) continue;
            var shape = method.ResultType == "array" ? schema.GetProperty("items") : schema;
            shape.GetProperty("properties").EnumerateObject().Select(p => p.Name).ShouldBe(method.ResultFields, method.Name);
        }
    }

    [Theory, MemberData(nameof(Generations))]
    public async Task Discover_has_the_contracts_events_with_their_parameters(ApiGeneration generation)
    {
        var (_, events) = await DiscoverAsync(generation);
        events.Keys.Order(StringComparer.Ordinal).ShouldBe(ContractTables.Events.Select(e => e.Name).Order(StringComparer.Ordinal));
        foreach (var happened in ContractTables.Events)
        {
            if (!events.TryGetValue(happened.Name, out var described)) continue;
            described.GetProperty("params").GetProperty("properties").EnumerateObject().Select(p => p.Name)
                .ShouldBe([.. happened.Parameters, .. happened.Optional], happened.Name);
        }
    }

    [Theory, MemberData(nameof(Generations))]
    public async Task Discover_has_the_recording_formats_of_the_generation(ApiGeneration generation)
    {
        var (methods, _) = await DiscoverAsync(generation);
        foreach (var name in (string[])["sys.call.record_start", "sys.call.connect_start", "sys.conf.record_start"])
            FormatsOf(methods[name]).ShouldBe(ContractTables.Formats((int)generation).Select(f => f.Number), name);
        FormatsOf(methods["ext.duo_callback.construct"]).ShouldBe(ContractTables.Formats(1).Select(f => f.Number), "the flow has the older table in both");
    }

    [Fact]
    public void The_api_page_has_every_method_parameter_default_and_event()
    {
        var page = Sections(File.ReadAllText(Path.Combine(RepositoryRoot(), "src", "API.md")));
        foreach (var method in ContractTables.Methods(2))
        {
            page.ShouldContainKey(method.Name);
            var rows = page[method.Name].Where(line => line.StartsWith("| `", StringComparison.Ordinal)).Select(line => line.Split(" | ")).ToArray();
            rows.Select(NameOf).ShouldBe(method.Parameters.Select(p => p.Name), ignoreOrder: true, customMessage: method.Name);
            foreach (var (name, value) in method.Parameters)
            {
                var stated = rows.Single(row => NameOf(row) == name)[3];
                (value is null ? "required" : value).ShouldBe(stated.Split(" / ")[^1].Trim('`', ' '), $"{method.Name} {name}");
            }
        }
        foreach (var happened in ContractTables.Events)
        {
            page.ShouldContainKey(happened.Name);
            var text = string.Join('\n', page[happened.Name]);
            foreach (var parameter in happened.Parameters) text.ShouldContain($"`{parameter}`", customMessage: happened.Name);
        }
    }

    [Fact]
    public void The_api_page_has_every_error_with_its_data()
    {
        var text = File.ReadAllText(Path.Combine(RepositoryRoot(), "src", "API.md"));
        foreach (var (code, data) in ContractTables.Errors)
        {
            text.ShouldContain($"`{code}`");
            var lines = text.Split('\n').Where(line => line.StartsWith($"- `{code}`", StringComparison.Ordinal)).ToArray();
            lines.ShouldNotBeEmpty($"{code} has a line of its own");
            foreach (var member in data) lines.ShouldContain(line => line.Contains(member, StringComparison.Ordinal), $"{code} carries {member}");
        }
    }

    // Other spellings stand behind the name.
    private static string NameOf(string[] row) => row[0].Trim('|', ' ', '`').Split("`, `")[0];

    private static int[] FormatsOf(JsonElement method) =>
        [.. method.GetProperty("params").EnumerateArray().Single(p => p.GetProperty("name").GetString() == "record_format")
            .GetProperty("schema").GetProperty("enum").EnumerateArray().Select(v => v.GetInt32())];

    private static Dictionary<string, List<string>> Sections(string page)
    {
        var sections = new Dictionary<string, List<string>>(StringComparer.Ordinal);
        List<string>? now = null;
        foreach (var line in page.Split('\n'))
        {
            if (line.StartsWith("### ", StringComparison.Ordinal)) sections[line[4..].Trim()] = now = [];
            else if (line.StartsWith("## ", StringComparison.Ordinal)) now = null;
            else now?.Add(line);
        }
        return sections;
    }

    private static async Task<(Dictionary<string, JsonElement> Methods, Dictionary<string, JsonElement> Events)> DiscoverAsync(ApiGeneration generation)
    {
        await using var gateway = await GatewayUnderTest.StartAsync();
        var document = (await gateway.CallAsync("rpc.discover", "{}", generation)).GetProperty("result");
        return (ByName("methods"), ByName("x-events"));

        Dictionary<string, JsonElement> ByName(string member) =>
            document.GetProperty(member).EnumerateArray().ToDictionary(m => m.GetProperty("name").GetString()!, StringComparer.Ordinal);
    }

    private static string RepositoryRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Cti.Actors.sln"))) folder = folder.Parent!;
        return folder.FullName;
    }
}
