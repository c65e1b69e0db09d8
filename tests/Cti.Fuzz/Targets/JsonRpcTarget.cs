using System.Text;
using System.Text.Json;
using Cti.Calls.Speech;
using Cti.Contract;
using Cti.Gateway.Rpc;
using Cti.Kernel;

namespace Cti.Fuzz.Targets;

/// <summary>
/// Everything that reads a request before it reaches a resource: any text is a request of known parameters or a refusal, and the answer is JSON whatever the id
/// was.
/// </summary>
public sealed class JsonRpcTarget : IFuzzTarget
{
    public string Name => "jsonrpc";

    public IEnumerable<byte[]> Seeds =>
    [
        .. new[]
        {
            """{"jsonrpc":"2.0","id":"123e4567-e89b-12d3-a456-426614174000","method":"sys.call.construct","params":{"from_uri":"+8610","to_uri":["sip:100@[::"""
                + """1]:5060;transport=tcp","100@gw"],"max_answer_seconds":60,"ring_play_file":null,"user_data":"\u6570\n"}}""",
            """[{"jsonrpc":"2.0","id":1,"method":"sys.call.play_start","params":["0.0.7-sys.call-1",[["a.wav|b/../c.wav",7,"lang=en-US"]"""
                + """,["2012-9-8 1:5:3",4,""],[1086.30,6,null],[null,-1,""]],"*#",3]},{"jsonrpc":"2.0","method":"sys.call.nop","params":["r"]},1]""",
            """{"id":-1.5e3,"params":{"res_id":"r","valid_keys":"0123456789","max_keys":4,"if_break_on_key":false"""
                + ""","play_content":"a|b","including_finish_key":true},"method":"sys.call.receive_dtmf_start","jsonrpc":"2.0"}""",
            """{"jsonrpc":"2.0","id":null,"method":"sys.call.record_start","params":{"res_id":"r","max_seconds":5.0,"beep":false"""
                + ""","record_file":"../x","record_format":21,"finish_keys":""}}""",
            """{"jsonrpc":"2.0","id":"\ud83d\ude00","method":"sys.call.redirect","params":["r","sip:gw.example.com:5070"],"meta":{"a":[1,{"b":2}]}}""",
        }.Select(Encoding.UTF8.GetBytes),
    ];

    public void Run(ReadOnlySpan<byte> input)
    {
        var elements = new List<Range>();
        var answers = new List<byte[]?>();
        if (RpcText.Scan(input, elements, out _) is { } error) answers.Add(RpcWriter.Refusal(null, error));
        foreach (var element in elements)
        {
            var envelope = RpcEnvelope.Read(input[element]);
            var refusal = envelope.Error;
            if (refusal is null && Catalogue.Find(envelope.Method) is { } method) refusal = Bind(method, input[element][envelope.Params]);
            answers.Add(RpcWriter.Refusal(envelope.Id, refusal ?? RpcError.InvalidParam("x", envelope.Method)));
        }
        // The same bytes as params of every method: mutation need not find their names first.
        foreach (var method in Catalogue.Methods) answers.Add(RpcWriter.Refusal(null, Bind(method, input) ?? RpcError.InvalidParam("x", "y")));
        if (RpcWriter.Batch(answers) is not { } batch) return;
        using var document = JsonDocument.Parse(batch);
        if (document.RootElement.GetArrayLength() != answers.Count) throw new InvalidOperationException("an answer is missing");
    }

    private static RpcError? Bind(MethodDefinition method, ReadOnlySpan<byte> json)
    {
        RpcError? first = null;
        foreach (var generation in (ReadOnlySpan<ApiGeneration>)[ApiGeneration.V1, ApiGeneration.V2])
        {
            var error = ArgumentBinder.TryBind(method, generation, json, SpokenRules.WithoutRoots, out var arguments);
            if (error is { Code: not ErrorCodes.InvalidParams }) throw new InvalidOperationException($"refused with {error.Code}");
            if (error is null && ArgumentsHash.Compute(method, arguments) != ArgumentsHash.Compute(method, arguments))
                throw new InvalidOperationException("the hash changes");
            first ??= error;
        }
        return first;
    }
}
