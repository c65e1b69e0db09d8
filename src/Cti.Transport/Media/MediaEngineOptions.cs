using System.Net;
using Cti.Kernel;
using Cti.Media.Files;

namespace Cti.Transport.Media;

/// <summary>How a node's media engine is set up.</summary>
public sealed record MediaEngineOptions
{
    /// <summary>Where IPv4 sockets are bound; null where the node has no IPv4. The unspecified address listens on all.</summary>
    public IPAddress? IPv4 { get; init; } = IPAddress.Any;

    /// <summary>Where IPv6 sockets are bound; null where the node has no IPv6.</summary>
    public IPAddress? IPv6 { get; init; }

    /// <summary>The IPv4 address that far ends are told; null: the bound one, or, where that is unspecified, the one of the default route.</summary>
    public IPAddress? AdvertisedIPv4 { get; init; }

    /// <summary>The IPv6 address that far ends are told; null as for IPv4.</summary>
    public IPAddress? AdvertisedIPv6 { get; init; }

    /// <summary>
    /// Where sessions that link two nodes are bound, and what the other node is told; null: <see cref="IPv4"/>, else <see cref="IPv6"/>, without what far ends
    /// are told.
    /// </summary>
    public IPAddress? LinkAddress { get; init; }

    /// <summary>Whether this process may still speak for its calls, by the clock that the engine is given; null: always.</summary>
    public PauseGuard? PauseGuard { get; init; }

    /// <summary>First port, 1024..65534: the first even one carries RTP, the next RTCP.</summary>
    public int PortFirst { get; init; } = 20_000;

    /// <summary>Last port, up to 65535.</summary>
    public int PortLast { get; init; } = 29_999;

    /// <summary>Media loops, each a thread; 0: half the cores, at least 1.</summary>
    public int Loops { get; init; }

    /// <summary>Sessions of one loop, 1..<see cref="Limits.MediaSessionsPerLoopMax"/>.</summary>
    public int SessionsPerLoopMax { get; init; } = Limits.MediaSessionsPerLoopMax;

    /// <summary>New sessions are refused past so many in all, by the process's descriptors; what a call that is up needs may be a tenth more.</summary>
    public int SessionsMax { get; init; } = int.MaxValue / 2;

    /// <summary>Above this share of its time (0..1, averaged over a second) a loop takes no new session.</summary>
    public double BusyFractionMax { get; init; } = 0.7;

    /// <summary>Receive buffer of each RTP socket in bytes; 0 leaves the system's.</summary>
    public int SocketBufferBytes { get; init; }

    /// <summary>Marks packets as expedited forwarding (DSCP 46, RFC 3246).</summary>
    public bool ExpeditedForwarding { get; init; } = true;

    /// <summary>Threads that open and decode files, 1..16.</summary>
    public int LoaderThreads { get; init; } = 2;

    /// <summary>Threads that wait for the speech engine, 1..64: as many texts are made at once.</summary>
    public int SpeechThreads { get; init; } = 4;

    /// <summary>What decodes and encodes the files that the media side has no code for; loaded when first needed.</summary>
    public SoundLibrary SoundLibrary { get; init; } = SoundLibrary.Default;

    /// <summary>Milliseconds that a disk may not answer before who waits for it is told, 100 or more.</summary>
    public int DiskAnswerMillisMax { get; init; } = Limits.DiskAnswerMillisMax;

    /// <summary>Who may do what with recordings.</summary>
    public RecordingModes RecordingModes { get; init; } = RecordingModes.Default;

    /// <summary>Uses the framework's sockets where Linux's own calls would be used.</summary>
    internal bool ManagedSockets { get; init; }
}
