using System.Collections.Immutable;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Cti.Kernel;

namespace Cti.Transport.Tls;

/// <summary>Whether those who connect show a certificate.</summary>
public enum ClientCertificates
{
    /// <summary>They are not asked for one.</summary>
    None,
    /// <summary>They are asked for one; who shows one must show a valid one.</summary>
    Optional,
    /// <summary>Who shows no valid one is refused.</summary>
    Required,
}

/// <summary>Whom this node connects to.</summary>
/// <param name="Name">What the certificate must name: a host name or an address; also sent as SNI where it is a name.</param>
/// <param name="IsVerified">Whether the certificate is looked at; false takes anybody's.</param>
public sealed record TlsPeer(string Name, bool IsVerified = true);

/// <summary>
/// TLS 1.2 and 1.3 of the SIP connections (RFC 3261 section 26.3.1, RFC 5922): who greets with which certificate, and whom it takes the others for.
/// </summary>
public sealed class SipTls : IDisposable
{
    private const SslProtocols Versions = SslProtocols.Tls12 | SslProtocols.Tls13;

    private readonly SemaphoreSlim _theirs = new(Limits.TlsHandshakesMax);
    private readonly SemaphoreSlim _ours = new(Limits.TlsHandshakesMax);

    /// <summary>This node's certificate, shown to both those who connect and those who ask for it.</summary>
    public required CertificateFiles<SslStreamCertificateContext> Certificate { get; init; }

    /// <summary>Who may say who a far end is; null: whom the system trusts.</summary>
    public CertificateFiles<X509Certificate2Collection>? Trusted { get; init; }

    /// <summary>Whether those who connect show a certificate.</summary>
    public ClientCertificates Clients { get; init; }

    /// <summary>What is known of an address that is connected to; null answers or no function: its certificate must name the address.</summary>
    public Func<IPEndPoint, TlsPeer?>? PeerAt { get; init; }

    /// <summary>Names by which those who connect are told apart, where their certificate has one; none: nobody is.</summary>
    public ImmutableArray<string> CallerNames { get; init; } = [];

    /// <inheritdoc/>
    public void Dispose()
    {
        _theirs.Dispose();
        _ours.Dispose();
    }

    /// <summary>Greets on a connection that was opened (<paramref name="isOutgoing"/>) or accepted; so many reckon at once, more wait.</summary>
    /// <exception cref="AuthenticationException">The other side is not whom it ought to be, or speaks no TLS that is spoken here.</exception>
    /// <exception cref="IOException">It went away.</exception>
    internal async Task<SslStream> GreetAsync(Socket socket, IPEndPoint remote, bool isOutgoing)
    {
        // What this node opens never waits behind those who knock.
        var inner = new GreetingStream(socket, isOutgoing ? _ours : _theirs);
        var stream = new SslStream(inner);
        await inner.BeginAsync().ConfigureAwait(false);
        try
        {
            if (isOutgoing)
                await stream.AuthenticateAsClientAsync(AsClient(PeerAt?.Invoke(remote) ?? new TlsPeer(remote.Address.ToString()))).ConfigureAwait(false);
            else await stream.AuthenticateAsServerAsync(AsServer()).ConfigureAwait(false);
            return stream;
        }
        catch
        {
            await stream.DisposeAsync().ConfigureAwait(false);
            throw;
        }
        finally
        {
            inner.End();
        }
    }

    /// <summary>Which of <see cref="CallerNames"/> the certificate has that was shown, and verified, in the greeting of an accepted connection.</summary>
    internal ImmutableArray<string> NamesShown(SslStream greeted) =>
        CallerNames.IsEmpty || greeted.RemoteCertificate is not X509Certificate2 shown
            ? []
            : [.. CallerNames.Where(name => SipIdentity.IsOf(shown, name))];

    private SslClientAuthenticationOptions AsClient(TlsPeer peer) => new()
    {
        TargetHost = peer.Name,
        EnabledSslProtocols = Versions,
        ClientCertificateContext = Certificate.Current,
        CertificateChainPolicy = Policy(),
        RemoteCertificateValidationCallback = (_, certificate, _, errors) => !peer.IsVerified || errors == SslPolicyErrors.None
            || (errors == SslPolicyErrors.RemoteCertificateNameMismatch && certificate is X509Certificate2 shown && SipIdentity.Names(shown, peer.Name)),
    };

    private SslServerAuthenticationOptions AsServer() => new()
    {
        EnabledSslProtocols = Versions,
        ServerCertificateContext = Certificate.Current,
        ClientCertificateRequired = Clients != ClientCertificates.None,
        CertificateChainPolicy = Policy(),
        RemoteCertificateValidationCallback = (_, certificate, _, errors) =>
            certificate is null ? Clients != ClientCertificates.Required : errors is SslPolicyErrors.None or SslPolicyErrors.RemoteCertificateNameMismatch,
    };

    /// <summary>Nothing is looked up in the network: a handshake waits for nobody else.</summary>
    private X509ChainPolicy Policy()
    {
        var policy = new X509ChainPolicy { RevocationMode = X509RevocationMode.NoCheck, DisableCertificateDownloads = true };
        if (Trusted is not { } trusted) return policy;
        policy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        policy.CustomTrustStore.AddRange(trusted.Current);
        return policy;
    }
}
