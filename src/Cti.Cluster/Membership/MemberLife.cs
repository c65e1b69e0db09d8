namespace Cti.Cluster.Membership;

/// <summary>Whether a member runs, and the one lock under which everything that its parts remember changes.</summary>
internal sealed class MemberLife
{
    private volatile bool _isStopped;

    /// <summary>The lock of all of a member's parts; nothing is awaited and nobody is told news under it.</summary>
    public Lock Gate { get; } = new();

    /// <summary>Whether the start is over.</summary>
    public bool IsRunning { get; private set; }

    /// <summary>Whether it shall do nothing more.</summary>
    public bool IsStopped => _isStopped;

    /// <summary>The start is over. Under the lock.</summary>
    public void Run() => IsRunning = true;

    /// <summary>Ends it for good. Under the lock.</summary>
    public void Stop() => _isStopped = true;
}
