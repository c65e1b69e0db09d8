using System.Collections.Immutable;
using Cti.Actors.MediaNode;
using Cti.Actors.Resources;
using Cti.Actors.SipNode;
using Cti.Actors.Trunks;
using Cti.Kernel;
using Cti.Sip.Dialog;
using Cti.Sip.Transaction;

namespace Cti.Actors.Calls;

/// <summary>What a call needs of its node beside what every resource does: SIP, sound, trunks.</summary>
internal sealed class CallServices : ResourceServices
{
    public required IClock Clock { get; init; }
    public required NodeMedia Media { get; init; }
    public required MediaProfile MediaProfile { get; init; }
    public required ISipNode Sip { get; init; }
    public required SipTimers SipTimers { get; init; }
    public required SipProfile SipProfile { get; init; }
    public required ReInvitePacer ReInvites { get; init; }
    /// <summary>Where far ends may send this node.</summary>
    public required DialPolicy DialPolicy { get; init; }
    public required TrunkTable Trunks { get; init; }
    public required SilentTargets Silent { get; init; }
    public required Action<string> ReleasePermit { get; init; }
    public required ISubscribers Subscribers { get; init; }
    /// <summary>Of which header fields an application wants to hear: names, and beginnings of names with <c>*</c> behind them.</summary>
    public required Func<string, ImmutableArray<string>> HeardHeaders { get; init; }
    public required ByeSpool ToldByes { get; init; }
    /// <summary>Whether this node, which can write nothing, hangs up at a deadline that the journal tells: no other node can do it.</summary>
    public required Func<bool> HangsUpUnwritten { get; init; }
    /// <summary>Told of each call that came from another node once it goes on here, or is over.</summary>
    public required Action<ResourceId> Arrived { get; init; }
}

/// <summary>Whether an application listens.</summary>
public interface ISubscribers
{
    /// <summary>True when the application has had no live subscriber for 5 s: its inbound calls are refused.</summary>
    bool IsUnattended(string application);
}
