using System.Collections.Immutable;
using Cti.Calls.Call.Sagas;

namespace Cti.Calls.Call;

/// <summary>What a parent hears of the dialling of a child.</summary>
public abstract record RingBackSound
{
    /// <summary>What is heard now: a function of how far the dialling is and of what was asked for (sys.call, <c>construct</c>); null for nothing.</summary>
    public static RingBackSound? Of(ChildDialling dialling)
    {
        if (dialling.RingBack.File is { Length: > 0 } file)
        {
            switch (dialling.RingBack.Mode, dialling.Stage)
            {
                case (3, DiallingStage.Announcing):
                    return new RingBackFile(file, Loops: false);
                case (0, _):
                    return dialling.Stage == DiallingStage.Ringing ? new RingBackFile(file, Loops: true) : null;
                case (1, DiallingStage.Calling) or (2, _):
                    return new RingBackFile(file, Loops: true);
            }
        }
        if (dialling.Stage != DiallingStage.Ringing) return null;
        return dialling.HasEarlyMedia ? new RingBackLine(dialling.Child) : new RingBackTone();
    }
}

/// <summary>A file.</summary>
/// <param name="Name">Its name, or several joined by <c>|</c>.</param>
/// <param name="Loops">Again and again, else once.</param>
public sealed record RingBackFile(string Name, bool Loops) : RingBackSound
{
    /// <summary>The names in order.</summary>
    public ImmutableArray<string> Files() => [.. Name.Split('|', StringSplitOptions.RemoveEmptyEntries)];
}

/// <summary>The generated ring-back tone of the configured country.</summary>
public sealed record RingBackTone : RingBackSound;

/// <summary>The child's own line: its early media.</summary>
/// <param name="Child">The child's resource id.</param>
public sealed record RingBackLine(string Child) : RingBackSound;
