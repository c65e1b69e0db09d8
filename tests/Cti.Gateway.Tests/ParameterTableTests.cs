using System.Collections.Immutable;
using System.Text.Json;
using Cti.Calls.Speech;
using Cti.Contract;
using Cti.Contract.Tests;
using Cti.Kernel;

namespace Cti.Gateway.Tests;

/// <summary>Every method of the catalogue against missing, unknown, mistyped and out-of-range parameters, in both generations.</summary>
public sealed class ParameterTableTests(ParameterTableTests.Gateway gateway) : IClassFixture<ParameterTableTests.Gateway>
{
    public sealed class Gateway : IAsyncLifetime
    {
        internal GatewayUnderTest Under { get; private set; } = null!;

        public async Task InitializeAsync() => Under = await GatewayUnderTest.StartAsync();

        public async Task DisposeAsync() => await Under.DisposeAsync();
    }

    public static TheoryData<string, ApiGeneration> Methods => Rows(_ => true);

    private static TheoryData<string, ApiGeneration> Rows(Func<MethodDefinition, bool> which)
    {
        var rows = new TheoryData<string, ApiGeneration>();
        foreach (var method in Catalogue.Methods.Where(which))
        {
            rows.Add(method.Name, ApiGeneration.V1);
            rows.Add(method.Name, ApiGeneration.V2);
        }
        return rows;
    }

    // What is wrong with the params of a method, and which parameter the refusal must name.
    private static IEnumerable<(string Case, string Params, string Names)> Faults(MethodDefinition method, ApiGeneration generation)
    {
        var required = Samples.Required(method, generation);
        foreach (var parameter in method.Parameters)
        {
            var name = parameter.NameIn(generation);
            if (parameter.Required) yield return ("missing", Samples.Text(required.Where(r => r.Key != name).ToDictionary()), parameter.Name);
            foreach (var value in Samples.Mistyped(parameter)) yield return ("mistyped", Samples.Text(new(required) { [name] = value }), parameter.Name);
            foreach (var value in Samples.OutOfRange(parameter)) yield return ("out of range", Samples.Text(new(required) { [name] = value }), parameter.Name);
            if (parameter.Required) yield return ("null", Samples.Text(new(required) { [name] = "null" }), parameter.Name);
            var valid = Samples.Valid(parameter, generation);
            if (!parameter.Required)
                yield return ("twice, first null", $"{Samples.Text(new(required) { [name] = "null" })[..^1]},\"{name}\":{valid}}}", parameter.Name);
            yield return ("twice", $"{Samples.Text(new(required) { [name] = valid })[..^1]},\"{name}\":{valid}}}", parameter.Name);
            foreach (var alias in parameter.Aliases)
                yield return ("two spellings",
                    Samples.Text(new(required.Where(r => r.Key != name).ToDictionary()) { [parameter.Name] = valid, [alias] = valid }), parameter.Name);
        }
        yield return ("unknown", Samples.Text(new(required) { ["no_such_parameter"] = "1" }), "no_such_parameter");
        yield return ("too many positions", $"[{string.Join(',', method.PositionsIn(generation).Select(p => Samples.Valid(p, generation)).Append("1"))}]",
            "params");
    }

    [Theory, MemberData(nameof(Methods))]
    public void Every_fault_of_a_parameter_is_refused_and_named(string name, ApiGeneration generation)
    {
        var method = Catalogue.Find(name)!;
        foreach (var (what, text, names) in Faults(method, generation))
        {
            var error = ArgumentBinder.TryBind(method, generation, System.Text.Encoding.UTF8.GetBytes(text), SpokenRules.WithoutRoots, out _);
            error.ShouldNotBeNull($"{what}: {text}");
            error.Code.ShouldBe(ErrorCodes.InvalidParams, text);
            error.Data!["param"].ShouldBe(names, $"{what}: {text}");
            ((string)error.Data["reason"]).ShouldNotBeNullOrWhiteSpace();
        }
    }

