using Akka.Actor;
using Akka.Remote;
using Cti.Kernel;

namespace Cti.Cluster.Remoting;

/// <summary>
/// Makes and ends this node's links, and hands on what comes over them. Remoting has proved that both ends know the cluster's secret; here they say who they
/// are, and each link has numbers of its own, so that nothing of an old one counts.
/// <code>
///   peer in the view ──► asked ──Welcome───────────────────► up ──association lost, a frame missing, peer gone──► asked
///                          ▲  └──a Greeting of the peer's──► up       (told: connected)          (told: broken, and its host is probed)
///                          └──no answer: again, 100 ms to 1 s later
/// </code>
/// A link that is up and silent is greeted again each second, which the peer answers. One that is heard on one side only, or a peer that lives and never
/// answers, is remoting's doing: after 5 s it is made to connect anew.
/// </summary>
internal sealed class LinkActor : UntypedActor, IWithTimers
{
    /// <summary>The name of every node's link actor.</summary>
    public const string Name = "links";

    /// <summary>A receipt tells the sender that its queue is shorter; one for each message would double them.</summary>
    private const int ReceiptBytes = Limits.LinkQueueBytes / 16;

    private readonly RemoteLinks _links;
    private long _lastLink, _lookedMillis;

    public LinkActor(RemoteLinks links)
    {
        _links = links;
        // Another run of this actor system never takes up a number of this one.
        _lastLink = links.NowMillis << 20;
    }

    public ITimerScheduler Timers { get; set; } = null!;

    protected override void PreStart()
    {
        Context.System.EventStream.Subscribe(Self, typeof(DisassociatedEvent));
        Context.System.EventStream.Subscribe(Self, typeof(AssociationErrorEvent));
        Timers.StartPeriodicTimer(Name, LookAtLinks.Instance, TimeSpan.FromMilliseconds(Limits.LinkTickMillis));
    }

