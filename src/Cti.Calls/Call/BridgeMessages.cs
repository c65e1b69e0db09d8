using System.Text.Json.Serialization;
using Cti.Calls.Resources;
using Cti.Kernel;

namespace Cti.Calls.Call;

/// <summary>A first party asks this call to join its bridge; asked again whenever one of the two has a new owner.</summary>
/// <param name="Op">The saga.</param>
/// <param name="First">The first party.</param>
public sealed record JoinAsked(string Op, string First) : CrossingCommand
{
    /// <summary>Whether the bridge stands for the first party: a second that does not know it has left.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool IsConnected { get; init; }

    /// <summary>Where the first party's node takes the second's sound; null where both are on one node.</summary>
    public LinkSound? Link { get; init; }
}

/// <summary>The second party's answer.</summary>
/// <param name="Op">The saga.</param>
/// <param name="Second">The second party.</param>
/// <param name="Refusal">Why not; null when it joined.</param>
public sealed record JoinAnswered(string Op, string Second, RpcError? Refusal) : CrossingCommand
{
    /// <summary>Where the second party's node takes the first's sound; null where both are on one node.</summary>
    public LinkSound? Link { get; init; }

    /// <summary>Whether this node's media side already carries the bridge's sound: then a repeated answer changes nothing. Set where it is received.</summary>
    [JsonIgnore]
    public bool HasSound { get; init; }

    /// <inheritdoc/>
    [JsonIgnore]
    public override bool AnswersHeld => Refusal is null;
}

/// <summary>The other party left the bridge, or does not know it.</summary>
public sealed record BridgeParted(string Op) : CrossingCommand;

/// <summary>A second party asks the first whether the bridge is still on: one of the two has a new owner.</summary>
/// <param name="Op">The saga.</param>
/// <param name="Second">Who asks.</param>
public sealed record BridgeAsked(string Op, string Second) : CrossingCommand;

/// <summary>Asks the first party whether the bridge is still on.</summary>
/// <param name="First">The first party.</param>
/// <param name="Op">The saga.</param>
public sealed record AskFirst(string First, string Op) : ResourceEffect;
