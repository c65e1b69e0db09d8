using System.Text;
using System.Text.Json;
using Cti.Calls;
using Cti.Calls.Speech;
using Cti.Contract;
using Cti.Contract.Tests;
using Cti.Gateway.Documents;

namespace Cti.Gateway.Tests;

public sealed class DocumentTests
{
    [Fact]
    public void The_committed_api_page_is_the_generated_one()
    {
        var path = Path.Combine(RepositoryRoot(), "src", "API.md");
        var text = ApiDocument.Render(StateTable.Instance);
        if (Environment.GetEnvironmentVariable("CTI_REGENERATE") == "1") File.WriteAllText(path, text);
        File.Exists(path).ShouldBeTrue("run this test with CTI_REGENERATE=1");
        File.ReadAllText(path).ShouldBe(text, "run this test with CTI_REGENERATE=1 and commit src/API.md");
    }

    [Theory]
    [InlineData(ApiGeneration.V1)]
    [InlineData(ApiGeneration.V2)]
    public void Openrpc_has_every_served_method_and_no_other(ApiGeneration generation)
    {
        var root = Render(generation);
        root.GetProperty("openrpc").GetString().ShouldBe("1.3.2");
        root.GetProperty("info").GetProperty("title").GetString().ShouldNotBeNullOrEmpty();
        root.GetProperty("info").GetProperty("version").GetString().ShouldBe("9.8.7");
        root.GetProperty("methods").EnumerateArray().Select(m => m.GetProperty("name").GetString())
            .ShouldBe(Catalogue.Methods.Select(m => m.Name));
        root.GetProperty("x-events").EnumerateArray().Select(m => m.GetProperty("name").GetString())
            .ShouldBe(Catalogue.Events.Select(e => e.Name));
    }

    [Theory]
    [InlineData(ApiGeneration.V1)]
    [InlineData(ApiGeneration.V2)]
    public void Openrpc_parameters_are_those_of_the_catalogue(ApiGeneration generation)
    {
        foreach (var described in Render(generation).GetProperty("methods").EnumerateArray())
        {
            var method = Catalogue.Find(described.GetProperty("name").GetString()!)!;
            var parameters = described.GetProperty("params").EnumerateArray().ToArray();
            parameters.Select(p => p.GetProperty("name").GetString()).ShouldBe(method.Parameters.Select(p => p.NameIn(generation)), ignoreOrder: true);
            var required = parameters.Select(p => p.GetProperty("required").GetBoolean()).ToArray();
            required.ShouldBe(required.OrderDescending().ToArray(), $"{method.Name}: OpenRPC wants required parameters first");
            described.GetProperty("x-positions").EnumerateArray().Select(p => p.GetString()).ShouldBe(method.PositionsIn(generation).Select(p => p.Name));
            if (described.GetProperty("paramStructure").GetString() == "either")
                method.PositionsIn(generation).Select(p => p.NameIn(generation)).ShouldBe(parameters.Select(p => p.GetProperty("name").GetString()!));
            foreach (var parameter in method.Parameters)
            {
                var one = parameters.Single(p => p.GetProperty("name").GetString() == parameter.NameIn(generation));
                one.GetProperty("required").GetBoolean().ShouldBe(parameter.Required);
                var schema = one.GetProperty("schema");
                schema.TryGetProperty("default", out var value).ShouldBe(!parameter.Required);
                if (!parameter.Required) DefaultOf(method, parameter, value, generation).ShouldBe(parameter.DefaultIn(generation));
            }
            described.GetProperty("result").GetProperty("schema").TryGetProperty("type", out _).ShouldBeTrue();
            described.GetProperty("errors").EnumerateArray().Select(e => e.GetProperty("code").GetInt32())
                .ShouldBe(Catalogue.CommonErrors.Concat(method.Errors).Distinct().Order());
        }
    }

    // What the binder makes of the default as the document shows it.
    private static object? DefaultOf(MethodDefinition method, ParameterDefinition parameter, JsonElement value, ApiGeneration generation)
    {
        var members = Samples.Required(method, generation);
        members[parameter.NameIn(generation)] = value.GetRawText();
        ArgumentBinder.TryBind(method, generation, Encoding.UTF8.GetBytes(Samples.Text(members)), SpokenRules.WithoutRoots, out var arguments)
            .ShouldBeNull($"{method.Name} {parameter.Name} {value.GetRawText()}");
        return arguments.Values[parameter.Name];
    }

    [Fact]
    public async Task Discover_answers_the_document_of_the_generation_that_asks()
    {
        await using var gateway = await GatewayUnderTest.StartAsync(o => o with { Version = "9.8.7" });
        foreach (var generation in (ApiGeneration[])[ApiGeneration.V1, ApiGeneration.V2])
        {
            var answer = await gateway.CallAsync("rpc.discover", "{}", generation);
            answer.GetProperty("result").GetRawText()
                .ShouldBe(Encoding.UTF8.GetString(OpenRpcDocument.Render(generation, "9.8.7", $"http://127.0.0.1:{gateway.Server.Port}", StateTable.Instance)));
        }
        gateway.Router.Asked.ShouldBeEmpty();
    }

    [Fact]
    public void Parameters_of_the_older_generation_have_their_older_names_and_defaults()
    {
        JsonElement Parameter(ApiGeneration generation, string method, string name) => Render(generation).GetProperty("methods").EnumerateArray()
            .Single(m => m.GetProperty("name").GetString() == method).GetProperty("params").EnumerateArray()
            .Single(p => p.GetProperty("name").GetString() == name);
        Parameter(ApiGeneration.V1, "sys.call.receive_dtmf_start", "if_break_on_key").GetProperty("x-aliases")[0].GetString().ShouldBe("breaking_on_key");
        Parameter(ApiGeneration.V2, "sys.call.receive_dtmf_start", "breaking_on_key").GetProperty("x-aliases")[0].GetString().ShouldBe("if_break_on_key");
        Parameter(ApiGeneration.V1, "sys.call.record_start", "record_format").GetProperty("schema").GetProperty("default").GetInt32().ShouldBe(2);
        Parameter(ApiGeneration.V2, "sys.call.record_start", "record_format").GetProperty("schema").GetProperty("default").GetInt32().ShouldBe(3);
    }

    private static JsonElement Render(ApiGeneration generation) =>
        GatewayUnderTest.Json(Encoding.UTF8.GetString(OpenRpcDocument.Render(generation, "9.8.7", "https://cti.example:8443", StateTable.Instance)));

    private static string RepositoryRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Cti.Actors.sln"))) folder = folder.Parent!;
        return folder.FullName;
    }
}
