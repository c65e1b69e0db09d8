using Akka.Actor;
using Cti.Kernel;

namespace Cti.Actors.Hosting;

/// <summary>
/// Where messages for one actor go. Unlike a bare reference of Akka's it says at once whether a message was taken: a full mailbox, or an actor that has
/// stopped, is answered by whoever sends, and nothing is lost silently.
/// </summary>
public sealed class ActorHandle
{
    private readonly ActorHost _host;
    private readonly Lock _beginning = new();
    private readonly int _capacity;
    private readonly MailboxGauge _gauge;
    private int _waiting;
    private volatile bool _isStopped;
    private IActorRef? _actor;
    private Func<NodeActor>? _factory;
    private NodeActor? _last;

    internal ActorHandle(ActorHost host, string name, string path, Func<NodeActor> factory, int capacity, MailboxGauge gauge)
    {
        _host = host;
        _factory = factory;
        _capacity = capacity;
        _gauge = gauge;
        Name = name;
        Path = path;
    }

    /// <summary>For logs.</summary>
    public string Name { get; }

    /// <summary>True once the actor has stopped for good; messages are then refused.</summary>
    public bool IsStopped => _isStopped;

    /// <summary>How many messages wait.</summary>
    public int Waiting => Volatile.Read(ref _waiting);

    /// <summary>Its name below /user.</summary>
    internal string Path { get; }

    /// <summary>Its reference; null before its first message and after its end.</summary>
    internal IActorRef? Actor => Volatile.Read(ref _actor);

    /// <summary>Crashes until now.</summary>
    internal int Crashes { get; set; }

    /// <summary>Puts a message into the mailbox; false when it is full or the actor has stopped (nothing was queued).</summary>
    public bool Tell(object message)
    {
        if (_isStopped) return false;
        var waiting = Interlocked.Increment(ref _waiting);
        if (waiting > _capacity && message is not ISystemMessage)
        {
            Interlocked.Decrement(ref _waiting);
            _gauge.Refused();
            return false;
        }
        _gauge.Waits(waiting);
        (Volatile.Read(ref _actor) ?? Begin()).Tell(message, ActorRefs.NoSender);
        return true;
    }

    /// <summary>Makes the actor, at its beginning and after every crash.</summary>
    internal NodeActor Make()
    {
        var actor = _factory!();
        actor.Attach(_host, this);
        return actor;
    }

    /// <summary>It has stopped; <paramref name="last"/> is null for one that could not even be made.</summary>
    internal void Stopped(NodeActor? last)
    {
        _last = last;
        _isStopped = true;
        _host.Removed(this);
    }

    /// <summary>A message left the mailbox.</summary>
    internal void Taken() => Interlocked.Decrement(ref _waiting);

    /// <summary>A message was still in the mailbox when the actor stopped.</summary>
    internal void GiveBack(object message) => _last?.Undelivered(message);

    /// <summary>Nothing comes any more. Whoever still holds the handle (a transaction lingers for half a minute) does not hold what the actor held.</summary>
    internal void Close()
    {
        _last = null;
        _factory = null;
        _actor = null;
    }

    /// <summary>Not before the first message: whoever makes an actor has given it by then all that it begins with.</summary>
    private IActorRef Begin()
    {
        lock (_beginning)
        {
            return _isStopped ? ActorRefs.Nobody : _actor ??= _host.Begin(this);
        }
    }
}

/// <summary>A message that a full mailbox accepts as well, because what it reports cannot be taken back.</summary>
public interface ISystemMessage;
