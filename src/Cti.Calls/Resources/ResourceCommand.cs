using Cti.Contract;

namespace Cti.Calls.Resources;

/// <summary>Something that a resource decides on: a request of its application, or news from SIP, media, the clock or another resource.</summary>
public abstract record ResourceCommand
{
    /// <summary>
    /// Whether the request that was held when another resource was asked is answered by the decision on this command, and remembered with it.
    /// </summary>
    public virtual bool AnswersHeld => false;
}

/// <summary>A request of the application; the decision replies to it or refuses it.</summary>
/// <param name="Method">The method's full name, for refusals.</param>
public abstract record ResourceRequest(string Method) : ResourceCommand
{
    /// <summary>Through which generation it came: a refusal names the state as that generation knows it.</summary>
    public ApiGeneration Generation { get; init; } = ApiGeneration.V2;

    /// <summary>
    /// What the resource's owner asks for once in its life, and repeats after a recovery: a repeat is accepted and does nothing. Null for everyone else's.
    /// </summary>
    public string? Once { get; init; }
}

/// <summary>The time that the resource's next deadline named has come.</summary>
public sealed record TimeReached : ResourceCommand;

/// <summary>The node that held the resource is gone and its media cannot be resumed: everything ends with 503.</summary>
public sealed record NodeLost : ResourceCommand
{
    /// <summary>Of a call: what its far end had said before, and was told to have been heard; the call ends with that.</summary>
    public Call.ByeArrived? Told { get; init; }
}

/// <summary>
/// This node has become the resource's owner, because the one before is lost: what the journal of a conference or a flow
/// shows goes on. Its first command after a recovery; a call's is <see cref="Call.TakenOver"/>.
/// </summary>
/// <param name="LostAtMillis">When the former owner was last known to be alive, Unix milliseconds: what it did until then was heard.</param>
public sealed record WasRecovered(long LostAtMillis) : ResourceCommand
{
    /// <summary>Whether the file of the recording that runs can be seen from here.</summary>
    public bool SeesRecording { get; init; } = true;
}

/// <summary>
/// Another resource's instance has a new owner: whatever was on its way there may be lost, and so may its last words. What is open is repeated, what is
/// agreed on is asked for.
/// </summary>
/// <param name="Instance">The instance.</param>
public sealed record PeerMoved(int Instance) : ResourceCommand
{
    /// <summary>
    /// Whether the former owner lives and gave it: nothing is lost, and the resources there speak up by themselves as soon as they are heard from there.
    /// </summary>
    public bool IsHandedOver { get; init; }

    /// <summary>Whether a resource lives there.</summary>
    public bool Concerns(string resource) => Cti.Kernel.ResourceId.TryParse(resource, out var id) && id.Instance == Instance;
}

/// <summary>The node stops: the resource is released by the system.</summary>
public sealed record NodeStops : ResourceCommand;

/// <summary>How the media side ended something.</summary>
public enum MediaEnd
{
    /// <summary>It ran to its end.</summary>
    Completed,
    /// <summary>It was stopped.</summary>
    Stopped,
    /// <summary>File not found.</summary>
    NotFound,
    /// <summary>Format not supported or broken.</summary>
    Unsupported,
    /// <summary>A fault.</summary>
    Failed,
}

/// <summary>A resource that this one drives has something to tell: what an application would have been told by an event.</summary>
/// <param name="Resource">Which.</param>
/// <param name="Method">The event's name.</param>
/// <param name="Params">UTF-8 JSON.</param>
public sealed record OwnedHappened(string Resource, string Method, ReadOnlyMemory<byte> Params) : ResourceCommand
{
    /// <summary>Its number among what that resource has told, from 1: it is told again until this one has journaled that it heard.</summary>
    public int Number { get; init; }

    /// <summary>Keeps keys out of logs.</summary>
    public override string ToString() => $"OwnedHappened {Number} {Method}";
}

/// <summary>The resource that drives this one has journaled what it was told, up to that number.</summary>
/// <param name="Number">The last notice's.</param>
public sealed record OwnerHas(int Number) : ResourceCommand;

/// <summary>A resource that this one drives is gone without having said how it ended: its actor failed for good.</summary>
/// <param name="Resource">Which.</param>
public sealed record OwnedGone(string Resource) : ResourceCommand;

/// <summary>The resource that drove this one is gone: nobody will end it but itself.</summary>
public sealed record OwnerGone : ResourceCommand;
