using System.Net;
using Cti.Calls.Call;

namespace Cti.Simulation;

/// <summary>
/// What holds whenever nothing is under way: every decision is durable and every message between resources has been handled. Then both sides of what spans two
/// resources must agree, and what the media side mixes must be what the journal says.
/// </summary>
internal sealed class RestChecks(SimulatedWorld world)
{
    private long appends = -1;

    /// <summary>How often the world was at rest with something new.</summary>
    public int Times { get; private set; }

    /// <summary>Called between instants: all that was ready has run.</summary>
    public void Look()
    {
        if (world.Node is not { IsServing: true, Server.IsJournalIdle: true } || world.Ledger.Appends == appends) return;
        // What is due in this very millisecond is still under way.
        if (world.Runtime.NextTimerMillis is { } next && next <= world.Runtime.ElapsedMillis) return;
        appends = world.Ledger.Appends;
        Times++;
        foreach (var book in world.Ledger.Living)
        {
            if (book is CallBook { State: { IsReleased: false } } call) CheckBridge(call);
        }
        CheckMixing();
    }

    private void CheckBridge(CallBook call)
    {
        if (call.State.Bridge is not { } bridge) return;
        if (bridge.Stage == BridgeStage.Requested)
        {
            world.Fail($"{call.Id} waits at rest for {bridge.Peer} to join {bridge.Op}");
            return;
        }
        var peer = world.Ledger.Find<CallBook>(bridge.Peer);
        if (peer?.State is not { IsReleased: false, Bridge: { Stage: BridgeStage.Connected } other } || other.Op != bridge.Op || other.Peer != call.Id || other.IsFirst == bridge.IsFirst)
            world.Fail($"{call.Id} is in a bridge ({bridge.Op}, first: {bridge.IsFirst}) with {bridge.Peer}, which is not: {peer?.State.Phase} {peer?.State.Bridge}");
    }

    private void CheckMixing()
    {
        var mixed = world.Media.BridgedAddresses.Select(static bridge => (bridge.First.Port, bridge.Second.Port)).Order().ToList();
        var meant = new List<(int, int)>();
        foreach (var call in world.Ledger.Living.OfType<CallBook>())
        {
            if (call.State is { IsReleased: false, Bridge: { IsFirst: true, Stage: BridgeStage.Connected } bridge } && world.Ledger.Find<CallBook>(bridge.Peer) is { } peer)
                meant.Add((PortOf(call), PortOf(peer)));
        }
        meant.Sort();
        if (!mixed.SequenceEqual(meant)) world.Fail($"the media side bridges {string.Join(", ", mixed)}, the journal {string.Join(", ", meant)}");
    }

    /// <summary>The RTP port of a call's media session: the only thing of it that both the journal and the media side name.</summary>
    public static int PortOf(CallBook call)
    {
        var sdp = call.State.LocalSdp ?? "";
        var at = sdp.IndexOf("m=audio ", StringComparison.Ordinal) + 8;
        return at < 8 ? 0 : int.Parse(sdp.AsSpan(at, sdp.IndexOf(' ', at) - at), System.Globalization.CultureInfo.InvariantCulture);
    }
}
