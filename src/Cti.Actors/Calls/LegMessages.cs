using Cti.Actors.Hosting;
using Cti.Sip;
using Cti.Sip.Message;

namespace Cti.Actors.Calls;

/// <summary>The leg's earliest deadline came.</summary>
internal sealed record LegTick : ISystemMessage;

/// <summary>A next hop was looked up: where it leads, the best first.</summary>
internal sealed record TargetResolved(SipRequest Invite, IReadOnlyList<SipFlow> Ways) : ISystemMessage;

/// <summary>The next key may be sent by INFO.</summary>
internal sealed record InfoKeyDue : ISystemMessage;

/// <summary>What waited behind a look-up goes on.</summary>
internal sealed record WaitingIsDue : ISystemMessage;
