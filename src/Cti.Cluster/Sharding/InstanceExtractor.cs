using System.Globalization;
using Akka.Cluster.Sharding;
using Cti.Cluster.Remoting;

namespace Cti.Cluster.Sharding;

/// <summary>Which shard a message is for: one an instance, with one entity.</summary>
internal sealed class InstanceExtractor : IMessageExtractor
{
    /// <inheritdoc/>
    public string EntityId(object message) => IdOf(message)!;

    /// <inheritdoc/>
    public object EntityMessage(object message) => message;

    /// <inheritdoc/>
    public string ShardId(object message) => IdOf(message)!;

    /// <inheritdoc/>
    public string ShardId(string entityId, object? messageHint = null) => entityId;

    private static string? IdOf(object message) => message is WakeInstance wake ? wake.Instance.ToString(CultureInfo.InvariantCulture) : null;
}
