using System.Net.Sockets;

namespace Cti.Transport.Tls;

/// <summary>
/// The socket below a greeting over TLS. Whoever greets has one of a few turns to reckon, and gives it up while the far end is awaited: one that says
/// nothing, or half of it, keeps nobody waiting.
/// </summary>
internal sealed class GreetingStream(Socket socket, SemaphoreSlim turns) : NetworkStream(socket, ownsSocket: false)
{
    private bool _isGreeting;

    /// <summary>Takes a turn.</summary>
    public async Task BeginAsync()
    {
        await turns.WaitAsync().ConfigureAwait(false);
        _isGreeting = true;
    }

    /// <summary>The greeting is over, well or not.</summary>
    public void End()
    {
        _isGreeting = false;
        turns.Release();
    }

    /// <inheritdoc/>
    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        _isGreeting ? AwaitAsync(buffer, cancellationToken) : base.ReadAsync(buffer, cancellationToken);

    private async ValueTask<int> AwaitAsync(Memory<byte> buffer, CancellationToken cancellation)
    {
        turns.Release();
        try
        {
            return await base.ReadAsync(buffer, cancellation).ConfigureAwait(false);
        }
        finally
        {
            await turns.WaitAsync(CancellationToken.None).ConfigureAwait(false);
        }
    }
}
