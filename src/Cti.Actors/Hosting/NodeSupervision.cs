using Akka.Actor;
using Akka.Actor.Internal;
using Cti.Kernel;

namespace Cti.Actors.Hosting;

/// <summary>
/// What becomes of an actor that crashed: a new object goes on from its journal, in the same mailbox. One that crashes again and again is stopped, and so is
/// one that cannot even be made.
/// </summary>
internal sealed class NodeSupervision : SupervisorStrategyConfigurator
{
    public override SupervisorStrategy Create() => new Strategy();

    private sealed class Strategy() : OneForOneStrategy(Limits.ActorRestartsMax, Timeout.Infinite, static fault => fault is ActorInitializationException ? Directive.Stop : Directive.Restart, loggingEnabled: false)
    {
        public override void ProcessFailure(IActorContext context, bool restart, IActorRef child, Exception cause, ChildRestartStats stats, IReadOnlyCollection<ChildRestartStats> children)
        {
            var host = ActorHost.Of(context.System);
            if (host.Find(child.Path.Name) is { } actor)
            {
                if (restart && actor.Crashes < Limits.ActorRestartsMax) host.Restarts(actor, cause);
                else host.Stops(actor, cause);
            }
            base.ProcessFailure(context, restart, child, cause, stats, children);
            if (cause is ActorInitializationException) host.Find(child.Path.Name)?.Stopped(null);
        }
    }
}
