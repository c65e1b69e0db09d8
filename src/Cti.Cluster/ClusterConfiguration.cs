using Akka.Configuration;
using Akka.Configuration.Hocon;
using Cti.Cluster.Downing;
using Cti.Cluster.Remoting;
using Cti.Cluster.Sharding;
using Cti.Kernel;

namespace Cti.Cluster;

/// <summary>How Akka is set up for a cluster: what calls rest on, then what the operator wants, then this node's figures, then Akka's own defaults.</summary>
internal static class ClusterConfiguration
{
    /// <summary>Beyond a message of ours: what remoting writes around it.</summary>
    private const int EnvelopeBytes = 64 * 1024;

    /// <summary>The configuration of a node's cluster system.</summary>
    /// <param name="options">The node.</param>
    /// <param name="run">Names its run.</param>
    public static Config Of(ClusterSystemOptions options, string run) =>
        Fixed(options, run).WithFallback(ConfigurationFactory.ParseString(options.Akka)).WithFallback(Figures());

    /// <summary>Which of the operator's keys count for nothing, since calls rest on this node's own.</summary>
    public static IReadOnlyList<string> Ignored(ClusterSystemOptions options)
    {
        var wanted = ConfigurationFactory.ParseString(options.Akka);
        return [.. Fixed(options, "").AsEnumerable().SelectMany(static top => LeavesOf(top.Key, top.Value)).Where(wanted.HasPath)];
    }

    private static IEnumerable<string> LeavesOf(string path, HoconValue value) => value.IsObject()
        ? value.GetObject().Items.SelectMany(inner => LeavesOf($"{path}.{inner.Key}", inner.Value))
        : [path];

    private static Config Fixed(ClusterSystemOptions options, string run)
    {
        var (listenHost, listenPort) = Split(options.Listen);
        var (host, port) = Split(options.Address);
        string[] roles = [.. options.IsMedia ? ["media"] : Array.Empty<string>(), .. options.IsGateway ? ["gateway"] : Array.Empty<string>()];
        return ConfigurationFactory.ParseString($$"""
            akka {
              loggers = []
              stdout-loglevel = OFF
              coordinated-shutdown {
                exit-clr = off
                run-by-clr-shutdown-hook = off
                run-by-actor-system-terminate = off
                terminate-actor-system = off
              }
              scheduler.implementation = "{{typeof(CoordinatorScheduler).AssemblyQualifiedName}}"
              actor {
                provider = cluster
                serializers { cti = "{{typeof(LinkSerializer).AssemblyQualifiedName}}", json = "{{typeof(NoSerializer).AssemblyQualifiedName}}" }
                serialization-bindings { "{{typeof(LinkMessage).AssemblyQualifiedName}}" = cti }
              }
              remote.dot-netty.tcp {
                enable-ssl = true
                hostname = "{{listenHost}}", port = {{listenPort}}, public-hostname = "{{host}}", public-port = {{port}}
                maximum-frame-size = {{Limits.LinkMessageBytes + EnvelopeBytes}}b
                tcp-reuse-addr = off
              }
              cluster {
                roles = [{{string.Join(", ", roles)}}]
                downing-provider-class = "{{typeof(VerdictDowning).AssemblyQualifiedName}}"
                down-removal-margin = off
                failure-detector {
                  implementation-class = "{{typeof(VerdictFailureDetector).AssemblyQualifiedName}}"
                  {{VerdictFailureDetector.RunKey}} = "{{run}}"
                }
                sharding {
                  role = media
                  remember-entities = off
                  state-store-mode = ddata
                  use-lease = "{{InstanceShards.LeaseKey}}"
                }
              }
            }
            {{InstanceShards.LeaseKey}} {
              lease-class = "{{typeof(InstanceLease).AssemblyQualifiedName}}"
              heartbeat-timeout = 10s
              heartbeat-interval = 1s
              lease-operation-timeout = 10s
            }
            """);
    }

    /// <summary>Chosen for a fail-over of half a second: Akka's defaults are for clusters that have more time.</summary>
    private static Config Figures() => ConfigurationFactory.ParseString($$"""
        akka {
          loglevel = WARNING
          log-dead-letters = off
          scheduler.tick-duration = 10ms
          remote {
            log-remote-lifecycle-events = off
            retry-gate-closed-for = 100ms
            transport-failure-detector { heartbeat-interval = {{Limits.LinkPingMillis}}ms, acceptable-heartbeat-pause = {{Limits.LinkSilenceMillis}}ms }
            watch-failure-detector { heartbeat-interval = 500ms, unreachable-nodes-reaper-interval = 500ms, acceptable-heartbeat-pause = 5s }
            dot-netty.tcp {
              connection-timeout = 5s
              send-buffer-size = {{Limits.LinkMessageBytes + EnvelopeBytes}}b
              receive-buffer-size = {{Limits.LinkMessageBytes + EnvelopeBytes}}b
            }
          }
          cluster {
            min-nr-of-members = 1
            allow-weakly-up-members = off
            periodic-tasks-initial-delay = 100ms
            gossip-interval = 50ms
            leader-actions-interval = 20ms
            unreachable-nodes-reaper-interval = 20ms
            seed-node-timeout = 1s
            retry-unsuccessful-join-after = 1s
            publish-stats-interval = off
            log-info = off
            failure-detector {
              heartbeat-interval = 200ms
              acceptable-heartbeat-pause = 3s
              expected-response-after = 1s
              min-std-deviation = 100ms
              threshold = 10
            }
            singleton { hand-over-retry-interval = 100ms, min-number-of-hand-over-retries = 30 }
            sharding {
              passivate-idle-entity-after = off
              coordinator-failure-backoff = 100ms
              retry-interval = 50ms
              shard-start-timeout = 10s
              shard-failure-backoff = 200ms
              rebalance-interval = 200ms
              handoff-timeout = 10s
              waiting-for-state-timeout = 500ms
              updating-state-timeout = 1s
              coordinator-state { write-majority-plus = 0, read-majority-plus = 0 }
              distributed-data { majority-min-cap = 2, gossip-interval = 100ms, notify-subscribers-interval = 50ms, durable.keys = [] }
              lease-retry-interval = 100ms
            }
          }
        }
        """);

    private static (string Host, int Port) Split(string address)
    {
        var colon = address.LastIndexOf(':');
        if (colon <= 0 || !ushort.TryParse(address.AsSpan(colon + 1), out var port)) throw new IOException($"{address} is no address; host:port is");
        return (address[..colon], port);
    }
}
