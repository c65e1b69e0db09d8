using Cti.Calls.Resources;
using Cti.Contract;

namespace Cti.Calls.Extensions;

/// <summary>The documented states of a flow (ext).</summary>
public enum FlowPhase
{
    /// <summary>The first party is being called.</summary>
    Initiated,
    /// <summary>The first party is up: it hears the message, presses keys, or waits for the second one.</summary>
    Answered,
    /// <summary>Both parties are up and connected.</summary>
    Connected,
    /// <summary>Over.</summary>
    Released,
}

/// <summary>How far the call to a party is.</summary>
public enum PartyStage
{
    /// <summary>Not called yet.</summary>
    Waiting,
    /// <summary>Being called; whether its call exists already is <see cref="FlowParty.Call"/>.</summary>
    Calling,
    /// <summary>Up.</summary>
    Up,
    /// <summary>Its dialling failed; the call's release follows.</summary>
    Failed,
    /// <summary>Its call is released, or never came to be.</summary>
    Gone,
}

/// <summary>One party of a flow. Times are Unix milliseconds.</summary>
public sealed record FlowParty
{
    /// <summary>How far it is.</summary>
    public required PartyStage Stage { get; init; }
    /// <summary>The URI that is called, once it is chosen.</summary>
    public string? ToUri { get; init; }
    /// <summary>Its call's resource id, once it exists.</summary>
    public string? Call { get; init; }
    /// <summary>When its calling began.</summary>
    public long BeginMillis { get; init; }
    /// <summary>When it answered.</summary>
    public long? AnswerMillis { get; init; }
    /// <summary>Who ended its call (<c>sys</c>, <c>usr</c>), as the call said.</summary>
    public string? DroppedBy { get; init; }
    /// <summary>How many of its call's notices are journaled here: what is told again is known.</summary>
    public int Heard { get; init; }
}

/// <summary>How a flow ends: decided, while the ends of its calls are awaited.</summary>
/// <param name="Error">The event's error, or null.</param>
/// <param name="Message">Its message.</param>
public sealed record FlowEnd(int? Error, string? Message);

/// <summary>A ready-made flow as its journal tells it: an application inside the server that drives one or two calls of its own.</summary>
public sealed record FlowState : ResourceState
{
    /// <summary>What was asked for.</summary>
    public required FlowSpec Spec { get; init; }
    /// <summary>The first party, or the only one.</summary>
    public required FlowParty First { get; init; }
    /// <summary>The second party of a <c>duo_callback</c>.</summary>
    public FlowParty? Second { get; init; }
    /// <summary>Whether the message is being played, or keys are being collected.</summary>
    public bool HasBegun { get; init; }
    /// <summary>The keys that came.</summary>
    public string Keys { get; init; } = "";
    /// <summary>When the two parties were connected, in Unix milliseconds.</summary>
    public long? ConnectMillis { get; init; }
    /// <summary>Whether the first party is being recorded before there is a connection.</summary>
    public bool IsRecording { get; init; }
    /// <summary>How it ends, once that is decided.</summary>
    public FlowEnd? End { get; init; }
    /// <summary>Whether it is over.</summary>
    public bool WasReleased { get; init; }

    /// <summary>The documented state.</summary>
    public FlowPhase Phase => WasReleased ? FlowPhase.Released
        : ConnectMillis is not null ? FlowPhase.Connected
        : First.AnswerMillis is not null ? FlowPhase.Answered
        : FlowPhase.Initiated;

    /// <inheritdoc/>
    public override bool IsReleased => WasReleased;

    /// <inheritdoc/>
    public override bool IsOver => WasReleased;

    /// <summary>A party by its number.</summary>
    /// <param name="number">1 or 2.</param>
    public FlowParty? Party(int number) => number == 1 ? First : Second;

    /// <summary>What a party is called with.</summary>
    /// <param name="number">1 or 2.</param>
    public PartySpec PartySpec(int number) => number == 2 && Spec is DuoSpec duo ? duo.Second : Spec.First;

    /// <inheritdoc/>
    public override string StateName(ApiGeneration generation) => Phase.ToString();

    /// <inheritdoc/>
    public override ReadOnlyMemory<byte> Describe(ApiGeneration generation) => FlowQueries.Get(this);

    /// <summary>Keeps keys out of logs.</summary>
    public override string ToString() => $"FlowState {Id} {Phase}";
}
