using System.Buffers.Binary;
using System.Text;
using Cti.Calls;
using Cti.Calls.Resources;
using Cti.Cluster;
using Cti.Cluster.Membership;
using Cti.Kernel;

namespace Cti.Actors.Resources;

/// <summary>
/// Carries commands from resource to resource, wherever the other one lives. On this node they go straight into its mailbox. To another node they go by a
/// link, one at a time for each receiver, and are kept until that node has confirmed that the mailbox took them, or that there is no such resource; they
/// are sent again when a link was broken and when the instance has another owner, and wait while it has none.
/// <code>
///   letter ──► waits ──link, owner known──► sent ──accepted──► (gone)
///                ▲                            ├──no such resource──► the sender is given what that means (Nowhere)
///                └──not mine, link broken─────┘
/// </code>
/// What a mailbox has taken and its node then loses is the resources' own affair: they are told who moved (<see cref="PeerMoved"/>) and ask again.
/// </summary>
/// <param name="self">This node.</param>
/// <param name="directory">The resources that live here.</param>
/// <param name="isServed">Whether an instance is this node's and its journal was read.</param>
/// <param name="view">The cluster now.</param>
/// <param name="links">The links; null on a node that is alone.</param>
/// <param name="timers">Timers.</param>
/// <param name="log">Log.</param>
internal sealed class ResourcePost(string self, ResourceDirectory directory, Func<int, bool> isServed, Func<ClusterView> view, INodeLinks? links,
    ITimers timers, ILog log)
    : ILinkReceiver, IClusterEvents
{
    private const byte Command = 1, Accepted = 2, NoSuchResource = 3, NotMine = 4;
    private const int AnswerBytes = 1 + sizeof(long);
    private const int RetryMillis = 100;
    /// <summary>Ticks after which a letter that a node neither confirmed nor refused is sent once more.</summary>
    private const int PatienceTicks = 20;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Letterbox> _boxes = new(StringComparer.Ordinal);
    private readonly Dictionary<long, Letterbox> _underway = [];
    private long _lastId;
    private int _letters;
    private bool _ticking;

    /// <summary>Letters that wait or are not confirmed.</summary>
    public int Pending
    {
        get
        {
            lock (_gate) return _letters;
        }
    }

    /// <summary>Whether a resource lives on this node, if it exists.</summary>
    public bool IsHere(string resource) => ResourceId.TryParse(resource, out var id) && isServed(id.Instance);

    /// <summary>Told that a resource does not exist which was sent something by no resource.</summary>
    public Action<string>? Unclaimed { get; init; }

    /// <summary>Whether something for a resource waits or is not confirmed.</summary>
    public bool IsUnderway(string resource)
    {
        lock (_gate) return _boxes.ContainsKey(resource);
    }

    /// <summary>Gives a command to another resource.</summary>
    /// <param name="from">Who sends it.</param>
    /// <param name="to">Who is to have it.</param>
    /// <param name="command">What.</param>
    /// <returns>False where there is no such resource. Of one on another node the sender hears that later, as <see cref="Nowhere"/> says.</returns>
    public bool Send(string from, string to, ResourceCommand command)
    {
        if (!ResourceId.TryParse(to, out var id)) return false;
        Letterbox? box;
        lock (_gate)
        {
            box = _boxes.GetValueOrDefault(to);
            // Nothing overtakes what still waits for the same receiver.
            if (box is not null || !isServed(id.Instance))
            {
                if (command is not CrossingCommand crossing) return false;
                if (_letters >= Limits.ResourceLettersMax)
                {
                    log.Write(LogEvents.ResourcePostFull, to);
                    return false;
                }
                if (box is null) _boxes[to] = box = new Letterbox(to, id.Instance);
                box.Letters.Enqueue(new Letter(++_lastId, from, crossing));
                _letters++;
            }
        }
        if (box is null) return directory.Find(id) is { } there && there.Actor.Tell(new Decide(command));
        Pump(box);
        EnsureTicking();
        return true;
    }

    /// <summary>Gives a request to a resource of the same instance; false where there is none such.</summary>
    public bool Ask(string resource, OwnedAsk ask) => directory.Find(resource) is { } there && there.Actor.Tell(ask);

    /// <summary>More instances are served here: what waited for them is delivered.</summary>
    public void OnServed() => PumpAll(static _ => true);

    /// <summary>Another node serves more instances: what it did not take yet it takes now.</summary>
    public void OnServedElsewhere() => PumpAll(static _ => true);

    /// <inheritdoc/>
    public void OnViewChanged(ClusterView before, ClusterView now)
    {
        for (var instance = 0; instance < now.Owners.Length; instance++)
        {
            var owner = now.Owners[instance];
            if (owner.Node.Length == 0 || (instance < before.Owners.Length && before.Owners[instance] == owner)) continue;
            var former = instance < before.Owners.Length ? before.Owners[instance].Node : "";
            // Its own process: what it was given it takes, which changes the epoch once more.
            var moved = new PeerMoved(instance) { IsHandedOver = now.Find(former) is { } giver && before.Find(former)?.Incarnation == giver.Incarnation };
            // What is not durable yet was not said to anyone: it goes to the new owner from the first.
            foreach (var sharing in directory.InOrder(resource => resource.Published?.IsSharedWith(moved) == true)) sharing.Actor.Tell(new Decide(moved));
        }
        // What is on its way to whom the instance still is, is not sent again: the receiver takes each time for another command.
        PumpAll(box =>
        {
            if (box.SentTo is { } there && now.OwnerOf(box.Instance)?.Name != there) box.SentTo = null;
            return true;
        });
    }

    /// <inheritdoc/>
    public void OnLost(IReadOnlyList<int> instances)
    {
        // What the resources of these instances still had to say is for their new owner to say.
        lock (_gate)
        {
            foreach (var box in _boxes.Values.ToList())
            {
                var kept = box.Letters.Where(letter => !ResourceId.TryParse(letter.From, out var from) || !instances.Contains(from.Instance)).ToList();
                if (kept.Count == box.Letters.Count) continue;
                _letters -= box.Letters.Count - kept.Count;
                box.Letters.Clear();
                foreach (var letter in kept) box.Letters.Enqueue(letter);
                box.SentTo = null;
                if (kept.Count == 0) _boxes.Remove(box.To);
            }
        }
    }

    /// <inheritdoc/>
    public void OnConnected(string node) => PumpAll(static _ => true);

    /// <inheritdoc/>
    public void OnBroken(string node)
    {
        lock (_gate)
        {
            foreach (var box in _boxes.Values)
            {
                if (box.SentTo == node) box.SentTo = null;
            }
        }
    }

    /// <inheritdoc/>
    public void OnMessage(string node, ReadOnlyMemory<byte> payload)
    {
        var bytes = payload.Span;
        if (bytes.Length < AnswerBytes) return;
        var id = BinaryPrimitives.ReadInt64BigEndian(bytes[1..]);
        if (bytes[0] == Command) links!.Send(node, LinkChannel.Resources, Answer(Deliver(bytes[AnswerBytes..]), id));
        else Settle(id, node, bytes[0]);
    }

    private byte Deliver(ReadOnlySpan<byte> rest)
    {
        if (!TryReadText(ref rest, out _) || !TryReadText(ref rest, out var to) || !ResourceId.TryParse(to, out var id)) return NoSuchResource;
        if (!isServed(id.Instance)) return NotMine;
        return CrossingCodec.TryDecode(rest) is { } command && directory.Find(id) is { } there && there.Actor.Tell(new Decide(command)) ? Accepted
            : NoSuchResource;
    }

    private void Settle(long id, string node, byte answer)
    {
        Letter? returned = null;
        Letterbox? box;
        lock (_gate)
        {
            if (!_underway.TryGetValue(id, out box)) return;
            if (!box.Letters.TryPeek(out var head) || head.Id != id)
            {
                _underway.Remove(id);
                return;
            }
            // Taken is taken, whoever else it was sent to meanwhile; any other answer counts from whom it was sent to last.
            if (answer != Accepted && box.SentTo != node) return;
            if (answer == NotMine)
            {
                box.SentTo = null;
                return;
            }
            Take(box);
            if (answer == NoSuchResource) returned = head;
        }
        if (returned is not null) Return(box.To, returned);
        Pump(box);
    }

    /// <summary>The sender learns that there is no such resource; a sender that has moved meanwhile asks anew where it is now.</summary>
    private void Return(string to, Letter letter)
    {
        if (letter.From.Length == 0) Unclaimed?.Invoke(to);
        else if (Nowhere.AnswerTo(letter.Command, to, letter.From) is { } answer) directory.Find(letter.From)?.Actor.Tell(new Decide(answer));
    }

    private void PumpAll(Func<Letterbox, bool> which)
    {
        List<Letterbox> waiting;
        lock (_gate) waiting = [.. _boxes.Values.Where(which)];
        foreach (var box in waiting) Pump(box);
    }

    /// <summary>Sends the first letter of a box, or delivers all where the receiver lives here by now.</summary>
    private void Pump(Letterbox box)
    {
        while (true)
        {
            Letter? letter;
            lock (_gate)
            {
                if (!box.Letters.TryPeek(out letter)) return;
                if (!isServed(box.Instance))
                {
                    Post(box, letter);
                    return;
                }
                Take(box);
                // Under the lock, so that two threads do not change the letters' order; a mailbox takes a message at once.
                if (directory.Find(box.To) is { } there && there.Actor.Tell(new Decide(letter.Command))) continue;
            }
            Return(box.To, letter);
        }
    }

    private void Post(Letterbox box, Letter letter)
    {
        if (box.SentTo is not null || links is null || view().OwnerOf(box.Instance) is not { } owner || owner.Name == self) return;
        if (!links.Send(owner.Name, LinkChannel.Resources, Encode(box.To, letter))) return;
        box.SentTo = owner.Name;
        box.Patience = PatienceTicks;
        _underway[letter.Id] = box;
    }

    private void Take(Letterbox box)
    {
        _underway.Remove(box.Letters.Dequeue().Id);
        box.SentTo = null;
        _letters--;
        if (box.Letters.Count == 0) _boxes.Remove(box.To);
    }

    private void EnsureTicking()
    {
        lock (_gate)
        {
            if (_ticking || _letters == 0) return;
            _ticking = true;
        }
        timers.Schedule(RetryMillis, Tick, null);
    }

    private void Tick(object? state)
    {
        lock (_gate)
        {
            _ticking = false;
            foreach (var box in _boxes.Values)
            {
                if (box.SentTo is not null && --box.Patience <= 0) box.SentTo = null;
            }
        }
        PumpAll(static box => box.SentTo is null);
        EnsureTicking();
    }

    private static byte[] Answer(byte kind, long id)
    {
        var bytes = new byte[AnswerBytes];
        bytes[0] = kind;
        BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(1), id);
        return bytes;
    }

    private static byte[] Encode(string to, Letter letter)
    {
        var command = CrossingCodec.Encode(letter.Command);
        var bytes = new byte[AnswerBytes + 2 + letter.From.Length + to.Length + command.Length];
        bytes[0] = Command;
        BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(1), letter.Id);
        var at = AnswerBytes;
        foreach (var text in (ReadOnlySpan<string>)[letter.From, to])
        {
            // A resource id has at most 100 characters of ASCII.
            bytes[at] = (byte)text.Length;
            at += 1 + Encoding.ASCII.GetBytes(text, bytes.AsSpan(at + 1));
        }
        command.CopyTo(bytes.AsSpan(at));
        return bytes;
    }

    private static bool TryReadText(ref ReadOnlySpan<byte> rest, out string text)
    {
        text = "";
        if (rest.IsEmpty || rest.Length <= rest[0]) return false;
        text = Encoding.ASCII.GetString(rest.Slice(1, rest[0]));
        rest = rest[(1 + text.Length)..];
        return true;
    }

    private sealed record Letter(long Id, string From, CrossingCommand Command);

    /// <summary>What waits for one resource, in order.</summary>
    private sealed class Letterbox(string to, int instance)
    {
        public string To { get; } = to;
        public int Instance { get; } = instance;
        public Queue<Letter> Letters { get; } = new();
        /// <summary>To whom the first one was sent, unconfirmed; null while it waits.</summary>
        public string? SentTo { get; set; }
        public int Patience { get; set; }
    }
}
