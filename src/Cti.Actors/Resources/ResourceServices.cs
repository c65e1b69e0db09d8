using Cti.Calls.Resources;
using Cti.Kernel;

namespace Cti.Actors.Resources;

/// <summary>What every resource needs of its node: who it is, where the others are, chance, and the disk.</summary>
internal class ResourceServices
{
    public required string NodeName { get; init; }
    public required int Area { get; init; }
    public required int Station { get; init; }
    public required int InstanceCount { get; init; }
    public required CallSettings Settings { get; init; }
    public required ResourceDirectory Directory { get; init; }
    /// <summary>Resources that are given to another node, or were, and are still heard from here.</summary>
    public required Departures Departures { get; init; }
    /// <summary>How many calls the node may have.</summary>
    public required CallLimit Limit { get; init; }
    public required ResourcePost Post { get; init; }
    public required IRandom Random { get; init; }
    public required IRecordings Recordings { get; init; }
    /// <summary>What operators watch of the cluster.</summary>
    public required ClusterCounters Counters { get; init; }
    /// <inheritdoc cref="ServerNodeOptions.Loses"/>
    public Func<ResourceCommand, bool>? Loses { get; init; }
}

/// <summary>The recordings' disk.</summary>
public interface IRecordings
{
    /// <summary>
    /// Resolves <c>record_file</c> under the application's record root, with the extension that the format sets.
    /// </summary>
    /// <returns>The full path, or null when it leaves the root, after <c>..</c> and links.</returns>
    /// <exception cref="TimeoutException">The disk does not answer.</exception>
    string? Resolve(string application, string file, string format);

    /// <summary>
    /// Completes a file that a dead process left unfinished, as far as it goes; does nothing when there is none, or later where the disk does not answer.
    /// </summary>
    void Repair(string fullPath);

    /// <summary>
    /// Begins to complete every file that a dead process left unfinished, and waits for none of it; only for a disk to which no other node writes.
    /// </summary>
    /// <param name="kept">Full paths of those that go on.</param>
    /// <param name="then">Told at the end, on some thread, how many were completed, and whether all folders were looked through.</param>
    void RepairAll(IReadOnlySet<string> kept, Action<int, bool> then);

    /// <summary>
    /// Whether what was recorded so far can be seen from here, so that the recording may go on after a takeover; false where the disk does not answer.
    /// </summary>
    bool IsVisible(string fullPath);

    /// <summary>
    /// Whether a prompt's name stays inside the roots (or is built in), after <c>..</c> and links. What the application may not hear is missing when it is
    /// played, and what a disk that does not answer would have told shows then as well.
    /// </summary>
    bool StaysInside(string application, string promptName);

    /// <summary>Whether the format can be written here; else what is missing.</summary>
    string? WhyUnsupported(string format);
}
