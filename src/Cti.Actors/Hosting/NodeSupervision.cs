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

    private sealed class Strategy() : OneForOneStrategy(Limits.ActorRestartsMax, Timeout.Infinite, DirectiveFor, loggingEnabled: false)
    {
        public override void ProcessFailure(IActorContext context, bool restart, IActorRef child, Exception cause, ChildRestartStats stats,
            IReadOnlyCollection<ChildRestartStats> children)
        {
            var host = ActorHost.Of(context.System);
            var actor = host.Find(child.Path.Name);
            if (restart && stats.RequestRestartPermission(MaxNumberOfRetries, WithinTimeRangeMilliseconds))
            {
                if (actor is not null) host.Restarts(actor, cause);
                RestartChild(child, cause, suspendFirst: false);
                return;
            }
            if (actor is not null) host.Stops(actor, cause);
            context.Stop(child);
            if (cause is ActorInitializationException) actor?.Stopped(null);
        }

        private static Directive DirectiveFor(Exception fault) => fault is ActorInitializationException ? Directive.Stop : Directive.Restart;
    }
}
