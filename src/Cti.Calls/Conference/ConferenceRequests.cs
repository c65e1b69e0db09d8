using System.Collections.Immutable;
using Cti.Calls.Call;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Kernel;

namespace Cti.Calls.Conference;

/// <summary>Turns validated requests into commands.</summary>
public static class ConferenceRequests
{
    /// <summary>The command of <c>construct</c>.</summary>
    /// <param name="request">The request.</param>
    /// <param name="id">The new resource.</param>
    /// <param name="recordPath">The resolved path of <c>record_file</c>; null for none.</param>
    public static ConstructConference Construct(RpcRequest request, ResourceId id, string? recordPath)
    {
        var args = request.Arguments;
        return new ConstructConference
        {
            Id = id,
            Application = request.Application,
            MaxSeconds = args.Int32("max_seconds"),
            RecordPath = recordPath,
            RecordFormat = recordPath is null ? null : RecordFormats.Default,
            Background = CallRequests.JoinedFiles(args.OptionalString("bg_file")),
            PartsThreshold = args.Int32("parts_threshold"),
            UserData = args.OptionalString("user_data"),
            TalkerEvents = args.Boolean("talker_events"),
        };
    }

    /// <summary>
    /// The command of a request on an existing conference, or null for a method that is none (construct, queries of the router).
    /// </summary>
    /// <param name="request">The request.</param>
    /// <param name="recordPath">The resolved path of <c>record_file</c>; needed for <c>record_start</c>.</param>
    public static ResourceCommand? FromRpc(RpcRequest request, string? recordPath) =>
        Read(request, recordPath) is { } read ? read with { Generation = request.Generation } : null;

    private static ResourceRequest? Read(RpcRequest request, string? recordPath)
    {
        var args = request.Arguments;
        return request.Method switch
        {
            "sys.conf.release" => new ReleaseConference(),
            "sys.conf.get_parts" => new ListMembers(),
            "sys.conf.play_start" => new StartConferencePlay(CallRequests.Files(args.Content("content")), args.Boolean("is_loop")),
            "sys.conf.play_stop" => new StopConferencePlay(),
            "sys.conf.record_start" => new StartConferenceRecord(args.Int32("max_seconds"),
                recordPath ?? throw new ArgumentNullException(nameof(recordPath)), args.String("record_format")),
            "sys.conf.record_stop" => new StopConferenceRecord(),
            "sys.conf.set_parts_threshold" => new SetThreshold(args.Int32("value")),
            "sys.conf.set_part_voice_mode" => new SetMemberMode(args.String("call_res_id"), args.Int32("mode")),
            "sys.conf.set_part_volume" => new SetMemberVolume(args.String("call_res_id"), args.Int32("volume")),
            "sys.conf.nop" => new TouchConference(),
            _ => null,
        };
    }
}