    protected override void PostStop()
    {
        foreach (var peer in _links.Peers) _links.Break(peer, "this node's actor system ends");
    }

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case LinkFrame frame: TakeFrame(frame); break;
            case LinkReceipt receipt: TakeReceipt(receipt); break;
            case LookAtLinks: Look(); break;
            case Greeting greeting: TakeGreeting(greeting); break;
            case Welcome welcome: TakeWelcome(welcome); break;
            case Unwelcome unwelcome: TakeUnwelcome(unwelcome); break;
            case DisassociatedEvent lost: TakeLoss(lost.RemoteAddress); break;
            case AssociationErrorEvent lost: TakeLoss(lost.RemoteAddress); break;
            case Probed probed: TakeProbe(probed); break;
            default: Unhandled(message); break;
        }
    }

    private void Look()
    {
        var now = _links.NowMillis;
        // What this process did not hear while it stood still, the peers may well have said.
        var late = _lookedMillis == 0 ? 0 : Math.Max(0, now - _lookedMillis - (2 * Limits.LinkTickMillis));
        _lookedMillis = now;
        foreach (var peer in _links.Peers)
        {
            if (now >= peer.EndsMillis && peer.Node is null) _links.Break(peer, "it is no longer in the cluster");
            if (peer.Current is { } link) Beat(peer, link, now, late);
            if (peer.Current is not null || peer.Node is null || now < peer.DueMillis) continue;
            if (peer.Failures > 0) _links.Probe(peer, Self);
            // One that was refused for its secret or version would be so again.
            if (now - peer.AskedSinceMillis >= Limits.LinkMuteMillis && peer.Complaint.Length == 0) ConnectAnew(peer, "it does not answer", now);
            Ask(peer, now);
        }
    }

    private void Beat(RemotePeer peer, RemoteLink link, long now, long late)
    {
        link.HeardMillis += late;
        if (now - Math.Max(link.HeardMillis, link.BeatMillis) >= Limits.LinkBeatMillis)
        {
            link.BeatMillis = now;
            link.Remote.Tell(new Greeting(_links.Version, link.Mine, _links.Self, _links.Incarnation, peer.Name), Self);
        }
        if (now - link.HeardMillis < Limits.LinkMuteMillis) return;
        _links.Break(peer, $"nothing has come over it for {Limits.LinkMuteMillis / 1000} s");
        ConnectAnew(peer, "its link was silent", now);
    }

    /// <summary>Ends remoting's connections with a peer, whatever it makes of them: without the peer's number they are closed and opened again.</summary>
    private void ConnectAnew(RemotePeer peer, string why, long now)
    {
        peer.AskedSinceMillis = now;
        if (((ExtendedActorSystem)Context.System).Provider is not IRemoteActorRefProvider remoting || peer.Node is not { } node) return;
        _links.Log.Write(LogEvents.LinkAnew, peer.Name, why);
        remoting.Quarantine(Address.Parse(AddressOf(node.LinkAddress)), null);
    }

    private void Ask(RemotePeer peer, long now)
    {
        if (peer.Wanted == 0) peer.Wanted = ++_lastLink;
        peer.DueMillis = now + Math.Min(Limits.LinkRetryMillisMax, Limits.LinkTickMillis << Math.Min(peer.Failures++, 8));
        Context.ActorSelection($"{AddressOf(peer.Node!.LinkAddress)}/user/{Name}")
            .Tell(new Greeting(_links.Version, peer.Wanted, _links.Self, _links.Incarnation, peer.Name), Self);
    }

    private static string AddressOf(string linkAddress) =>
        $"{((ExtendedActorSystem)Context.System).Provider.DefaultAddress.Protocol}://{Context.System.Name}@{linkAddress}";

    private void TakeGreeting(Greeting greeting)
    {
        if (greeting.Version != _links.Version)
        {
            _links.Complain(greeting.Name, OtherVersion(greeting.Version));
            Sender.Tell(new Unwelcome(_links.Version, ""), Self);
            return;
        }
        if (greeting.Called != _links.Self || greeting.Name == _links.Self || greeting.Name.Length == 0)
        {
            var why = $"it calls itself {greeting.Name} and looks for {greeting.Called}; this is {_links.Self}";
            _links.Complain(greeting.Name, why);
            Sender.Tell(new Unwelcome(_links.Version, $"it says that it is {_links.Self}"), Self);
            return;
        }
        if (_links.Known(greeting.Name) is not { } peer) return;
        if (peer.Current is not { } current || current.Theirs != greeting.Link || !current.Remote.Equals(Sender))
        {
            var wanted = peer.Wanted != 0 ? peer.Wanted : ++_lastLink;
            // It is told before anybody here sends over the link.
            Sender.Tell(new Welcome(greeting.Link, wanted, _links.Self, _links.Incarnation), Self);
            _links.Up(peer, new RemoteLink(Sender, Self, wanted, greeting.Link, greeting.Incarnation));
            peer.Wanted = 0;
            return;
        }
        current.HeardMillis = _links.NowMillis;
        Sender.Tell(new Welcome(greeting.Link, current.Mine, _links.Self, _links.Incarnation), Self);
    }

    private void TakeWelcome(Welcome welcome)
    {
        if (_links.Known(welcome.Name) is not { } peer) return;
        if (peer.Current is { } current && current.Mine == welcome.Link && current.Remote.Equals(Sender))
        {
            current.HeardMillis = _links.NowMillis;
            if (current.Theirs == welcome.Own) return;
            // The peer had lost it, and has taken what was said over it for the beginning of another.
            _links.Break(peer, "the peer has begun another");
            Look();
            return;
        }
        if (peer.Wanted != welcome.Link) return;
        peer.Wanted = 0;
        _links.Up(peer, new RemoteLink(Sender, Self, welcome.Link, welcome.Own, welcome.Incarnation));
    }

    private void TakeUnwelcome(Unwelcome unwelcome)
    {
        var name = _links.At(Sender.Path.Address)?.Name ?? "";
        _links.Complain(name, unwelcome.Version != _links.Version ? OtherVersion(unwelcome.Version) : unwelcome.Why);
    }

    private void TakeFrame(LinkFrame frame)
    {
        if (Find(frame.Link) is not { } peer || peer.Current is not { } link) return;
        if (frame.Number != link.Expected)
        {
            // Remoting lost what was on its way; whoever sent it has to hear that.
            _links.Break(peer, "messages were lost on their way");
            Look();
            return;
        }
        link.HeardMillis = _links.NowMillis;
        link.Expected++;
        link.ReceivedBytes += frame.Payload.Length;
        _links.Deliver(peer, frame.Channel, frame.Payload);
        if (link.ReceivedBytes - link.ToldBytes < ReceiptBytes) return;
        link.ToldBytes = link.ReceivedBytes;
        link.Remote.Tell(new LinkReceipt(frame.Link, link.ReceivedBytes), Self);
    }

    private void TakeReceipt(LinkReceipt receipt)
    {
        foreach (var peer in _links.Peers)
        {
            if (peer.Current is not { } link || link.Mine != receipt.Link || !link.Remote.Equals(Sender)) continue;
            link.HeardMillis = _links.NowMillis;
            link.Handed(receipt.Bytes);
        }
    }

    /// <summary>The peer from whom a frame came, by the number that it gave the link.</summary>
    private RemotePeer? Find(long theirs)
    {
        foreach (var peer in _links.Unordered)
        {
            if (peer.Current is { } link && link.Theirs == theirs && link.Remote.Equals(Sender)) return peer;
        }
        return null;
    }

    private void TakeLoss(Address? address)
    {
        if (_links.At(address) is not { } peer) return;
        var wasUp = peer.Current is not null;
        _links.Break(peer, "the connection was closed");
        if (!wasUp) return;
        _links.Probe(peer, Self);
        Look();
    }

    private void TakeProbe(Probed probed)
    {
        if (probed.IsRefused && _links.Known(probed.Peer) is { } peer) _links.Refused(peer);
    }

    private string OtherVersion(int version) =>
        $"it speaks version {version} of the links between nodes, this node version {_links.Version}; calls cannot be served together until both run programs "
            + "of one version";
}
