using Cti.Calls.Call;
using Cti.Kernel;

namespace Cti.Calls.Resources;

/// <summary>A call that is being constructed asks this one (or this conference) to hear its ring-back. The child waits for the answer before it dials.</summary>
/// <param name="Child">The child's resource id, which names the saga.</param>
/// <param name="RingBack">What is to be heard.</param>
public sealed record ChildAsks(string Child, RingBackSpec RingBack) : ResourceCommand;

/// <summary>The parent's answer.</summary>
/// <param name="Parent">The parent's resource id.</param>
/// <param name="Refusal">Why not; null when it hears the ring-back from now on.</param>
/// <param name="MayDial">False where a file is played to its end first: <see cref="ParentReleases"/> follows.</param>
public sealed record ParentAnswers(string Parent, RpcError? Refusal, bool MayDial) : ResourceCommand
{
    /// <inheritdoc/>
    public override bool AnswersHeld => Refusal is null;
}

/// <summary>The file that the parent hears first is over: the child dials now.</summary>
/// <param name="Parent">The parent's resource id.</param>
public sealed record ParentReleases(string Parent) : ResourceCommand;

/// <summary>The child's far end rings; told again when that changes.</summary>
/// <param name="Child">The child's resource id.</param>
/// <param name="HasEarlyMedia">Whether the child's line brings sound of its own.</param>
public sealed record ChildRings(string Child, bool HasEarlyMedia) : ResourceCommand;

/// <summary>The child's dialling ended: it was answered, failed or dropped.</summary>
/// <param name="Child">The child's resource id.</param>
public sealed record ChildDone(string Child) : ResourceCommand;

/// <summary>Asks the parent; the application's request waits for its answer.</summary>
/// <param name="Parent">The parent's resource id.</param>
/// <param name="RingBack">What it is to hear.</param>
public sealed record AskParent(string Parent, RingBackSpec RingBack) : ResourceEffect
{
    /// <inheritdoc/>
    public override bool HoldsRequest => true;
}

/// <summary>Answers a child.</summary>
/// <param name="Child">The child's resource id.</param>
/// <param name="Refusal">Why not; null when it is heard from now on.</param>
/// <param name="MayDial">Whether it need not wait for a file's end.</param>
public sealed record AnswerChild(string Child, RpcError? Refusal, bool MayDial) : ResourceEffect;

/// <summary>Lets a child dial that waits for a file's end. Committed, so that it never overtakes the answer.</summary>
/// <param name="Child">The child's resource id.</param>
public sealed record ReleaseChild(string Child) : ResourceEffect;

/// <summary>
/// Tells the parent that the far end rings. A reflex: both live in one instance, whose journal keeps their order, so the parent is never ahead of what is durable.
/// </summary>
/// <param name="Parent">The parent's resource id.</param>
/// <param name="HasEarlyMedia">Whether the line brings sound of its own.</param>
public sealed record TellRinging(string Parent, bool HasEarlyMedia) : ResourceEffect
{
    /// <inheritdoc/>
    public override bool IsReflex => true;
}

/// <summary>
/// Tells the parent that the dialling ended. A reflex like <see cref="TellRinging"/>: when the application hears of the end, the parent has left Dial.
/// </summary>
/// <param name="Parent">The parent's resource id.</param>
public sealed record TellDone(string Parent) : ResourceEffect
{
    /// <inheritdoc/>
    public override bool IsReflex => true;
}
