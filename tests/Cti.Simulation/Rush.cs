using System.Net;
using Cti.Calls.Call;
using Cti.Sip.Message;
using Cti.Testing;

namespace Cti.Simulation;

/// <summary>
/// Lets things collide: at the very moment at which a far end's message comes or goes, the media side reports, or a limit is reached, the application or a
/// telephone does something to the same call, just before, at the same instant, or just after.
/// </summary>
internal sealed class Rush(SimulatedWorld world, SeededRandom random)
{
    /// <summary>A message of a far end is on its way to the node.</summary>
    public void Arrives(ReadOnlyMemory<byte> datagram) => At(datagram, random.Pick(0, 1, world.Plan.Network.DelayMillisMin, world.Plan.Network.DelayMillisMax));

    /// <summary>A message of the node is on its way.</summary>
    public void Sent(ReadOnlyMemory<byte> datagram) => At(datagram, random.Pick(0, 0, 1, 2 * world.Plan.Network.DelayMillisMin));

    /// <summary>Something became durable of a call: its next limit is a moment too.</summary>
    public void Decided(CallBook book)
    {
        if (!IsDue() || CallDecider.NextDeadline(book.State, world.Plan.Calls) is not { } due) return;
        var left = due - world.Runtime.UnixMillis;
        if (left is >= 0 and < 60_000) In((int)left + random.Pick(0, 0, 0, -1, 1), book.Id);
    }

    /// <summary>The media side is about to report something of the session at that address.</summary>
    public void Reports(IPEndPoint? local)
    {
        if (local is null || !IsDue()) return;
        if (world.Ledger.Living.OfType<CallBook>().FirstOrDefault(book => RestChecks.PortOf(book) == local.Port && !book.State.IsReleased) is { } call)
            In(random.Pick(0, 0, 1), call.Id);
    }

    private void At(ReadOnlyMemory<byte> datagram, int millis)
    {
        if (!IsDue() || SipParser.ParseDatagram(datagram).Message is not { } message) return;
        if (world.Ledger.FindBySipCallId(message.CallId) is [.., var book]) In(millis, book.Id);
    }

    private bool IsDue() => world.Plan.RushPercent > 0 && !world.IsHealed && random.Chance(world.Plan.RushPercent);

    private void In(int millis, string call) => world.Runtime.After(Math.Max(0, millis), () =>
    {
        if (!world.IsHealed) world.Application.DoSomethingTo(call);
    });
}
