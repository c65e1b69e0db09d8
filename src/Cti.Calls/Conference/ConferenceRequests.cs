using System.Collections.Frozen;
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
        Readers.TryGetValue(request.Definition, out var read) ? read(request.Arguments, recordPath) with { Generation = request.Generation } : null;

    private static readonly FrozenDictionary<MethodDefinition, Func<RpcArguments, string?, ResourceRequest>> Readers =
        new Dictionary<string, Func<RpcArguments, string?, ResourceRequest>>
        {
            ["sys.conf.release"] = static (_, _) => new ReleaseConference(),
            ["sys.conf.get_parts"] = static (_, _) => new ListMembers(),
            ["sys.conf.play_start"] = static (args, _) => new StartConferencePlay(CallRequests.Files(args.Content("content")), args.Boolean("is_loop")),
            ["sys.conf.play_stop"] = static (_, _) => new StopConferencePlay(),
            ["sys.conf.record_start"] = static (args, path) =>
                new StartConferenceRecord(args.Int32("max_seconds"), path ?? throw new ArgumentNullException(nameof(path)), RecordFormats.Asked(args)),
            ["sys.conf.record_stop"] = static (_, _) => new StopConferenceRecord(),
            ["sys.conf.set_parts_threshold"] = static (args, _) => new SetThreshold(args.Int32("value")),
            ["sys.conf.set_part_voice_mode"] = static (args, _) => new SetMemberMode(args.String("call_res_id"), args.Int32("mode")),
            ["sys.conf.set_part_volume"] = static (args, _) => new SetMemberVolume(args.String("call_res_id"), args.Int32("volume")),
            ["sys.conf.nop"] = static (_, _) => new TouchConference(),
        }.ToFrozenDictionary(static reader => Catalogue.Get(reader.Key), static reader => reader.Value);
}
