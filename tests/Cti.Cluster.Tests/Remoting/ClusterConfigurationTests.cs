using Cti.Kernel;
using Cti.Testing;
using Cti.Transport.Links;

namespace Cti.Cluster.Tests.Remoting;

/// <summary>What an operator may say to Akka, and what not.</summary>
public sealed class ClusterConfigurationTests
{
    [Fact]
    public void The_operators_word_goes_before_this_nodes_figures_and_not_before_what_calls_rest_on()
    {
        var options = Options("""
            akka {
              cluster.gossip-interval = 300ms
              remote.dot-netty.tcp { enable-ssl = off, connection-timeout = 9s }
              actor.provider = local
            }
            """);
        var config = ClusterConfiguration.Of(options, "a/1");

        config.GetTimeSpan("akka.cluster.gossip-interval").ShouldBe(TimeSpan.FromMilliseconds(300));
        config.GetTimeSpan("akka.remote.dot-netty.tcp.connection-timeout").ShouldBe(TimeSpan.FromSeconds(9));
        config.GetBoolean("akka.remote.dot-netty.tcp.enable-ssl").ShouldBeTrue();
        config.GetString("akka.actor.provider").ShouldBe("cluster");
        config.GetInt("akka.remote.dot-netty.tcp.port").ShouldBe(7400);
        config.GetString("akka.remote.dot-netty.tcp.public-hostname").ShouldBe("node-a");
        ClusterConfiguration.Ignored(options).Order().ShouldBe(["akka.actor.provider", "akka.remote.dot-netty.tcp.enable-ssl"]);
    }

    [Fact]
    public void What_is_ignored_is_said_at_the_start()
    {
        var log = new WrittenLog();
        _ = new ClusterSystem(Options("akka.remote.dot-netty.tcp.enable-ssl = off", log));
        log.Lines.ShouldBe(["Warning akka.remote.dot-netty.tcp.enable-ssl is this node's to set, what the configuration says of it is ignored"]);
    }

    private static ClusterSystemOptions Options(string akka, ILog? log = null)
    {
        var runtime = new ManualRuntime();
        return new ClusterSystemOptions
        {
            Self = "a", Incarnation = "1", Listen = "0.0.0.0:7400", Address = "node-a:7400", Secret = RemoteNode.Secret, IsMedia = true, IsGateway = false,
            Instances = 8, LeaseMillis = 2000, PeerRefused = static _ => { }, Probe = new PortProbe(), Clock = runtime, Timers = runtime,
            Log = log ?? NullLog.Instance, Akka = akka,
        };
    }
}
