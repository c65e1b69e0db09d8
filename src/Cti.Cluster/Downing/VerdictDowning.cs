using Akka.Actor;
using Akka.Cluster;
using Akka.Remote;

namespace Cti.Cluster.Downing;

/// <summary>Downs the condemned; made by Akka.Cluster, from its configuration.</summary>
public sealed class VerdictDowning(ActorSystem system, Akka.Cluster.Cluster cluster) : IDowningProvider
{
    /// <inheritdoc/>
    public TimeSpan DownRemovalMargin => TimeSpan.Zero;

    /// <inheritdoc/>
    public Props DowningActorProps => Props.CreateBy(new Producer(system.Settings.Setup.Get<ClusterSetup>().Value.Verdicts, cluster));

    private sealed class Producer(Verdicts verdicts, Akka.Cluster.Cluster cluster) : IIndirectActorProducer
    {
        public Type ActorType => typeof(DowningActor);

        public ActorBase Produce() => new DowningActor(verdicts, cluster);

        public void Release(ActorBase actor)
        {
        }
    }

    private sealed class DowningActor(Verdicts verdicts, Akka.Cluster.Cluster cluster) : UntypedActor
    {
        protected override void PreStart()
        {
            verdicts.Use(Self);
            cluster.Subscribe(Self, ClusterEvent.SubscriptionInitialStateMode.InitialStateAsEvents, typeof(ClusterEvent.IReachabilityEvent));
            Context.System.EventStream.Subscribe(Self, typeof(ThisActorSystemQuarantinedEvent));
        }

        protected override void PostStop() => cluster.Unsubscribe(Self);

        protected override void OnReceive(object message)
        {
            switch (message)
            {
                case Verdicts.Condemned condemned: Down(condemned.Address); break;
                // A verdict may come before its node is seen here.
                case ClusterEvent.UnreachableMember { Member: var member } when verdicts.IsDead($"{member.Address.Host}:{member.Address.Port}"):
                    cluster.Down(member.Address);
                    break;
                // The others have removed this node: it comes back as a new member, its calls untouched.
                case ThisActorSystemQuarantinedEvent: cluster.Down(cluster.SelfAddress); break;
            }
        }

        private void Down(string hostAndPort)
        {
            foreach (var member in cluster.State.Members)
            {
                if ($"{member.Address.Host}:{member.Address.Port}" == hostAndPort) cluster.Down(member.Address);
            }
        }
    }
}