    [Theory, MemberData(nameof(Methods))]
    public async Task Over_the_wire_a_fault_is_answered_and_nothing_reaches_the_router(string name, ApiGeneration generation)
    {
        var under = gateway.Under;
        under.Router.Forget();
        foreach (var (what, text, names) in Faults(Catalogue.Find(name)!, generation))
        {
            var answer = await under.CallAsync(name, text, generation, GatewayUnderTest.AdminKey);
            var error = answer.GetProperty("error");
            error.GetProperty("code").GetInt32().ShouldBe(ErrorCodes.InvalidParams, $"{what}: {text}");
            error.GetProperty("data").GetProperty("param").GetString().ShouldBe(names);
            error.GetProperty("data").GetProperty("reason").GetString().ShouldNotBeNullOrWhiteSpace();
            error.GetProperty("message").GetString()!.ShouldContain(names);
        }
        under.Router.Asked.ShouldBeEmpty();
    }

    [Theory, MemberData(nameof(Methods))]
    public void Left_out_parameters_get_the_generations_default(string name, ApiGeneration generation)
    {
        var method = Catalogue.Find(name)!;
        var bound = Bind(method, generation, Samples.Text(Samples.Required(method, generation)));
        bound.Values.Keys.ShouldBe(method.Parameters.Select(p => p.Name), ignoreOrder: true);
        foreach (var parameter in method.Parameters.Where(p => !p.Required))
            bound.Values[parameter.Name].ShouldBe(parameter.DefaultIn(generation), parameter.Name);
    }

    [Theory, MemberData(nameof(Methods))]
    public void By_position_and_by_name_the_same_arguments_arrive_with_the_same_hash(string name, ApiGeneration generation)
    {
        var method = Catalogue.Find(name)!;
        var positions = method.PositionsIn(generation);
        var named = Bind(method, generation, Samples.Text(positions.ToDictionary(p => p.NameIn(generation), p => Samples.Valid(p, generation))));
        var listed = Bind(method, generation, $"[{string.Join(',', positions.Select(p => Samples.Valid(p, generation)))}]");
        foreach (var parameter in method.Parameters) Canonical(listed.Values[parameter.Name]).ShouldBe(Canonical(named.Values[parameter.Name]), parameter.Name);
        ArgumentsHash.Compute(method, listed).ShouldBe(ArgumentsHash.Compute(method, named));
    }

    [Theory, MemberData(nameof(Methods))]
    public void Null_in_an_array_means_the_default(string name, ApiGeneration generation)
    {
        var method = Catalogue.Find(name)!;
        var bound = Bind(method, generation,
            $"[{string.Join(',', method.PositionsIn(generation).Select(p => p.Required ? Samples.Valid(p, generation) : "null"))}]");
        foreach (var parameter in method.Parameters.Where(p => !p.Required))
            bound.Values[parameter.Name].ShouldBe(parameter.DefaultIn(generation), parameter.Name);
    }

    [Theory, MemberData(nameof(Methods))]
    public void Null_by_name_means_the_default_and_hashes_like_it(string name, ApiGeneration generation)
    {
        var method = Catalogue.Find(name)!;
        var required = Samples.Required(method, generation);
        var absent = Bind(method, generation, Samples.Text(required));
        var nulls = new Dictionary<string, string>(required);
        var written = new Dictionary<string, string>(required);
        foreach (var parameter in method.Parameters.Where(p => !p.Required))
        {
            nulls[parameter.NameIn(generation)] = "null";
            written[parameter.NameIn(generation)] = DefaultText(parameter, generation);
        }
        foreach (var bound in new[] { Bind(method, generation, Samples.Text(nulls)), Bind(method, generation, Samples.Text(written)) })
        {
            foreach (var parameter in method.Parameters.Where(p => !p.Required))
                bound.Values[parameter.Name].ShouldBe(parameter.DefaultIn(generation), parameter.Name);
            ArgumentsHash.Compute(method, bound).ShouldBe(ArgumentsHash.Compute(method, absent));
        }
    }

