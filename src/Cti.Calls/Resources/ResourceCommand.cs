using Cti.Calls.Api;

namespace Cti.Calls.Resources;

/// <summary>Something that a resource decides on: a request of its application, or news from SIP, media, the clock or another resource.</summary>
public abstract record ResourceCommand
{
    /// <summary>Whether the request that was held when another resource was asked is answered by the decision on this command, and remembered with it.</summary>
    public virtual bool AnswersHeld => false;
}

/// <summary>A request of the application; the decision replies to it or refuses it.</summary>
/// <param name="Method">The method's full name, for refusals.</param>
public abstract record ResourceRequest(string Method) : ResourceCommand
{
    /// <summary>Through which generation it came: a refusal names the state as that generation knows it.</summary>
    public ApiGeneration Generation { get; init; } = ApiGeneration.V2;
}

/// <summary>The time that the resource's next deadline named has come.</summary>
public sealed record TimeReached : ResourceCommand;

/// <summary>The node that held the resource is gone and its media cannot be resumed: everything ends with 503.</summary>
public sealed record NodeLost : ResourceCommand;

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
    /// <summary>Keeps keys out of logs.</summary>
    public override string ToString() => $"OwnedHappened {Method}";
}

/// <summary>A resource that this one drives is gone without having said how it ended: its actor failed for good.</summary>
/// <param name="Resource">Which.</param>
public sealed record OwnedGone(string Resource) : ResourceCommand;

/// <summary>The resource that drove this one is gone: nobody will end it but itself.</summary>
public sealed record OwnerGone : ResourceCommand;
