using System.Collections.Frozen;
using System.Collections.Immutable;
using Cti.Calls.Call.Sagas;
using Cti.Calls.Resources;
using Cti.Calls.Speech;
using Cti.Contract;

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
    public static ResourceCommand? FromRpc(RpcRequest request, string? recordPath, string? op = null) => Readers.TryGetValue(request.Definition, out var reader)
        ? reader.Read(request, recordPath, op) with { Generation = request.Generation }
        : null;

    /// <summary>The command that a method becomes; null for one that is none.</summary>
    public static Type? TypeOf(string method) => Catalogue.Find(method) is { } known && Readers.TryGetValue(known, out var reader) ? reader.Command : null;

    private static readonly FrozenDictionary<MethodDefinition, (Type Command, Func<RpcRequest, string?, string?, ResourceRequest> Read)> Readers =
        new Dictionary<string, (Type, Func<RpcRequest, string?, string?, ResourceRequest>)>
        {
            ["sys.call.answer"] = Read(static args => new AnswerCall(args.Int32("max_answer_seconds"), args.OptionalString("user_data"),
                args.HeaderLines("headers"))),
            ["sys.call.reject"] = Read(static args => new RejectCall(args.Int32("cause"), args.OptionalString("user_data"), args.HeaderLines("headers"))),
            ["sys.call.redirect"] = Read(static args => new RedirectCall(args.String("redirect_uri"), args.OptionalString("user_data"),
                args.HeaderLines("headers"))),
            ["sys.call.drop"] = (typeof(DropCall), static (request, _, _) => new DropCall(request.Arguments.Int32("cause"), request.Generation)
            {
                Headers = request.Arguments.HeaderLines("headers"),
            }),
            ["sys.call.refer"] = (typeof(ReferCall), static (request, _, op) => Refer(request.Arguments, op)),
            ["sys.call.refer_accept"] = Read(static _ => new AcceptRefer()),
            ["sys.call.refer_reject"] = Read(static args => new RejectRefer(args.Int32("cause"))),
            ["sys.call.refer_notify"] = Read(static args => new NotifyRefer(args.Int32("status"))),
            ["sys.call.nop"] = Read(static _ => new TouchCall()),
            ["sys.call.play_start"] = Read(static args => new StartPlay(Files(args.Content("content")), Text(args, "finish_keys"), args.Int32("repeat"))),
            ["sys.call.play_stop"] = Read(static _ => new StopPlay()),
            ["sys.call.record_start"] = (typeof(StartRecord), static (request, path, _) => Record(request.Arguments, path)),
            ["sys.call.record_stop"] = Read(static _ => new StopRecord()),
            ["sys.call.send_dtmf_start"] = Read(static args => new StartSendKeys(args.String("keys"))),
            ["sys.call.receive_dtmf_start"] = Read(static args => new StartReceiveKeys(Keys(args))),
            ["sys.call.stop_receive_dtmf_start"] = Read(static _ => new StopReceiveKeys()),
            ["sys.call.receive_dtmf_stop"] = Read(static _ => new StopReceiveKeys()),
            ["sys.call.connect_start"] = (typeof(StartConnect), static (request, path, op) => Connect(request.Arguments, path, op)),
            ["sys.call.connect_stop"] = Read(static _ => new StopConnect()),
            ["sys.call.conf_enter"] = (typeof(EnterConference), static (request, _, op) => Enter(request.Arguments, op)),
            ["sys.call.conf_exit"] = Read(static args => new ExitConference(args.String("conf_res_id"))),
        }.ToFrozenDictionary(static reader => Catalogue.Get(reader.Key), static reader => reader.Value);

    private static (Type, Func<RpcRequest, string?, string?, ResourceRequest>) Read<TRequest>(Func<RpcArguments, TRequest> read)
        where TRequest : ResourceRequest => (typeof(TRequest), (request, _, _) => read(request.Arguments));

    private static StartRecord Record(RpcArguments args, string? path) => new(args.Int32("max_seconds"), args.Boolean("beep"),
        path ?? throw new ArgumentNullException(nameof(path)), RecordFormats.Asked(args), Text(args, "finish_keys"));

    private static ReferCall Refer(RpcArguments args, string? op) => new(op ?? throw new ArgumentNullException(nameof(op)),
        args.OptionalString("to_uri") is { } uri ? SipUriForm.WithScheme(uri) : null, args.OptionalString("replaces_call_res_id"), args.Boolean("reports"),
        args.HeaderLines("headers"));

    private static StartConnect Connect(RpcArguments args, string? path, string? op) =>
        new(op ?? throw new ArgumentNullException(nameof(op)), args.String("call_res_id"), new BridgeSpec
        {
            MaxSeconds = args.Int32("max_seconds"),
            Mode = args.Int32("connect_mode"),
            LocalVolume = args.OptionalInt32("local_volume") ?? 0,
            RemoteVolume = args.OptionalInt32("remote_volume") ?? 0,
            RecordPath = path,
            RecordFormat = path is null ? null : RecordFormats.Asked(args),
            ScheduleAtSeconds = args.Int64("schedule_play_time"),
            ScheduleFile = args.OptionalString("schedule_play_file"),
            ScheduleTimes = args.Int32("schedule_play_loop"),
        });

    private static EnterConference Enter(RpcArguments args, string? op) => new(op ?? throw new ArgumentNullException(nameof(op)), args.String("conf_res_id"))
    {
        MaxSeconds = args.Int32("max_seconds"),
        VoiceMode = args.Int32("voice_mode"),
        Volume = args.OptionalInt32("volume"),
        EntrySound = JoinedFiles(args.OptionalString("play_file")),
    };

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

    /// <summary>File names joined by <c>|</c>, in order; null or "" is none.</summary>
    public static ImmutableArray<string> JoinedFiles(string? joined) =>
        string.IsNullOrEmpty(joined) ? [] : [.. joined.Split('|', StringSplitOptions.RemoveEmptyEntries)];

    private static string Text(RpcArguments args, string name) => args.OptionalString(name) ?? "";
}
