using Cti.Calls.Call;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Kernel;

namespace Cti.Calls.Extensions;

/// <summary>Turns validated requests into what flows work with.</summary>
public static class FlowRequests
{
    /// <summary>The command of a request on an existing flow, or null for a method that is none (construct, queries).</summary>
    public static ResourceCommand? FromRpc(RpcRequest request) => request.Definition.Verb switch
    {
        "cancel" => new CancelFlow { Generation = request.Generation },
        "drop" => new DropFlow(request.Method) { Generation = request.Generation },
        _ => null,
    };

    /// <summary>What a <c>construct</c> asks for.</summary>
    /// <param name="request">The request.</param>
    /// <param name="recordPath">The resolved path of its <c>record_file</c>, if it has one.</param>
    public static FlowSpec SpecOf(RpcRequest request, string? recordPath)
    {
        var args = request.Arguments;
        var ringSeconds = args.Int32("max_ring_seconds");
        switch (request.Definition.Module)
        {
            case Modules.NotifyCall:
                var message = args.Content("play_content")!;
                return new NotifySpec
                {
                    First = Party(args, "from_uri", "to_uri", "user_data"), MaxRingSeconds = ringSeconds, Content = message.Elements,
                    Files = CallRequests.Files(message), Repeat = args.Int32("play_repeat"),
                };
            case Modules.CaptchaCall:
                return new CaptchaSpec
                {
                    First = Party(args, "from_uri", "to_uri", "user_data"), MaxRingSeconds = ringSeconds,
                    Content = args.Content("play_content")?.Elements ?? [], Keys = CallRequests.Keys(args),
                };
            case Modules.DuoCallback:
                return new DuoSpec
                {
                    First = Party(args, "from1_uri", "to1_uri", "user_data1"), Second = Party(args, "from2_uri", "to2_uri", "user_data2"),
                    MaxRingSeconds = ringSeconds, MaxConnectSeconds = args.Int32("max_connect_seconds"),
                    RingPlayFile = args.OptionalString("ring_play_file"), RingPlayMode = args.Int32("ring_play_mode"),
                    RecordPath = recordPath, RecordMode = (DuoRecording)args.Int32("record_mode"), RecordFormat = args.String("record_format"),
                };
            default:
                throw new ArgumentException($"{request.Method} constructs no flow", nameof(request));
        }
    }

    /// <summary>The request that an application would construct a party's call with.</summary>
    public static RpcRequest CallOf(FlowState flow, int party)
    {
        var spec = flow.PartySpec(party);
        var duo = party == 2 ? flow.Spec as DuoSpec : null;
        return Internal(flow.Application, "sys.call.construct", new Dictionary<string, object?>(StringComparer.Ordinal)
        {
            ["from_uri"] = spec.FromUri,
            ["to_uri"] = spec.ToUris,
            // What limits it is the flow: its message, its keys, its connection.
            ["max_answer_seconds"] = Limits.DurationSecondsMax,
            ["max_ring_seconds"] = flow.Spec.MaxRingSeconds,
            // The first party hears the ring-back of the second.
            ["parent_call_res_id"] = duo is null ? null : flow.First.Call,
            ["parent_conf_res_id"] = null,
            ["ring_play_file"] = duo?.RingPlayFile,
            ["ring_play_mode"] = duo?.RingPlayMode ?? 0,
            ["user_data"] = spec.UserData,
        });
    }

    /// <summary>A request of a flow to one of its calls.</summary>
    public static RpcRequest Internal(string application, string method, IReadOnlyDictionary<string, object?>? arguments = null) =>
        new(application, false, ApiGeneration.V2, method, new RpcArguments(arguments ?? new Dictionary<string, object?>()), null, 0);

    private static PartySpec Party(RpcArguments args, string from, string to, string userData) =>
        new(args.OptionalString(from), args.Strings(to), args.OptionalString(userData));
}
