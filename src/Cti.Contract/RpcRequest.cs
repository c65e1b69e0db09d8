using Cti.Kernel;

namespace Cti.Contract;

/// <summary>The two generations of the API.</summary>
public enum ApiGeneration
{
    /// <summary>The older one, under /v1.</summary>
    V1 = 1,
    /// <summary>The present one, under /v2.</summary>
    V2 = 2,
}

/// <summary>A validated request of an application, on its way to the owner of a resource.</summary>
/// <param name="Application">Who asks.</param>
/// <param name="Admin">Whether its key is an administrator's.</param>
/// <param name="Generation">Through which generation.</param>
/// <param name="Definition">The method: its name was looked up when the request came in, and is only told from there on.</param>
/// <param name="Arguments">Every parameter of the method, defaults filled in.</param>
/// <param name="RequestId">The request's id where it is a UUID and the method changes something: repeats answer the first one's result.</param>
/// <param name="ParametersHash">A hash of method and arguments, for refusing the same id with other content.</param>
public sealed record RpcRequest(string Application, bool Admin, ApiGeneration Generation, MethodDefinition Definition, RpcArguments Arguments,
    Guid? RequestId, ulong ParametersHash)
{
    /// <summary>A request whose method is named in the code that makes it.</summary>
    /// <exception cref="ArgumentException">The contract has no such method.</exception>
    public RpcRequest(string application, bool admin, ApiGeneration generation, string method, RpcArguments arguments, Guid? requestId, ulong parametersHash)
        : this(application, admin, generation, Catalogue.Get(method), arguments, requestId, parametersHash)
    {
    }

    /// <summary>Full name, e.g. <c>sys.call.answer</c>.</summary>
    public string Method => Definition.Name;
}

/// <summary>The answer to a request: exactly one of the two is set.</summary>
/// <param name="Result">UTF-8 JSON of <c>result</c>.</param>
/// <param name="Error">The refusal.</param>
public readonly record struct RpcReply(ReadOnlyMemory<byte> Result, RpcError? Error)
{
    /// <summary>A result.</summary>
    public static RpcReply Ok(ReadOnlyMemory<byte> json) => new(json, null);

    /// <summary>A refusal.</summary>
    public static RpcReply Refused(RpcError error) => new(default, error);
}
