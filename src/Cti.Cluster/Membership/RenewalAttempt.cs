namespace Cti.Cluster.Membership;

/// <summary>A renewal on its way.</summary>
internal sealed class RenewalAttempt(long began) : IDisposable
{
    private readonly CancellationTokenSource _source = new();
    private bool _isDisposed;

    /// <summary>When it was sent.</summary>
    public long Began => began;

    /// <summary>Cancelled when nobody waits for the answer any more.</summary>
    public CancellationToken Token => _source.Token;

    /// <summary>Gives it up, if it has not ended.</summary>
    public void Cancel()
    {
        if (!_isDisposed) _source.Cancel();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _isDisposed = true;
        _source.Dispose();
    }
}
