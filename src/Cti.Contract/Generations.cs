using System.Collections.Frozen;
using System.Collections.Immutable;

namespace Cti.Contract;

/// <summary>
/// Everything in which the two generations of the API differ (rpc.md, <i>Generations</i>), and the only place that knows: the rest of the code asks here.
/// </summary>
public static class Generations
{
    private static readonly ImmutableArray<(int Number, string Name)> FormatsV1 =
        [(1, "Pcm8"), (2, "Alaw"), (3, "Ulaw"), (4, "ImaAdpcm"), (5, "Gsm"), (6, "Mp3")];

    private static readonly ImmutableArray<(int Number, string Name)> FormatsV2 =
        [(1, "OkiAdpcm"), (3, "Alaw"), (4, "G726"), (7, "Ulaw"), (8, "Pcm8"), (21, "G721")];

    private static readonly FrozenDictionary<string, string> NamesV1 =
        new Dictionary<string, string> { ["breaking_on_key"] = "if_break_on_key" }.ToFrozenDictionary(StringComparer.Ordinal);

    private static readonly FrozenSet<string> NullByDefaultInV1 = new[] { "local_volume", "remote_volume" }.ToFrozenSet(StringComparer.Ordinal);

    // record_mode and record_format are described in the document of the flow, but its signature lacks them.
    private static readonly ImmutableArray<string> DuoPositions =
    [
        "from1_uri", "to1_uri", "from2_uri", "to2_uri", "max_connect_seconds", "max_ring_seconds", "ring_play_file", "ring_play_mode",
        "record_file", "user_data1", "user_data2",
    ];

    private static readonly FrozenDictionary<string, ImmutableArray<string>> PositionsV1 = new Dictionary<string, ImmutableArray<string>>
    {
        ["sys.call.construct"] = ["from_uri", "to_uri", "max_answer_seconds", "max_ring_seconds", "parent_call_res_id", "ring_play_file", "user_data"],
        ["sys.call.redirect"] = ["res_id", "redirect_uri"],
        ["sys.call.play_start"] = ["res_id", "content", "finish_keys"],
        ["sys.call.receive_dtmf_start"] = ["res_id", "valid_keys", "max_keys", "finish_keys", "first_key_timeout", "continues_keys_timeout", "play_content",
            "play_repeat", "breaking_on_key"],
        ["ext.duo_callback.construct"] = DuoPositions,
    }.ToFrozenDictionary(StringComparer.Ordinal);

    private static readonly FrozenDictionary<string, ImmutableArray<string>> PositionsV2 = new Dictionary<string, ImmutableArray<string>>
    {
        ["ext.duo_callback.construct"] = DuoPositions,
    }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>Both, the older one first.</summary>
    public static ImmutableArray<ApiGeneration> All { get; } = [ApiGeneration.V1, ApiGeneration.V2];

    /// <summary>The spelling of a parameter in a generation's documents; the other one is accepted too.</summary>
    public static string NameOf(string parameter, ApiGeneration generation) =>
        generation == ApiGeneration.V1 && NamesV1.TryGetValue(parameter, out var name) ? name : parameter;

    /// <summary>The default of a parameter in a generation.</summary>
    /// <param name="parameter">Its name.</param>
    /// <param name="present">The present generation's default.</param>
    /// <param name="generation">Which.</param>
    public static object? DefaultOf(string parameter, object? present, ApiGeneration generation) =>
        generation == ApiGeneration.V1 && NullByDefaultInV1.Contains(parameter) ? null : present;

    /// <summary>
    /// A value as the present generation writes it: a default that the older one writes otherwise (volumes: null for unchanged) asks for the same.
    /// </summary>
    public static object? PresentOf(ParameterDefinition parameter, object? value) =>
        !parameter.Required && Equals(value, parameter.DefaultIn(ApiGeneration.V1)) ? parameter.Default : value;

    /// <summary>Names of parameters in the order of the signature in a generation's documents; null where that is the contract's.</summary>
    public static ImmutableArray<string>? PositionsOf(string method, ApiGeneration generation) =>
        (generation == ApiGeneration.V1 ? PositionsV1 : PositionsV2).TryGetValue(method, out var positions) ? positions : null;

    /// <summary>Number and name of every recording format.</summary>
    public static ImmutableArray<(int Number, string Name)> FormatsOf(ApiGeneration generation) => generation == ApiGeneration.V1 ? FormatsV1 : FormatsV2;

    /// <summary>Whose table of formats a parameter takes: <c>ext.duo_callback</c> has the older one in both.</summary>
    public static ApiGeneration FormatTableOf(ParameterKind kind, ApiGeneration generation) =>
        kind == ParameterKind.RecordFormatV1 ? ApiGeneration.V1 : generation;

    /// <summary>The name of a call's state: the older generation knows no <c>Ring</c>.</summary>
    public static string NameOf(CallPhase phase, ApiGeneration generation) =>
        generation == ApiGeneration.V1 && phase == CallPhase.Ring ? nameof(CallPhase.Initiated) : phase.ToString();
}
