using Cti.Contract;

namespace Cti.Contract.Tests;

/// <summary>A request carries its method's definition, so that nobody behind the door looks a name up or cuts one up.</summary>
public sealed class RpcRequestTests
{
    private static RpcRequest Named(string method) => new("app", false, ApiGeneration.V2, method, new RpcArguments(new Dictionary<string, object?>()), null, 0);

    [Fact]
    public void A_method_named_in_code_is_the_catalogue_s() =>
        Catalogue.Methods.ShouldAllBe(static method => ReferenceEquals(Named(method.Name).Definition, method) && Named(method.Name).Method == method.Name);

    [Fact]
    public void A_name_that_is_no_method_s_is_refused_where_it_is_written() => Should.Throw<ArgumentException>(static () => Named("sys.call.dance"));

    [Fact]
    public void A_name_is_a_module_and_a_verb() =>
        Catalogue.Methods.ShouldAllBe(static method => method.Name == method.Module + "." + method.Verb
            && !method.Verb.Contains('.', StringComparison.Ordinal));
}
