using System.Net;
using Cti.Actors.Hosting;
using Cti.Kernel;

namespace Cti.Actors.SipNode;

/// <summary>A re-INVITE after a takeover may go out.</summary>
internal sealed record ReInviteDue : ISystemMessage;

/// <summary>
/// After a takeover each call tells its far end where it is now; many of them have the same far end, a proxy or a carrier. It gets a burst at once, then a
/// steady stream, so that it is not flooded and 500 calls are told within half a second.
/// </summary>
internal sealed class ReInvitePacer(ITimers timers)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<IPAddress, Peer> _peers = [];

    /// <summary>Gives <see cref="ReInviteDue"/> to the call when its turn towards that far end has come.</summary>
    public void Queue(IPAddress address, ActorHandle call)
    {
        lock (_gate)
        {
            if (!_peers.TryGetValue(address, out var peer))
            {
                _peers.Add(address, peer = new Peer());
                timers.Schedule(Limits.ReInviteStepMillis, Step, address);
            }
            peer.Waiting.Enqueue(call);
            peer.Serve();
        }
    }

    private void Step(object? state)
    {
        var address = (IPAddress)state!;
        lock (_gate)
        {
            var peer = _peers[address];
            peer.Tokens = Math.Min(Limits.ReInviteBurst, peer.Tokens + Limits.ReInvitesPerStep);
            peer.Serve();
            if (peer.Tokens < Limits.ReInviteBurst) timers.Schedule(Limits.ReInviteStepMillis, Step, address);
            else _peers.Remove(address);
        }
    }

    private sealed class Peer
    {
        public Queue<ActorHandle> Waiting { get; } = new();

        public int Tokens { get; set; } = Limits.ReInviteBurst;

        public void Serve()
        {
            for (; Tokens > 0 && Waiting.TryDequeue(out var call); Tokens--) call.Tell(new ReInviteDue());
        }
    }
}
