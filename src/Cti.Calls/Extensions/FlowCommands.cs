using System.Text.Json;
using Cti.Calls.Resources;
using Cti.Kernel;

namespace Cti.Calls.Extensions;

/// <summary>Creates a flow; its first party's gateway was chosen before.</summary>
/// <param name="Id">The new resource.</param>
/// <param name="Application">Whose.</param>
/// <param name="Spec">What is asked for.</param>
/// <param name="ToUri">The URI chosen for the first party.</param>
public sealed record BeginFlow(ResourceId Id, string Application, FlowSpec Spec, string ToUri) : ResourceCommand;

/// <summary><c>drop</c>.</summary>
public sealed record DropFlow(string Method) : ResourceRequest(Method);

/// <summary><c>cancel</c> of a <c>duo_callback</c>.</summary>
public sealed record CancelFlow() : ResourceRequest("ext.duo_callback.cancel");

/// <summary>What a flow asks of its calls.</summary>
public enum FlowAsk
{
    /// <summary><c>construct</c>.</summary>
    Construct,
    /// <summary>The start of the action that the flow is for: <c>play_start</c>, <c>receive_dtmf_start</c>.</summary>
    Action,
    /// <summary><c>connect_start</c>.</summary>
    Connect,
    /// <summary>The start of the recording beside everything else.</summary>
    Record,
    /// <summary><c>drop</c>.</summary>
    Drop,
}

/// <summary>A call answered what the flow asked of it.</summary>
/// <param name="Party">Whose call.</param>
/// <param name="What">What was asked.</param>
/// <param name="Result">UTF-8 JSON, unless refused.</param>
/// <param name="Refusal">Why not.</param>
public sealed record OwnedReplied(int Party, FlowAsk What, ReadOnlyMemory<byte> Result, RpcError? Refusal) : ResourceCommand
{
    /// <summary>A member of the result of a <c>construct</c>.</summary>
    public string Member(string name)
    {
        using var document = JsonDocument.Parse(Result);
        return document.RootElement.GetProperty(name).GetString()!;
    }
}

/// <summary>Calls a party: finds a gateway for the second one, and constructs the call.</summary>
public sealed record CallParty(int Party) : ResourceEffect;

/// <summary>Asks something of a party's call; <see cref="OwnedReplied"/> answers.</summary>
/// <param name="Party">Whose call.</param>
/// <param name="Call">Its resource id.</param>
/// <param name="What">What is asked.</param>
/// <param name="Request">The request, as an application would give it.</param>
public sealed record AskOwned(int Party, string Call, FlowAsk What, ResourceRequest Request) : ResourceEffect;

/// <summary>Tells a call that nobody drives it any more: it releases itself.</summary>
public sealed record AbandonOwned(string Call) : ResourceEffect;

/// <summary>Tells a call that its notice is journaled here.</summary>
/// <param name="Call">The call.</param>
/// <param name="Number">The notice's number.</param>
public sealed record ConfirmOwned(string Call, int Number) : ResourceEffect;

/// <summary>What a command on a flow leads to.</summary>
public sealed record FlowDecision : ResourceDecision<FlowState, FlowEntry>
{
    internal static FlowDecision Refuse(RpcError error) => new() { Refusal = error };
}
