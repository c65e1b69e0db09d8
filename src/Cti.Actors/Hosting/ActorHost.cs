using System.Collections.Concurrent;
using Akka.Actor;
using Akka.Actor.Setup;
using Akka.Configuration;
using Cti.Cluster.Remoting;
using Cti.Kernel;
using IScheduler = Cti.Kernel.IScheduler;

namespace Cti.Actors.Hosting;

/// <summary>
/// One node's actors, on an <see cref="ActorSystem"/> of Akka's whose threads and time are this node's ports, so that a simulation can be all of them:
/// <code>
///   Akka: mailbox ──has messages──► PortDispatcher ──► IScheduler      (the thread pool, or one seed's choice)
///         timer   ──starts────────► PortScheduler  ──► ITimers         (the wheel, or virtual time)
///         crash   ────────────────► NodeSupervision: restart, the sixth stops
/// </code>
/// </summary>
public sealed class ActorHost
{
    private static readonly Config Configuration = ConfigurationFactory.ParseString($$"""
        akka {
          loggers = []
          loglevel = WARNING
          stdout-loglevel = OFF
          log-dead-letters = off
          coordinated-shutdown.run-by-actor-system-terminate = off
          coordinated-shutdown.run-by-clr-shutdown-hook = off
          scheduler.implementation = "{{typeof(PortScheduler).AssemblyQualifiedName}}"
          actor {
            guardian-supervisor-strategy = "{{typeof(NodeSupervision).AssemblyQualifiedName}}"
            default-dispatcher { type = "{{typeof(PortDispatcherConfigurator).AssemblyQualifiedName}}", throughput = {{Limits.MailboxBatch}} }
            internal-dispatcher { type = "{{typeof(PortDispatcherConfigurator).AssemblyQualifiedName}}", throughput = {{Limits.MailboxBatch}} }
            default-blocking-io-dispatcher { type = "{{typeof(PortDispatcherConfigurator).AssemblyQualifiedName}}" }
          }
          {{HandleMailbox.Id}} { mailbox-type = "{{typeof(HandleMailbox).AssemblyQualifiedName}}" }
        }
        """);

    private static readonly Deploy WithHandle = Deploy.None.WithMailbox($"akka.{HandleMailbox.Id}");

    private readonly ConcurrentDictionary<string, ActorHandle> _alive = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, MailboxGauge> _mailboxes = new(StringComparer.Ordinal);
    private readonly ActorSystem _actors;
    private long _lastNumber, _deadLetters;

    /// <summary>Starts Akka's actor system on the ports.</summary>
    /// <param name="scheduler">Runs mailboxes.</param>
    /// <param name="clock">Time.</param>
    /// <param name="timers">Timers.</param>
    /// <param name="log">Log.</param>
    public ActorHost(IScheduler scheduler, IClock clock, ITimers timers, ILog log)
    {
        (Scheduler, Clock, Timers, Log) = (scheduler, clock, timers, log);
        _actors = PortScheduler.Create(this, () => ActorSystem.Create("cti", BootstrapSetup.Create().WithConfig(Configuration).And(new HostSetup(this))));
        AkkaLog.Attach(_actors, log, () => Interlocked.Increment(ref _deadLetters));
    }

    /// <summary>Runs mailboxes.</summary>
    public IScheduler Scheduler { get; }

    /// <summary>Time.</summary>
    public IClock Clock { get; }

    /// <summary>Timers.</summary>
    public ITimers Timers { get; }

    /// <summary>Log.</summary>
    public ILog Log { get; }

    /// <summary>Told of every crash; a simulation fails on it.</summary>
    public Action<string, Exception>? CrashObserver { get; set; }

    /// <summary>How many actors live: a simulation asserts that none leaks.</summary>
    public int AliveCount => _alive.Count;

    /// <summary>Names of the living, for diagnostics.</summary>
    public IReadOnlyList<string> AliveNames => [.. _alive.Values.Select(static actor => actor.Name)];

    /// <summary>Whether the actor system has ended, which it does with the process.</summary>
    public bool HasEnded => _actors.WhenTerminated.IsCompleted;

    /// <summary>The mailboxes, by kind of actor, in order of kind.</summary>
    public IReadOnlyList<MailboxStatistics> Mailboxes =>
        [.. _mailboxes.OrderBy(static pair => pair.Key, StringComparer.Ordinal).Select(pair => pair.Value.Read(Clock.MonotonicNanos))];

    /// <summary>Messages of Akka's own that found nobody.</summary>
    public long DeadLetters => Interlocked.Read(ref _deadLetters);

    internal static ActorHost Of(ActorSystem actors) => actors.Settings.Setup.Get<HostSetup>().Value.Host;

    /// <summary>Creates an actor, which begins with its first message.</summary>
    /// <param name="name">For logs; its first word is the actor's kind, of which there are few.</param>
    /// <param name="factory">Makes the actor, in its own mailbox, also after a crash.</param>
    /// <param name="capacity">Messages that may wait, 1 or more.</param>
    public ActorHandle Spawn(string name, Func<NodeActor> factory, int capacity = Limits.MailboxMax)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        var kind = KindOf(name);
        var path = string.Create(global::System.Globalization.CultureInfo.InvariantCulture, $"{kind}-{Interlocked.Increment(ref _lastNumber)}");
        var handle = new ActorHandle(this, name, path, factory, capacity, GaugeOf(kind));
        _alive[path] = handle;
        return handle;
    }

    internal IActorRef Begin(ActorHandle actor) => _actors.ActorOf(Props.CreateBy(new Producer(actor)).WithDeploy(WithHandle), actor.Path);

    /// <summary>The handle of an actor by its name below /user; null for one that has stopped, or is none of the node's.</summary>
    internal ActorHandle? Find(string path) => _alive.GetValueOrDefault(path);

    internal void Removed(ActorHandle actor) => _alive.TryRemove(actor.Path, out _);

    /// <summary>An actor has crashed and is restarted.</summary>
    internal void Restarts(ActorHandle actor, Exception fault)
    {
        actor.Crashes++;
        Log.Write(LogEvents.ActorCrashed, actor.Name, fault);
        CrashObserver?.Invoke(actor.Name, fault);
    }

    /// <summary>An actor has crashed and is stopped.</summary>
    internal void Stops(ActorHandle actor, Exception fault)
    {
        actor.Crashes++;
        Log.Write(LogEvents.ActorStopped, actor.Name, actor.Crashes, fault);
        CrashObserver?.Invoke(actor.Name, fault);
    }

    private MailboxGauge GaugeOf(ReadOnlySpan<char> kind)
    {
        var known = _mailboxes.GetAlternateLookup<ReadOnlySpan<char>>();
        if (known.TryGetValue(kind, out var gauge)) return gauge;
        var name = kind.ToString();
        return _mailboxes.GetOrAdd(name, static name => new MailboxGauge(name));
    }

    /// <summary>The first word of a name: what a path may hold of it, and there are few.</summary>
    private static ReadOnlySpan<char> KindOf(string name)
    {
        var end = name.IndexOf(' ', StringComparison.Ordinal);
        return end < 0 ? name : name.AsSpan(0, end);
    }

    private sealed class HostSetup(ActorHost host) : Setup
    {
        public ActorHost Host => host;
    }

    private sealed class Producer(ActorHandle handle) : IIndirectActorProducer
    {
        public Type ActorType => typeof(NodeActor);

        public ActorBase Produce() => handle.Make();

        public void Release(ActorBase actor)
        {
        }
    }
}
