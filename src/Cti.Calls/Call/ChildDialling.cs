namespace Cti.Calls.Call;

/// <summary>What a parent's ring-back is made of (sys.call, <c>construct</c>).</summary>
/// <param name="File">What the parent hears instead of the line's own ring-back; null passes that through.</param>
/// <param name="Mode">0 from the far ringing on; 1 from dialling to the far ringing, then the line's; 2 from dialling to the answer; 3 to its end before dialling, then the line's.</param>
public sealed record RingBackSpec(string? File, int Mode);

/// <summary>How far the dialling of a child is, as its parent hears it.</summary>
public enum DiallingStage
{
    /// <summary>The file plays to its end first (mode 3); the child waits.</summary>
    Announcing,
    /// <summary>The child's INVITE is on its way.</summary>
    Calling,
    /// <summary>The child's far end rings.</summary>
    Ringing,
}

/// <summary>The dialling of a child call beneath its parent, as the parent journals it. The parent returns to the state it came from when it ends.</summary>
public sealed record ChildDialling
{
    /// <summary>The child's resource id, which names the saga.</summary>
    public required string Child { get; init; }
    /// <summary>How far it is.</summary>
    public required DiallingStage Stage { get; init; }
    /// <summary>What the parent hears.</summary>
    public required RingBackSpec RingBack { get; init; }
    /// <summary>Whether the child's line brings sound of its own (early media).</summary>
    public bool HasEarlyMedia { get; init; }
    /// <summary>Its number in the parent's media side.</summary>
    public long Number { get; init; }
}

/// <summary>How far a child is with the parent that hears its ring-back.</summary>
public enum ParentStage
{
    /// <summary>The parent was asked; the application's request waits for its answer.</summary>
    Asked,
    /// <summary>The parent hears a file to its end before the INVITE goes out.</summary>
    Waiting,
    /// <summary>The INVITE is on its way or answered.</summary>
    Calling,
}

/// <summary>The call or conference that hears a child's ring-back, as the child journals it.</summary>
/// <param name="Resource">The parent's resource id.</param>
/// <param name="Stage">How far it is.</param>
/// <param name="RingBack">What the parent is to hear.</param>
public sealed record RingBackParent(string Resource, ParentStage Stage, RingBackSpec RingBack);
