using System.Collections.Immutable;
using System.Net.Security;
using Cti.Contract;
using Cti.Kernel;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Cti.Gateway;

/// <summary>How a gateway is set up.</summary>
public sealed record GatewayOptions
{
    /// <summary>In which states of their resources methods are allowed, for <c>rpc.discover</c>.</summary>
    public required IStateTable States { get; init; }

    /// <summary>What can be spoken, for checking requests.</summary>
    public required ISpokenRules Spoken { get; init; }

    /// <summary>URLs to listen on: <c>http(s)://ADDRESS:PORT</c>, the address being an IP address, <c>localhost</c> or <c>*</c>; port 0 picks one.</summary>
    public required ImmutableArray<string> Listen { get; init; }

    /// <summary>Who may come in.</summary>
    public required ImmutableArray<ApplicationOptions> Applications { get; init; }

    /// <summary>True while the only key is the one that was generated at first start: the gateway then refuses to listen beyond loopback.</summary>
    public bool OnlyDefaultKey { get; init; }

    /// <summary>The certificate for https URLs.</summary>
    public Func<SslStreamCertificateContext>? Certificate { get; init; }

    /// <summary>What has to be well for the node to be ready, beyond <see cref="IGatewayStatus.WhyNotReady"/>; each answers at once.</summary>
    public ImmutableArray<HealthCheckRegistration> Checks { get; init; } = [];

    /// <summary>Folders of media files, for absolute file names in requests of applications that have no others.</summary>
    public MediaRoots MediaRoots { get; init; } = MediaRoots.None;

    /// <summary>The server's version, for <c>rpc.discover</c>.</summary>
    public string Version { get; init; } = "0.1.0";

    /// <summary>
    /// Connections open at once, 1 or more; one address has a quarter of them for connections that have shown no key, one application a quarter for POSTs
    /// under way.
    /// </summary>
    public int ConnectionsMax { get; init; } = Limits.GatewayConnectionsMax;

    /// <summary>What is told while it happens, to administrators' connections that ask for it; null: there is nothing such.</summary>
    public INotices? Notices { get; init; }

    /// <summary>Bytes of a request at most.</summary>
    public int RequestBytesMax { get; init; } = Limits.RequestBytesMax;

    /// <summary>Milliseconds until a request that its owner did not answer gets 504.</summary>
    public int OwnerAnswerMillis { get; init; } = Limits.OwnerAnswerMillis;

    /// <summary>Milliseconds between keep-alive pings of a WebSocket and keep-alive comments of an event stream.</summary>
    public int KeepAliveMillis { get; init; } = 15_000;

    /// <summary>Milliseconds that a reader may take nothing of what is sent to it.</summary>
    public int SlowReaderMillis { get; init; } = Limits.SlowReaderMillis;

    /// <summary>Milliseconds that a connection gets for its closing handshake.</summary>
    public int CloseMillis { get; init; } = 5_000;
}

/// <summary>One application.</summary>
/// <param name="Name">Its name; resources and events belong to it.</param>
/// <param name="KeyHashes">SHA-256 hashes of its keys, 64 hexadecimal digits each, with or without the prefix <c>sha256:</c>.</param>
public sealed record ApplicationOptions(string Name, ImmutableArray<string> KeyHashes)
{
    /// <summary>Whether its keys are an administrator's.</summary>
    public bool Admin { get; init; }

    /// <summary>Requests per second on average, over all its connections to this gateway; 0: unlimited.</summary>
    public int RequestsPerSecond { get; init; }

    /// <summary>Requests that may come at once after a pause; 0: one second's worth.</summary>
    public int Burst { get; init; }

    /// <summary>WebSockets and event streams at once on this gateway; 0: unlimited.</summary>
    public int ConnectionsMax { get; init; }

    /// <summary>Folders of media files, for absolute file names in its requests; null: the gateway's.</summary>
    public MediaRoots? MediaRoots { get; init; }
}

/// <summary>What the gateway asks the node about itself.</summary>
public interface IGatewayStatus
{
    /// <summary>Null when the node takes work (it has a journal, owns or can reach instances, is not draining), else why not.</summary>
    string? WhyNotReady { get; }

    /// <summary>Lets a node of the cluster take nothing new and hand over what it has.</summary>
    /// <returns>Null where it was told so, else why it was not.</returns>
    DrainRefusal? Drain(string node);
}

/// <summary>Why a node was not told to drain.</summary>
/// <param name="IsUnknown">There is no such node; else it cannot be reached at the moment.</param>
/// <param name="Why">In words, and what would be right.</param>
public sealed record DrainRefusal(bool IsUnknown, string Why);
