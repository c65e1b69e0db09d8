using System.Collections.Immutable;

namespace Cti.Kernel;

/// <summary>The closed catalogue of codes that an application sees in <c>error.code</c>.</summary>
public static class ErrorCodes
{
    /// <summary>The text is not JSON.</summary>
    public const int ParseError = -32700;
    /// <summary>The JSON is not a request.</summary>
    public const int InvalidRequest = -32600;
    /// <summary>No such method.</summary>
    public const int MethodNotFound = -32601;
    /// <summary>A parameter is missing, unknown, mistyped or out of range.</summary>
    public const int InvalidParams = -32602;
    /// <summary>A fault of ours.</summary>
    public const int Internal = -32603;
    /// <summary>No or wrong key.</summary>
    public const int Unauthorized = 401;
    /// <summary>No such resource (never existed, released, or another application's); as an event error: file not found.</summary>
    public const int NotFound = 404;
    /// <summary>A limit on time was reached.</summary>
    public const int Timeout = 408;
    /// <summary>Not allowed in the present state.</summary>
    public const int Conflict = 409;
    /// <summary>The cursor has expired; as an event error: the call was hung up meanwhile.</summary>
    public const int Gone = 410;
    /// <summary>The request is too large.</summary>
    public const int TooLarge = 413;
    /// <summary>As an event error: format not supported.</summary>
    public const int Unsupported = 415;
    /// <summary>Over a rate or concurrency limit.</summary>
    public const int TooMany = 429;
    /// <summary>No usable gateway.</summary>
    public const int NoGateway = 480;
    /// <summary>Stopped by a method where that is an error.</summary>
    public const int Terminated = 487;
    /// <summary>As an event error: internal.</summary>
    public const int ServerError = 500;
    /// <summary>No capacity, draining or moving; as an event error: interrupted by the loss of a node.</summary>
    public const int Unavailable = 503;
    /// <summary>The owner did not answer in time.</summary>
    public const int OwnerTimeout = 504;
}

/// <summary>
/// A refusal as an application sees it: <c>error</c> of a JSON-RPC answer.
/// </summary>
/// <param name="Code">One of <see cref="ErrorCodes"/>.</param>
/// <param name="Message">What is wrong and what would be right.</param>
/// <param name="Data">Members of <c>error.data</c>: strings, integers, booleans or arrays of strings.</param>
public sealed record RpcError(int Code, string Message, ImmutableDictionary<string, object>? Data = null)
{
    /// <summary>-32602 with the parameter's name and the reason.</summary>
    public static RpcError InvalidParam(string param, string reason) =>
        new(ErrorCodes.InvalidParams, $"parameter {param}: {reason}", Bag("param", param).Add("reason", reason));

    /// <summary>404 for a resource that never existed, was released or is another application's.</summary>
    public static RpcError NoSuchResource(string resourceId) =>
        new(ErrorCodes.NotFound, $"no resource {resourceId}: it never existed, was released, or is not this application's", Bag("res_id", resourceId));

    /// <summary>409 with the present state and the states in which the method is allowed.</summary>
    public static RpcError WrongState(string method, string state, params string[] allowed) =>
        new(ErrorCodes.Conflict, $"{method} is not allowed in state {state}; it is in: {string.Join(", ", allowed)}",
            Bag("state", state).Add("allowed", allowed));

    /// <summary>503 with a hint when to try again, in milliseconds.</summary>
    public static RpcError Unavailable(string message, int retryAfterMillis = 1000) =>
        new(ErrorCodes.Unavailable, message, Bag("retry_after_ms", retryAfterMillis));

    /// <summary>503 while an instance has no owner that answers. Nothing was done, or it is not known: a request that may be repeated is.</summary>
    public static RpcError Moving() => Unavailable("the resource is moving between nodes", 200);

    /// <summary>Whether it is <see cref="Moving"/>.</summary>
    public bool IsMoving => Code == ErrorCodes.Unavailable && Message == "the resource is moving between nodes";

    /// <summary>The same error with one more member of <c>data</c>.</summary>
    public RpcError With(string key, object value) => this with { Data = (Data ?? ImmutableDictionary<string, object>.Empty).SetItem(key, value) };

    private static ImmutableDictionary<string, object> Bag(string key, object value) =>
        ImmutableDictionary<string, object>.Empty.Add(key, value);
}
