using System.Text.Json.Serialization;

namespace Cti.Calls.Resources;

/// <summary>A fact of a resource's journal.</summary>
public abstract record ResourceEntry
{
    /// <summary>When, Unix milliseconds.</summary>
    [JsonPropertyName("at")]
    public long AtMillis { get; init; }

    /// <summary>How many events went out with it.</summary>
    [JsonPropertyName("ev"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public int Events { get; init; }
}
