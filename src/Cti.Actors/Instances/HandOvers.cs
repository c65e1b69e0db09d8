using System.Buffers.Binary;
using System.Text;
using Cti.Actors.Hosting;
using Cti.Actors.MediaNode;
using Cti.Actors.Resources;
using Cti.Calls.Call;
using Cti.Calls.Conference;
using Cti.Calls.Resources;
using Cti.Cluster;
using Cti.Cluster.Membership;
using Cti.Kernel;
using Cti.Persistence;
using Cti.Persistence.Journal;

namespace Cti.Actors.Instances;

/// <summary>
/// Moves instances to the nodes that ought to have them, one by one: all of a draining node's, and a joining node's share. An instance moves at a moment at
/// which none of its calls has anything under way that only this node can end (ringing, a key being sent, a change of the session). A draining node takes
/// nothing new, so such a moment comes; what a joining one gets later is late, and nothing else. Conferences go last, when those calls are at their new
/// places that went before.
/// </summary>
internal sealed class HandOvers(ResourceServices services, NodeMedia media, OwnedInstances owned, ClusterMember member, ActorHost system, Func<bool> isDraining,
    Action drain) : ILinkReceiver
{
    private const int LookMillis = 200;
    /// <summary>What stands before the resource's id: the kind and the epoch.</summary>
    private const int ArrivedHead = 9;
    /// <summary>A node that has just come may not listen yet, or go again.</summary>
    private const int JoinedMillisMin = 3_000;
    private const int AgreeMillisMax = 1_000;
    private const int QuietMillisMax = 3_000;
    private const int ServeMillisMax = 3_000;
    /// <summary>Why an instance does not move is told so seldom.</summary>
    private const int TellStayMillis = 10_000;
    private readonly Dictionary<string, long> _seenSince = new(StringComparer.Ordinal);
    private readonly Dictionary<int, long> _stayTold = [];
    private INodeLinks? _links;
    private volatile Receipt? _awaited;
    private ITimerHandle? _timer;
    private bool _isStopped;
    private long _moved;

    private enum Kind : byte
    {
        /// <summary>An instance has another owner now: look at once.</summary>
        Given = 1,
        /// <summary>A resource goes on at the sender: its old owner can let go.</summary>
        Arrived = 2,
        /// <summary>The receiver is to drain.</summary>
        Drain = 3,
        /// <summary>The sender serves these instances: the next can come.</summary>
        Served = 4,
    }

    /// <summary>Instances that this node has handed over.</summary>
    public long Moved => Interlocked.Read(ref _moved);

    public void Use(INodeLinks nodeLinks)
    {
        _links = nodeLinks;
        nodeLinks.Receive(LinkChannel.HandOver, this);
    }

    /// <summary>
    /// Ends what keeps the rest of an instance here, because the node stops: calls that are being set up. False where no other node is there for the rest.
    /// </summary>
    public bool EndWhatIsSettingUp()
    {
        if (_links is null || member.IsCutOff || !member.PlanGives().Any(give => _links.IsConnected(give.To))) return false;
        foreach (var resource in services.Directory.InOrder(static _ => true)) resource.Actor.Tell(new EndIfSettingUp());
        return true;
    }

    public void Start() => _timer = system.Timers.Schedule(LookMillis, static self => _ = ((HandOvers)self!).LookAsync(), this);

    public void Stop()
    {
        _isStopped = true;
        _timer?.Cancel();
    }

    /// <summary>
    /// Who was given a call died, and another has it before its far end could be told: it does as after any loss of a node, and must not be heard beside what
    /// still sounds here.
    /// </summary>
    public void OnViewChanged(ClusterView view)
    {
        foreach (var going in services.Departures.All)
        {
            if (going.Id.Instance >= view.Owners.Length) continue;
            var owner = view.Owners[going.Id.Instance];
            if (owner.Epoch > going.Epoch && owner.Node.Length > 0 && owner.Node != going.To) media.LetGo(going.Id);
        }
    }

    /// <summary>Lets a node drain: this one, or one that there is a link to. False where there is none.</summary>
    public bool Drain(string node)
    {
        if (node == member.Self)
        {
            drain();
            return true;
        }
        return _links?.Send(node, LinkChannel.HandOver, new[] { (byte)Kind.Drain }) == true;
    }

    /// <summary>A resource of an instance that came from another node goes on here, or is over: whoever still holds sound for it can let go.</summary>
    public void Arrived(ResourceId resource)
    {
        if (owned.JournalOf(resource.Instance) is not { } journal) return;
        var text = resource.ToString();
        var message = new byte[ArrivedHead + text.Length];
        message[0] = (byte)Kind.Arrived;
        BinaryPrimitives.WriteInt64LittleEndian(message.AsSpan(1), journal.Epoch);
        Encoding.ASCII.GetBytes(text, message.AsSpan(ArrivedHead));
        TellOthers(message);
    }

    /// <summary>This node serves instances: whoever gave one gives the next.</summary>
    public void Served(IReadOnlyList<int> instances)
    {
        if (instances.Count == 0) return;
        var message = new byte[1 + (sizeof(int) * instances.Count)];
        message[0] = (byte)Kind.Served;
        for (var i = 0; i < instances.Count; i++) BinaryPrimitives.WriteInt32LittleEndian(message.AsSpan(1 + (sizeof(int) * i)), instances[i]);
        TellOthers(message);
    }

    /// <inheritdoc/>
    public void OnMessage(string node, ReadOnlyMemory<byte> payload)
    {
        if (payload.IsEmpty) return;
        switch ((Kind)payload.Span[0])
        {
            case Kind.Given:
                member.RenewNow();
                break;
            case Kind.Arrived when payload.Length > ArrivedHead && ResourceId.TryParse(Encoding.ASCII.GetString(payload.Span[ArrivedHead..]), out var id):
                HasArrived(id, BinaryPrimitives.ReadInt64LittleEndian(payload.Span[1..]));
                break;
            case Kind.Drain:
                drain();
                break;
            case Kind.Served:
                for (var rest = payload.Span[1..]; rest.Length >= sizeof(int); rest = rest[sizeof(int)..])
                {
                    if (_awaited is { } receipt && receipt.Instance == BinaryPrimitives.ReadInt32LittleEndian(rest)) receipt.Arrive();
                }
                // Keys that were heard here during the move must be there before those that are heard there.
                services.Post.OnServedElsewhere();
                break;
        }
    }

    /// <inheritdoc/>
    public void OnConnected(string node)
    {
    }

    /// <inheritdoc/>
    public void OnBroken(string node)
    {
    }

    /// <summary>
    /// What still sounds here for the resource can go. A node that is cut off from the database and was replaced hears of it in this way first: it stands
    /// down, so that no far end hears two nodes.
    /// </summary>
    private void HasArrived(ResourceId id, long epoch)
    {
        if (services.Departures.Find(id) is not null) media.LetGo(id);
        if (id.Instance < owned.ClusterCount && owned.JournalOf(id.Instance) is { } journal && journal.Epoch < epoch) member.Fenced(id.Instance, journal.Epoch);
    }

    private async Task LookAsync()
    {
        try
        {
            Observe();
            foreach (var (instance, to) in member.PlanGives().OrderBy(give => ConferencesOf(give.Instance).Any()))
            {
                if (_isStopped) return;
                if (member.IsCutOff || !MayReceive(to)) continue;
                // Until all members can be asked into the new mix in the same moment, they are together in the old one; and of two parties one stays to be
                // asked.
                if (ConferencesOf(instance).Any(IsOnItsWay) || HasPartnerOnItsWay(instance)) continue;
                await MoveAsync(instance, to).ConfigureAwait(false);
            }
        }
#pragma warning disable CA1031 // Nothing else observes this task; the next look goes on.
        catch (Exception fault)
#pragma warning restore CA1031
        {
            system.Log.Write(LogEvents.HandOverFault, fault);
        }
        if (!_isStopped) _timer = system.Timers.Schedule(LookMillis, static self => _ = ((HandOvers)self!).LookAsync(), this);
    }

    private void Observe()
    {
        var now = system.Clock.MonotonicNanos / 1_000_000;
        var view = member.View;
        foreach (var node in view.Nodes) _seenSince.TryAdd(node.Name, now);
        foreach (var gone in _seenSince.Keys.Where(name => view.Find(name) is null).ToList()) _seenSince.Remove(gone);
    }

    /// <summary>A draining node waits for nobody; a joining one is given time to listen.</summary>
    private bool MayReceive(string to) => _links?.IsConnected(to) == true
        && (isDraining() || (_seenSince.TryGetValue(to, out var since) && (system.Clock.MonotonicNanos / 1_000_000) - since >= JoinedMillisMin));

    private async Task MoveAsync(int instance, string to)
    {
        if (owned.JournalOf(instance) is not { } journal || journal.IsStalled) return;
        var leaving = ResourcesOf(journal);
        var parting = new Parting(leaving, system.Scheduler);
        var agreement = parting.AwaitAll();
        var patience = system.Timers.Schedule(AgreeMillisMax, static state => ((Parting)state!).GiveUp(), parting);
        foreach (var resource in leaving) resource.Actor.Tell(new AskToPart(parting));
        var agreed = await agreement.ConfigureAwait(false);
        patience.Cancel();
        if (!agreed)
        {
            foreach (var resource in leaving) resource.Actor.Tell(new Stay());
            TellStay(instance, parting);
            return;
        }
        var agreedAt = system.Clock.MonotonicNanos;
        var receipt = _awaited = new Receipt(instance, system.Scheduler);
        // From here on nothing new finds the instance on this node.
        owned.Close(instance);
        if (ResourcesOf(journal).Count != leaving.Count || !await GoAsync(parting).ConfigureAwait(false)
            || !await GiveAsync(journal, to, leaving).ConfigureAwait(false))
        {
            owned.Reopen(instance);
            foreach (var resource in leaving) resource.Actor.Tell(new Stay());
            TellStay(instance, parting);
            return;
        }
        _stayTold.Remove(instance);
        Interlocked.Increment(ref _moved);
        // The receiver begins; the others send there at once what is for the resources that moved.
        TellOthers(new[] { (byte)Kind.Given });
        system.Log.Write(LogEvents.InstanceHandedOver, instance, to, leaving.Count, (system.Clock.MonotonicNanos - agreedAt) / 1_000_000);
        // One that has just started, or has much to do, is not given everything at once.
        var late = system.Timers.Schedule(ServeMillisMax, static state => ((Receipt)state!).Arrive(), receipt);
        await receipt.Task.ConfigureAwait(false);
        late.Cancel();
        _awaited = null;
    }

    /// <summary>One that does not go at the first look is nothing to tell.</summary>
    private void TellStay(int instance, Parting parting)
    {
        var now = system.Clock.MonotonicNanos / 1_000_000;
        if (!_stayTold.TryAdd(instance, now - TellStayMillis + 1_000) && now - _stayTold[instance] >= TellStayMillis)
        {
            _stayTold[instance] = now;
            system.Log.Write(LogEvents.InstanceStays, instance, parting.WhyNot ?? "it could not be given away");
        }
    }

    private async Task<bool> GoAsync(Parting parting)
    {
        var quiet = parting.AwaitAll();
        var late = system.Timers.Schedule(QuietMillisMax, static state => ((Parting)state!).GiveUp(), parting);
        foreach (var resource in parting.Resources) resource.Actor.Tell(new Go(parting));
        var isQuiet = await quiet.ConfigureAwait(false);
        late.Cancel();
        return isQuiet;
    }

    private async Task<bool> GiveAsync(InstanceJournal journal, string to, IReadOnlyList<ResourceListing> leaving)
    {
        foreach (var resource in leaving) services.Departures.Begin(resource.Id, to, journal.Epoch);
        try
        {
            if (await member.GiveAsync(journal.Instance, to).ConfigureAwait(false)) return true;
        }
        catch (StoreUnavailableException fault)
        {
            // Whether it was given is unknown: if it was, the next renewal shows it and the resources stand down.
            system.Log.Write(LogEvents.JournalUnreachable, fault.Message);
        }
        foreach (var resource in leaving) services.Departures.End(resource.Id);
        return false;
    }

    private IEnumerable<ConferenceState> ConferencesOf(int instance) => StatesOf(instance).OfType<ConferenceState>();

    /// <summary>Whether the far end of a member that went from here does not listen to its new place yet.</summary>
    private bool IsOnItsWay(ConferenceState conference) => conference.Members.Any(member => services.Departures.Has(member.Call));

    private bool HasPartnerOnItsWay(int instance) =>
        StatesOf(instance).Any(state => state is CallState { Bridge: { } bridge } && services.Departures.Has(bridge.Peer));

    private IEnumerable<ResourceState> StatesOf(int instance) => owned.JournalOf(instance) is { } journal
        ? services.Directory.All.Where(resource => resource.Journal == journal).Select(static resource => resource.Published).OfType<ResourceState>()
        : [];

    private void TellOthers(ReadOnlyMemory<byte> message)
    {
        foreach (var node in member.View.Nodes)
        {
            if (node.Name != member.Self) _links?.Send(node.Name, LinkChannel.HandOver, message);
        }
    }

    private List<ResourceListing> ResourcesOf(InstanceJournal journal) => services.Directory.InOrder(resource => resource.Journal == journal);
}
