using System.Collections.Immutable;
using Cti.Calls.Api;
using Cti.Calls.Conference;
using Cti.Calls.Resources;
using Cti.Calls.Speech;

namespace Cti.Calls.Call;

/// <summary>Turns validated requests into commands.</summary>
public static class CallRequests
{
    /// <summary>
    /// The command of a request on an existing call, or null for a method that is none (construct, queries).
    /// </summary>
    /// <param name="request">The request.</param>
    /// <param name="recordPath">The resolved path of <c>record_file</c>; needed for <c>record_start</c>.</param>
    /// <param name="op">A new name for a saga over two resources; needed for <c>connect_start</c> and <c>conf_enter</c>.</param>
    public static ResourceCommand? FromRpc(RpcRequest request, string? recordPath, string? op = null) =>
        Read(request, recordPath, op) is { } read ? read with { Generation = request.Generation } : null;

    private static ResourceRequest? Read(RpcRequest request, string? recordPath, string? op)
    {
        var args = request.Arguments;
        return request.Method switch
        {
            "sys.call.answer" => new AnswerCall(args.Int32("max_answer_seconds"), args.OptionalString("user_data")),
            "sys.call.reject" => new RejectCall(args.Int32("cause"), args.OptionalString("user_data")),
            "sys.call.redirect" => new RedirectCall(args.String("redirect_uri"), args.OptionalString("user_data")),
            "sys.call.drop" => new DropCall(args.Int32("cause"), request.Generation),
            "sys.call.nop" => new TouchCall(),
            "sys.call.play_start" => new StartPlay(Files(args.Content("content")), Text(args, "finish_keys"), args.Int32("repeat")),
            "sys.call.play_stop" => new StopPlay(),
            "sys.call.record_start" => new StartRecord(args.Int32("max_seconds"), args.Boolean("beep"),
                recordPath ?? throw new ArgumentNullException(nameof(recordPath)), args.String("record_format"), Text(args, "finish_keys")),
            "sys.call.record_stop" => new StopRecord(),
            "sys.call.send_dtmf_start" => new StartSendKeys(args.String("keys")),
            "sys.call.receive_dtmf_start" => new StartReceiveKeys(Keys(args)),
            "sys.call.connect_start" => new StartConnect(op ?? throw new ArgumentNullException(nameof(op)), args.String("call_res_id"), new BridgeSpec
            {
                MaxSeconds = args.Int32("max_seconds"),
                Mode = args.Int32("connect_mode"),
                LocalVolume = args.OptionalInt32("local_volume") ?? 0,
                RemoteVolume = args.OptionalInt32("remote_volume") ?? 0,
                RecordPath = recordPath,
                RecordFormat = recordPath is null ? null : args.String("record_format"),
                ScheduleAtSeconds = args.Int64("schedule_play_time"),
                ScheduleFile = args.OptionalString("schedule_play_file"),
                ScheduleTimes = args.Int32("schedule_play_loop"),
            }),
            "sys.call.connect_stop" => new StopConnect(),
            "sys.call.conf_enter" => new EnterConference(op ?? throw new ArgumentNullException(nameof(op)), args.String("conf_res_id"))
            {
                MaxSeconds = args.Int32("max_seconds"),
                VoiceMode = args.Int32("voice_mode"),
                Volume = args.OptionalInt32("volume"),
                EntrySound = ConferenceRequests.Files(args.OptionalString("play_file")),
            },
            "sys.call.conf_exit" => new ExitConference(args.String("conf_res_id")),
            "sys.call.stop_receive_dtmf_start" or "sys.call.receive_dtmf_stop" => new StopReceiveKeys(),
            _ => null,
        };
    }

    /// <summary>The parameters of <c>receive_dtmf_start</c>, which a flow takes as well.</summary>
    internal static ReceiveKeysSpec Keys(RpcArguments args) => new()
    {
        ValidKeys = Text(args, "valid_keys"),
        MaxKeys = args.Int32("max_keys"),
        FinishKeys = Text(args, "finish_keys"),
        FirstKeySeconds = args.Int32("first_key_timeout"),
        NextKeySeconds = args.Int32("continues_keys_timeout"),
        Files = Files(args.Content("play_content")),
        PlayRepeat = args.Int32("play_repeat"),
        BreakOnKey = args.Boolean("breaking_on_key"),
        IncludeFinishKey = args.Boolean("including_finish_key"),
    };

    /// <summary>What play content plays, in order: names of files, and of what is spoken (<see cref="SpokenNames"/>).</summary>
    public static ImmutableArray<string> Files(PlayContent? content) =>
        content is null ? [] : [.. content.Elements.Select(SpokenNames.Of)];

    private static string Text(RpcArguments args, string name) => args.OptionalString(name) ?? "";
}