    [Fact]
    public void The_same_request_has_the_same_hash_in_either_generation()
    {
        foreach (var method in Catalogue.Methods)
        {
            ulong Hash(ApiGeneration generation) => ArgumentsHash.Compute(method, Bind(method, generation, Samples.Text(Samples.Required(method, generation))));
            Hash(ApiGeneration.V1).ShouldBe(Hash(ApiGeneration.V2), method.Name);
        }
    }

    [Fact]
    public void A_request_without_what_came_later_hashes_as_before_there_was_any_and_one_that_an_older_node_read_as_well()
    {
        foreach (var method in Catalogue.Methods.Where(static method => method.Parameters.Any(IsLater)))
        {
            var before = method with { Parameters = [.. method.Parameters.Where(static parameter => !IsLater(parameter))] };
            var bound = Bind(method, ApiGeneration.V2, Samples.Text(Samples.Required(method, ApiGeneration.V2)));
            var older = Bind(before, ApiGeneration.V2, Samples.Text(Samples.Required(method, ApiGeneration.V2)));
            ArgumentsHash.Compute(method, bound).ShouldBe(ArgumentsHash.Compute(before, older));
            ArgumentsHash.Compute(method, older).ShouldBe(ArgumentsHash.Compute(before, older));
            var required = Samples.Required(method, ApiGeneration.V2);
            var later = method.Parameters.First(IsLater);
            required.Add(later.Name, later.Kind == ParameterKind.Headers ? """{"X-A":"1"}""" : "16000");
            ArgumentsHash.Compute(method, Bind(method, ApiGeneration.V2, Samples.Text(required))).ShouldNotBe(ArgumentsHash.Compute(method, bound));
        }
    }

    private static bool IsLater(ParameterDefinition parameter) => parameter.Kind is ParameterKind.Headers or ParameterKind.RecordRate;

    private static string DefaultText(ParameterDefinition parameter, ApiGeneration generation)
    {
        using var stream = new MemoryStream();
        using (var writer = new System.Text.Json.Utf8JsonWriter(stream)) Documents.ParameterSchema.WriteDefault(writer, parameter, generation);
        return System.Text.Encoding.UTF8.GetString(stream.ToArray());
    }

    [Theory, MemberData(nameof(Methods))]
    public void Every_parameter_has_the_type_that_commands_are_built_from(string name, ApiGeneration generation)
    {
        var method = Catalogue.Find(name)!;
        var bound = Bind(method, generation, Samples.Text(method.Parameters.ToDictionary(p => p.NameIn(generation), p => Samples.Valid(p, generation))));
        foreach (var parameter in method.Parameters.Where(p => p.Name != "parent_conf_res_id"))
        {
            var type = parameter.Kind switch
            {
                ParameterKind.Int32 or ParameterKind.RecordRate => typeof(int),
                ParameterKind.Int64 => typeof(long),
                ParameterKind.Boolean => typeof(bool),
                ParameterKind.TargetUris or ParameterKind.Headers => typeof(ImmutableArray<string>),
                ParameterKind.Content => typeof(PlayContent),
                _ => typeof(string),
            };
            bound.Values[parameter.Name].ShouldNotBeNull().GetType().ShouldBe(type, parameter.Name);
        }
    }

    [Fact]
    public void The_catalogue_names_each_thing_once()
    {
        Catalogue.Methods.Select(m => m.Name).ShouldBeUnique();
        Catalogue.Events.Select(e => e.Name).ShouldBeUnique();
        foreach (var method in Catalogue.Methods) method.Parameters.SelectMany(p => p.Aliases.Append(p.Name)).ShouldBeUnique();
    }

    private static RpcArguments Bind(MethodDefinition method, ApiGeneration generation, string text)
    {
        ArgumentBinder.TryBind(method, generation, System.Text.Encoding.UTF8.GetBytes(text), SpokenRules.WithoutRoots, out var arguments).ShouldBeNull(text);
        return arguments;
    }

    private static string Canonical(object? value) => value switch
    {
        ImmutableArray<string> list => string.Join(' ', list),
        PlayContent content => string.Join(' ', content.Elements),
        _ => JsonSerializer.Serialize(value),
    };
}
