using Cti.Calls.Call;
using Cti.Kernel;

namespace Cti.Calls.Resources;

/// <summary>A child that is to be dialled asks its parent (a call or a conference) to hear the ring-back.</summary>
/// <param name="Child">The child's resource id.</param>
/// <param name="RingBack">What the parent is to hear.</param>
public sealed record ChildAsks(string Child, RingBackSpec RingBack) : ResourceCommand;

/// <summary>The parent's answer.</summary>
/// <param name="Parent">The parent's resource id.</param>
/// <param name="Refusal">Why not; null when it will hear the ring-back.</param>
/// <param name="MayDial">False while the parent hears a file to its end first (mode 3).</param>
public sealed record ParentAnswers(string Parent, RpcError? Refusal, bool MayDial) : ResourceCommand
{
    /// <inheritdoc/>
    public override bool AnswersHeld => Refusal is null;
}

/// <summary>The file that the parent heard first (mode 3) is over: the child dials now.</summary>
/// <param name="Parent">The parent's resource id.</param>
public sealed record ParentReleases(string Parent) : ResourceCommand;

/// <summary>The child's far end rings; repeated when early media appears.</summary>
/// <param name="Child">The child's resource id.</param>
/// <param name="HasEarlyMedia">Whether its line brings sound of its own.</param>
public sealed record ChildRings(string Child, bool HasEarlyMedia) : ResourceCommand;

/// <summary>The child was answered, or its dialling failed.</summary>
/// <param name="Child">The child's resource id.</param>
public sealed record ChildDone(string Child) : ResourceCommand;
