using Cti.Calls.Resources;
using Cti.Sip.Dialog;

namespace Cti.Calls.Call;

/// <summary><c>refer</c>.</summary>
/// <param name="Op">A new name for it.</param>
/// <param name="Uri">Whom the far end is to call, with scheme; null: the far end of <paramref name="Other"/>.</param>
/// <param name="Other">The call in whose place that call is to come; null for none.</param>
/// <param name="WantsReports">Whether the far end is to tell what becomes of it.</param>
/// <param name="Headers">Header fields of the REFER: <see cref="CarriedHeaders"/>.</param>
public sealed record ReferCall(string Op, string? Uri, string? Other, bool WantsReports = true, string? Headers = null) : ResourceRequest("sys.call.refer");

/// <summary><c>refer_accept</c>.</summary>
public sealed record AcceptRefer() : ResourceRequest("sys.call.refer_accept");

/// <summary><c>refer_reject</c>.</summary>
/// <param name="Cause">The SIP status, 400..699.</param>
public sealed record RejectRefer(int Cause) : ResourceRequest("sys.call.refer_reject");

/// <summary><c>refer_notify</c>.</summary>
/// <param name="Status">The SIP status of what was done for the REFER, 100..699.</param>
public sealed record NotifyRefer(int Status) : ResourceRequest("sys.call.refer_notify");
