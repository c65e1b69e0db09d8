using System.Collections.Frozen;
using System.Collections.Immutable;
using Cti.Kernel;

namespace Cti.Contract;

/// <summary>
/// Every method and event of the contract as data. Dispatch, validation, OpenRPC and the generated documentation all come from here.
/// </summary>
public static partial class Catalogue
{
    // The pieces in the other files are properties, not fields: fields of a partial class are initialised in no particular order.

    /// <summary>All DTMF keys.</summary>
    public const string DtmfKeys = "0123456789*#ABCD";

    /// <summary>Every method, those of later versions included.</summary>
    public static ImmutableArray<MethodDefinition> Methods { get; } =
        [.. CallMethods(), .. ConferenceMethods(), .. ExtMethods(), .. SystemMethods()];

    /// <summary>Every event, those of later versions included.</summary>
    public static ImmutableArray<EventDefinition> Events { get; } = [.. CallEvents(), .. ConferenceEvents(), .. ExtEvents(), .. SystemEvents()];

    private static readonly FrozenDictionary<string, MethodDefinition> ByName = Methods.ToFrozenDictionary(m => m.Name, StringComparer.Ordinal);

    /// <summary>The method of that name, available or not; null when the contract has none.</summary>
    public static MethodDefinition? Find(string name) => ByName.GetValueOrDefault(name);

    /// <summary>The method of a name that stands in the code.</summary>
    /// <exception cref="ArgumentException">The contract has none of that name.</exception>
    public static MethodDefinition Get(string name) => Find(name) ?? throw new ArgumentException($"the contract has no method {name}", nameof(name));

    /// <summary>
    /// The method that was probably meant by a name that is none: one that ends so, else the one with the fewest edits; null when none is near.
    /// </summary>
    public static string? NearestTo(string name)
    {
        foreach (var method in Methods)
            if (method.Name.EndsWith("." + name, StringComparison.OrdinalIgnoreCase)) return method.Name;
        return Nearest.Of(name, Methods.Select(static method => method.Name));
    }

    /// <summary>Codes that every method may answer.</summary>
    public static ImmutableArray<int> CommonErrors { get; } =
        [ErrorCodes.InvalidParams, ErrorCodes.Internal, ErrorCodes.Unauthorized, ErrorCodes.TooMany, ErrorCodes.Unavailable, ErrorCodes.OwnerTimeout];

    private static ParameterDefinition Res(string doc = "The resource.") => new("res_id", ParameterKind.ResourceId, doc) { Required = true };

    private static ParameterDefinition UserData(string name = "user_data") =>
        new(name, ParameterKind.Text, "The application's own text, in events and in the CDR.") { Nullable = true };

    private static ParameterDefinition From(string name = "from_uri") =>
        new(name, ParameterKind.CallerUri,
            "The caller shown: a SIP URI or a number; user `anonymous` hides it; null leaves it to the line.")
        { Nullable = true };

    private static ParameterDefinition To(string name = "to_uri") =>
        new(name, ParameterKind.TargetUris,
            "Whom to call, `[sip:]user@host[:port]`, or a list: the first whose gateway is up and has room is used.")
        { Required = true };

    private static ParameterDefinition Int(string name, long min, long max, string doc) => new(name, ParameterKind.Int32, doc) { Min = min, Max = max };

    private static ParameterDefinition Duration(string name, string doc) => Int(name, 1, Limits.DurationSecondsMax, doc + " Seconds.");

    private static ParameterDefinition RingSeconds() =>
        Duration("max_ring_seconds", "Longest ringing; past it the dialling fails with 408.") with { Default = 50 };

    private static ParameterDefinition Repeat(string name, int @default) =>
        Int(name, 0, Limits.RepeatMax, "How many times more it is played.") with { Default = @default };

    private static ParameterDefinition Headers(string message, bool asserts = false) => new("headers", ParameterKind.Headers,
        $"Header fields for the {message}: `{{\"X-Account\": \"42\"}}`, a list for several values of a name.")
    {
        Nullable = true,
        Choices = asserts ? [.. HeaderRules.Known, HeaderRules.AssertedIdentity, .. HeaderRules.OfReferred] : HeaderRules.Known,
    };

    private static ParameterDefinition File(string name, string doc) => new(name, ParameterKind.PlayFile, doc) { Nullable = true };

    private static ParameterDefinition Bool(string name, bool @default, string doc) => new(name, ParameterKind.Boolean, doc) { Default = @default };

    private static ParameterDefinition RecordFile(string doc) => new("record_file", ParameterKind.RecordFile, doc);

    private static ParameterDefinition Format() =>
        new("record_format", ParameterKind.RecordFormat, "The recording's format, a number of the generation's table.") { Default = RecordFormats.Default };

    private static ParameterDefinition Rate() => new("rate", ParameterKind.RecordRate,
        "16000, with the format Pcm8: linear PCM of 16 bit at 16 kHz, which holds what a wideband call says. Null, 8000: 8 kHz as the format says.")
    {
        Nullable = true,
    };

    private static ParameterDefinition Volume(string name, string doc) =>
        Int(name, -20, 20, doc + " dB; null: unchanged.") with { Nullable = true };

    private static ParameterDefinition Content(string name = "content") =>
        new(name, ParameterKind.Content, "What to play: file names joined by `|`, or a list of at most 30 `[content, type, options]`.");

    private static ResultDefinition Constructed(params FieldDefinition[] more) => new(FieldType.Object, "The new resource.",
    [
        new("res_id", FieldType.String, "Its id."), .. more, ProcessField,
    ]);

    private static FieldDefinition ProcessIdField => new("process_id", FieldType.Integer, "The id's last part.");

    private static FieldDefinition ProcessField =>
        new("ipsc_info", FieldType.Object, "`process_id`, the id's last part, as an integer.") { Fields = [ProcessIdField] };

    private static FieldDefinition CallProcessField => new("ipsc_info", FieldType.Object, "`process_id` and `call_id`, the SIP Call-ID.")
    {
        Fields = [ProcessIdField, new("call_id", FieldType.String, "The SIP Call-ID.")],
    };

    private static FieldDefinition UserDataField => new("user_data", FieldType.String, "The application's own text.", Nullable: true);

    private static ResultDefinition ExistsResult => new(FieldType.Boolean, "Whether it exists and is the application's own; never an error 404.", []);

    private static ResultDefinition PathResult => new(FieldType.String, "The recording's full path.", []);

    private static FieldDefinition Time(string name, string doc, bool nullable = false) => new(name, FieldType.Integer, doc + " Unix seconds.", nullable);

    private static FieldDefinition ResField => new("res_id", FieldType.String, "The resource.");

    private static FieldDefinition ErrorField => new("error", FieldType.Object, "Null, or `{code, message}`.", Nullable: true)
    {
        Fields = [new("code", FieldType.Integer, "What kind of end it was."), new("message", FieldType.String, "In words.")],
    };

    private static FieldDefinition BeginField => Time("begin_time", "When it began.");

    private static FieldDefinition EndField => Time("end_time", "When it ended.");

    private static FieldDefinition DroppedByField => new("dropped_by", FieldType.String, "`sys`: a method or a limit of ours; `usr`: the far end.");
}
