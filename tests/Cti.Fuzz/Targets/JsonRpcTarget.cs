using Cti.Calls.Api;
using Cti.Gateway.Rpc;
using Cti.Kernel;

namespace Cti.Fuzz.Targets;

/// <summary>Feeds arbitrary bytes to everything that reads a request before it reaches a resource.</summary>
public static class JsonRpcTarget
{
    /// <summary>Reads a JSON-RPC text as both generations would; any exception is a finding.</summary>
    public static void Run(ReadOnlySpan<byte> input)
    {
        var elements = new List<Range>();
        if (RpcText.Scan(input, elements, out _) is { } error) RpcWriter.Refusal(null, error);
        foreach (var element in elements)
        {
            var envelope = RpcEnvelope.Read(input[element]);
            if (envelope.Error is null && Catalogue.Find(envelope.Method) is { } method) Bind(method, input[element][envelope.Params]);
            RpcWriter.Refusal(envelope.Id, envelope.Error ?? RpcError.InvalidParam("x", envelope.Method));
        }
        // The same bytes as params of every method: the fuzzer need not find their names first.
        foreach (var method in Catalogue.Methods) Bind(method, input);
    }

    private static void Bind(MethodDefinition method, ReadOnlySpan<byte> json)
    {
        foreach (var generation in (ReadOnlySpan<ApiGeneration>)[ApiGeneration.V1, ApiGeneration.V2])
            if (ArgumentBinder.TryBind(method, generation, json, MediaRoots.None, out var arguments) is null) ArgumentsHash.Compute(method, arguments);
    }
}
