namespace Cti.Media.Files;

/// <summary>Completes recordings that a crash of the process left unfinished. Called at start, before any recording is opened.</summary>
public static class RecordingRepair
{
    /// <summary>Completes one unfinished file (NAME.part): its sizes are set and it is moved to its target. Returns the target, or null when there was nothing to save.</summary>
    public static string? Repair(string partPath) => throw new NotImplementedException();

    /// <summary>Completes every unfinished recording under a folder; returns the targets. Never throws for a file that cannot be repaired; it is left as it is.</summary>
    public static IReadOnlyList<string> RepairAll(string root) => throw new NotImplementedException();
}
