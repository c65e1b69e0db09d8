using Akka.Actor;
using Akka.Event;
using Cti.Kernel;

namespace Cti.Cluster.Remoting;

/// <summary>Akka's warnings and errors go into the node's log; messages that found nobody are counted, not printed.</summary>
public static class AkkaLog
{
    /// <summary>Begins to log what an actor system says.</summary>
    /// <param name="system">The actor system.</param>
    /// <param name="log">The node's log.</param>
    /// <param name="deadLetter">Told of each message that found nobody; on any thread.</param>
    /// <param name="isKnown">What the node's own log tells already; null for nothing.</param>
    public static void Attach(ActorSystem system, ILog log, Action deadLetter, Func<Akka.Event.LogEvent, bool>? isKnown = null)
    {
        var listener = system.ActorOf(Props.CreateBy(new Producer(log, deadLetter, isKnown)), "log");
        foreach (var kind in (Type[])[typeof(Error), typeof(Warning), typeof(AllDeadLetters)]) system.EventStream.Subscribe(listener, kind);
    }

    private sealed class Listener(ILog log, Action deadLetter, Func<Akka.Event.LogEvent, bool>? isKnown) : ActorBase
    {
        protected override bool Receive(object message)
        {
            switch (message)
            {
                case Akka.Event.LogEvent known when isKnown?.Invoke(known) == true:
                    return true;
                case Error error when IsRepeated(error):
                    log.Write(LogEvents.AkkaWarning, error.LogSource, error.Message);
                    return true;
                case Error error:
                    log.Write(LogEvents.AkkaError, error.LogSource, $"{error.Message}{(error.Cause is { } cause ? $": {cause}" : "")}");
                    return true;
                case Warning warning:
                    log.Write(LogEvents.AkkaWarning, warning.LogSource, warning.Message);
                    return true;
                case AllDeadLetters:
                    deadLetter();
                    return true;
                default:
                    return false;
            }
        }
    }

    /// <summary>The shards' coordinator calls an error what it does again a moment later, as where a node dies while it writes to a majority.</summary>
    private static bool IsRepeated(Error error) => error.Cause is null && error.Message?.ToString()?.Contains("(retrying)", StringComparison.Ordinal) == true;

    private sealed class Producer(ILog log, Action deadLetter, Func<Akka.Event.LogEvent, bool>? isKnown) : IIndirectActorProducer
    {
        public Type ActorType => typeof(Listener);

        public ActorBase Produce() => new Listener(log, deadLetter, isKnown);

        public void Release(ActorBase actor)
        {
        }
    }
}
