using Cti.Calls.Call;
using Cti.Calls.Resources;
using Cti.Cluster.Links;
using Cti.Kernel;
using Cti.Media;
using Cti.Server.Media;
using Cti.Server.Sip;
using Cti.Server.Trunks;
using Cti.Sip;

namespace Cti.Server.Resources;

/// <summary>What every call of a node uses.</summary>
internal sealed class NodeServices
{
    public required string NodeName { get; init; }
    public required int Area { get; init; }
    public required int Station { get; init; }
    public required int InstanceCount { get; init; }
    public required CallLimit Limit { get; init; }
    public required CallSettings Settings { get; init; }
    public required ResourceDirectory Directory { get; init; }
    /// <summary>Resources that live on another node now and whose sound still goes on here.</summary>
    public ResourceDirectory HandedOver { get; } = new();
    public required MediaNode Media { get; init; }
    public required MediaProfile MediaProfile { get; init; }
    public required IRandom Random { get; init; }
    public required ISubscribers Subscribers { get; init; }
    public required IRecordings Recordings { get; init; }
    public required ISipNode Sip { get; init; }
    public required ReInvitePacer ReInvites { get; init; }
    public required SipTimers SipTimers { get; init; }
    public required TrunkTable Trunks { get; init; }
    /// <summary>Where far ends may send this node.</summary>
    public required DialPolicy DialPolicy { get; init; }
    /// <summary>The links to other nodes; null for a node that is alone.</summary>
    public INodeLinks? Links { get; init; }
    public required ResourcePost Post { get; init; }
    public required ByeSpool ToldByes { get; init; }
    public required Action<string> ReleasePermit { get; init; }
    /// <summary>Told which instances are served here from now on; null for a node that is alone.</summary>
    public Action<IReadOnlyList<int>>? Served { get; set; }
    /// <summary>Whether this node, which can write nothing, hangs up at a deadline that the journal tells: no other node can do it.</summary>
    public Func<bool> HangsUpUnwritten { get; set; } = static () => false;
    /// <summary>What operators watch of the cluster.</summary>
    public ClusterCounters Counters { get; } = new();
    /// <summary>Told of each call that came from another node once it goes on here, or is over: null for a node that is alone.</summary>
    public Action<ResourceId>? Arrived { get; set; }
    /// <inheritdoc cref="ServerNodeOptions.Loses"/>
    public Func<ResourceCommand, bool>? Loses { get; init; }
}

/// <summary>Whether an application listens.</summary>
public interface ISubscribers
{
    /// <summary>True when the application has had no live subscriber for 5 s: its inbound calls are refused.</summary>
    bool IsUnattended(string application);
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

    /// <summary>Completes a file that a dead process left unfinished, as far as it goes; does nothing when there is none, or later where the disk does not answer.</summary>
    void Repair(string fullPath);

    /// <summary>Completes every file that a dead process left unfinished; only for a disk to which no other node writes.</summary>
    /// <param name="kept">Full paths of those that go on.</param>
    /// <returns>How many were completed.</returns>
    int RepairAll(IReadOnlySet<string> kept);

    /// <summary>Whether what was recorded so far can be seen from here, so that the recording may go on after a takeover; false where the disk does not answer.</summary>
    bool IsVisible(string fullPath);

    /// <summary>Whether a prompt's name stays inside the roots (or is built in), after <c>..</c> and links. What the application may not hear is missing when it is played, and what a disk that does not answer would have told shows then as well.</summary>
    bool StaysInside(string application, string promptName);

    /// <summary>Whether the format can be written here; else what is missing.</summary>
    string? WhyUnsupported(string format);
}

/// <summary>How this node does audio.</summary>
/// <param name="Codecs">Encoding names, the preferred first.</param>
/// <param name="InactivityMillis">Silence after which a call is lost; 0 never.</param>
/// <param name="RingBackCountry">Whose ring-back tone is generated where a line has none: ISO 3166, two letters.</param>
public sealed record MediaProfile(System.Collections.Immutable.ImmutableArray<string> Codecs, int InactivityMillis, string RingBackCountry = "CN")
{
    /// <summary>From where else than its signalled address a far end's RTP may come.</summary>
    public LatchMode Latch { get; init; }

    /// <summary>What is sent while there is nothing to send.</summary>
    public IdleSending Idle { get; init; } = IdleSending.Keepalive;

    /// <summary>How the media session of a call is opened.</summary>
    /// <param name="isIPv6">The address family towards the far end.</param>
    /// <param name="trunk">The trunk that the call goes or came over; null for none.</param>
    public MediaSessionOptions Options(bool isIPv6, Trunks.Trunk? trunk) => new(isIPv6, InactivityMillis, trunk?.Idle ?? Idle);
}
