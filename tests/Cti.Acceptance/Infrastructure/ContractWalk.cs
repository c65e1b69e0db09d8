using System.Text.Json.Nodes;
using Cti.Contract;

namespace Cti.Acceptance.Infrastructure;

/// <summary>
/// An application that keeps count of the contract: which methods were accepted, which states were seen, which events came; each answer and each event is
/// held against its table.
/// </summary>
internal sealed class ContractWalk(RpcClient app, int generation)
{
    private readonly Dictionary<string, ContractMethod> _methods = ContractTables.Methods(generation).ToDictionary(static m => m.Name, StringComparer.Ordinal);
    private readonly HashSet<string> _done = [];
    private readonly HashSet<string> _states = [];
    private PublishedSchema? _published;

    public RpcClient App => app;

    /// <summary>Asks what must be accepted; the answer has the fields of the table.</summary>
    public async Task<JsonNode?> AskAsync(string method, object? parameters = null)
    {
        var answer = await app.AskAsync(method, parameters);
        _published ??= await PublishedSchema.DiscoverAsync(app);
        _published.CheckResult(method, answer);
        var table = _methods[method];
        TypeOf(answer).ShouldBe(table.ResultType, method);
        if (table.ResultFields.Length > 0)
        {
            foreach (var one in answer as JsonArray ?? Enumerable.Repeat(answer, 1))
                one!.AsObject().Select(static f => f.Key).ShouldBe(table.ResultFields, method);
        }
        _done.Add(method);
        return answer;
    }

    /// <summary>The resource is in this state, as its <c>get</c> says.</summary>
    public async Task InStateAsync(string res, string state)
    {
        var module = ModuleOf(res);
        ((string)(await AskAsync(module + ".get", new { res_id = res }))!["state"]!).ShouldBe(state, res);
        _states.Add($"{module} {state}");
    }

    /// <summary>The resource comes to be in this state.</summary>
    public async Task ComesToAsync(string res, string state)
    {
        var module = ModuleOf(res);
        var started = System.Diagnostics.Stopwatch.GetTimestamp();
        string? now;
        do
        {
            now = (string?)(await AskAsync(module + ".get", new { res_id = res }))!["state"];
            if (System.Diagnostics.Stopwatch.GetElapsedTime(started) > Patience.Long) throw new ShouldAssertException($"{res} is still {now}, not {state}");
        }
        while (now != state);
        _states.Add($"{module} {state}");
    }

    /// <summary>The resource is released: it exists no more.</summary>
    public async Task GoneAsync(string res)
    {
        var module = ModuleOf(res);
        ((bool)(await AskAsync(module + ".exists", new { res_id = res }))!).ShouldBeFalse(res);
        _states.Add($"{module} Released");
    }

    /// <summary>The completion of a method came, with this error code or none.</summary>
    public async Task CompletedAsync(string happened, string res, int? error = null) => (await app.ExpectAsync(happened, res)).Error.ShouldBe(error, happened);

    /// <summary>Every event that ever came has the parameters of its table, in their order, and where it stands in the feed.</summary>
    public void CheckEvents()
    {
        var tables = ContractTables.Events.ToDictionary(static e => e.Name, StringComparer.Ordinal);
        foreach (var happened in app.Events.All)
        {
            tables.ShouldContainKey(happened.Method);
            happened.Params.Select(static p => p.Key).ShouldBe(tables[happened.Method].Parameters, happened.Method);
            foreach (var member in (string[])["cursor", "seq", "time", "res_id"])
                happened.Meta.ContainsKey(member).ShouldBeTrue($"{happened.Method}: meta.{member}");
            _published!.CheckEvent(happened.Method, happened.Params);
            if (happened.Params["error"] is JsonObject error) error.Select(static m => m.Key).ShouldBe(["code", "message"], happened.Method);
        }
    }

    /// <summary>Nothing of the contract was left out.</summary>
    public void CheckComplete()
    {
        _methods.Keys.Except(_done).ShouldBeEmpty("methods of the contract that were never accepted");
        ContractTables.Events.Where(static e => !e.IsLive).Select(static e => e.Name).Except(app.Events.All.Select(static e => e.Method))
            .ShouldBeEmpty("events of the contract that never came");
        var states = ContractTables.Modules.SelectMany(static m => ContractTables.States(m).Select(s => $"{m} {s}"));
        if (generation == 1) states = states.Where(static s => s != "sys.call Ring");
        states.Except(_states).ShouldBeEmpty("states of the contract that were never seen");
    }

    private static string ModuleOf(string res) => res.Split('-')[1];

    private static string TypeOf(JsonNode? value) => value switch
    {
        null => "null",
        JsonArray => "array",
        JsonObject => "object",
        _ => value.GetValueKind() switch
        {
            System.Text.Json.JsonValueKind.True or System.Text.Json.JsonValueKind.False => "boolean",
            System.Text.Json.JsonValueKind.String => "string",
            _ => "number",
        },
    };
}
