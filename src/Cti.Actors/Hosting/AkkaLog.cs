using Akka.Actor;
using Akka.Event;
using Cti.Kernel;

namespace Cti.Actors.Hosting;

/// <summary>Akka's warnings and errors go into the node's log; messages that found nobody are counted, not printed.</summary>
internal sealed class AkkaLog(ActorHost host) : ActorBase
{
    protected override bool Receive(object message)
    {
        switch (message)
        {
            case Error error:
                host.Log.Write(LogEvents.AkkaError, error.LogSource, $"{error.Message}{(error.Cause is { } cause ? $": {cause}" : "")}");
                return true;
            case Warning warning:
                host.Log.Write(LogEvents.AkkaWarning, warning.LogSource, warning.Message);
                return true;
            case AllDeadLetters:
                host.CountDeadLetter();
                return true;
            default:
                return false;
        }
    }

    /// <summary>Makes it.</summary>
    internal sealed class Producer(ActorHost host) : IIndirectActorProducer
    {
        public Type ActorType => typeof(AkkaLog);

        public ActorBase Produce() => new AkkaLog(host);

        public void Release(ActorBase actor)
        {
        }
    }
}
