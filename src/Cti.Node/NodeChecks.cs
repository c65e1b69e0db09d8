using System.Collections.Immutable;
using Cti.Actors;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Cti.Node;

/// <summary>
/// What <c>/readyz</c> looks at beyond whether the node drains: each part by its name, in a word. They look at what is known and ask nobody, so that a probe
/// costs nothing and no part can hold it up; what other nodes do makes none of them fail.
/// </summary>
internal static class NodeChecks
{
    /// <summary>
    /// For so long after its start a node waits until it is a member. While two others do not hear each other Akka lets nobody in, and calls need no member:
    /// then the rows decide.
    /// </summary>
    private static readonly TimeSpan JoiningMax = TimeSpan.FromSeconds(15);

    /// <summary>The checks of a node that has started.</summary>
    /// <param name="node">It.</param>
    /// <param name="uptime">For how long it has run.</param>
    public static ImmutableArray<HealthCheckRegistration> Of(ServerNode node, Func<TimeSpan> uptime) =>
    [
        Check("journal", () => node.Journal switch
        {
            { WhyBroken: not null } => (false, "damaged or gone"),
            { IsStalled: true } => (false, "cannot be reached"),
            _ => (true, "reachable"),
        }),
        Check("actors", () => node.Actors.HasEnded ? (false, "ended") : (true, "running")),
        .. node.ClusterPicture is null
            ? ImmutableArray.Create(Check("cluster", static () => (true, "none, the node is alone")))
            :
            [
                Check("cluster actors", () => node.ClusterPicture!.IsRunning ? (true, "running") : (false, "being made anew")),
                Check("cluster member", () => (node.ClusterPicture!.IsUp || uptime() > JoiningMax, node.ClusterPicture.Status)),
            ],
    ];

    private static HealthCheckRegistration Check(string name, Func<(bool IsWell, string State)> look) => new(name, new Look(look), HealthStatus.Unhealthy, []);

    private sealed class Look(Func<(bool IsWell, string State)> look) : IHealthCheck
    {
        public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
        {
            var (isWell, state) = look();
            return Task.FromResult(isWell ? HealthCheckResult.Healthy(state) : HealthCheckResult.Unhealthy(state));
        }
    }
}
