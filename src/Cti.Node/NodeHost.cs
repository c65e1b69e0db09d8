using Cti.Node.Configuration;

namespace Cti.Node;

/// <summary>One running node.</summary>
public static class NodeHost
{
    /// <summary>Runs a node until it is told to stop.</summary>
    /// <returns>The process's exit code.</returns>
    public static Task<int> RunAsync(NodeConfiguration configuration, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return cancellation.IsCancellationRequested ? Task.FromCanceled<int>(cancellation) : Task.FromResult(0);
    }
}
