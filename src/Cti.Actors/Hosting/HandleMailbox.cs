using System.Collections.Concurrent;
using Akka.Actor;
using Akka.Configuration;
using Akka.Dispatch;
using Akka.Dispatch.MessageQueues;

namespace Cti.Actors.Hosting;

/// <summary>The mailbox of an actor with a handle: the handle counts what waits, and hears of what nobody received.</summary>
internal sealed class HandleMailbox(Settings settings, Config config) : MailboxType(settings, config), IProducesMessageQueue<HandleMailbox.Messages>
{
    /// <summary>Its name in the configuration.</summary>
    public const string Id = "mailbox-with-handle";

    public override IMessageQueue Create(IActorRef owner, ActorSystem system) =>
        new Messages(ActorHost.Of(system).Find(owner.Path.Name) ?? throw new InvalidOperationException($"{owner.Path} has no handle"));

    /// <summary>First come first served, after what was put aside.</summary>
    internal sealed class Messages(ActorHandle handle) : IMessageQueue, IUnboundedDequeBasedMessageQueueSemantics
    {
        private readonly ConcurrentQueue<Envelope> _arrived = new();
        /// <summary>Only the actor itself puts anything back.</summary>
        private readonly Stack<Envelope> _again = new();

        public bool HasMessages => _again.Count > 0 || !_arrived.IsEmpty;

        public int Count => _again.Count + _arrived.Count;

        public void Enqueue(IActorRef receiver, Envelope envelope) => _arrived.Enqueue(envelope);

        public void EnqueueFirst(Envelope envelope) => _again.Push(envelope);

        public bool TryDequeue(out Envelope envelope)
        {
            if (_again.TryPop(out envelope)) return true;
            if (!_arrived.TryDequeue(out envelope)) return false;
            if (IsCounted(envelope.Message)) handle.Taken();
            return true;
        }

        /// <summary>A timer's message, and the news that a watched actor has stopped, came past the handle.</summary>
        private static bool IsCounted(object message) => message is not (IWrappedMessage or Terminated);

        public void CleanUp(IActorRef owner, IMessageQueue deadletters)
        {
            while (TryDequeue(out var envelope))
            {
                if (IsCounted(envelope.Message)) handle.GiveBack(envelope.Message);
            }
            handle.Close();
        }
    }
}
