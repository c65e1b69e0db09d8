using Cti.Kernel;

namespace Cti.Gateway.Documents;

/// <summary>One line for each code that a method may answer.</summary>
internal static class ErrorTexts
{
    internal static string Of(int code) => code switch
    {
        ErrorCodes.ParseError => "the text is not JSON",
        ErrorCodes.InvalidRequest => "the JSON is not a request",
        ErrorCodes.MethodNotFound => "no such method",
        ErrorCodes.InvalidParams => "a parameter is missing, unknown, of the wrong type or out of range; data: param, reason",
        ErrorCodes.Internal => "a fault of ours; data: trace_id",
        ErrorCodes.Unauthorized => "no or wrong key",
        ErrorCodes.NotFound => "no such resource; data: res_id",
        ErrorCodes.Conflict => "not allowed in the resource's present state; data: state, allowed, res_id",
        ErrorCodes.Gone => "the cursor has expired; data: earliest",
        ErrorCodes.TooLarge => "request too large; data: limit",
        ErrorCodes.TooMany => "over the application's rate or concurrency limit; data: retry_after_ms",
        ErrorCodes.NoGateway => "no usable gateway for any to_uri; data: gateways",
        ErrorCodes.Unavailable => "no capacity, draining, or moving between nodes; data: retry_after_ms",
        ErrorCodes.OwnerTimeout => "the owner did not answer in time; retry with the same id",
        _ => throw new ArgumentOutOfRangeException(nameof(code), code, "not a code of requests"),
    };
}
