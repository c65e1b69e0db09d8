using Akka.Actor;
using Akka.Configuration;
using Akka.Serialization;

namespace Cti.Cluster.Remoting;

/// <summary>Stands where Akka has JSON: refuses what nobody has written bytes for, so that no object is read or written by its type's name.</summary>
public sealed class NoSerializer : Serializer
{
    /// <summary>Made by Akka.</summary>
    public NoSerializer(ExtendedActorSystem system) : base(system)
    {
    }

    /// <summary>Made by Akka, where it would have made that of JSON with its settings.</summary>
    public NoSerializer(ExtendedActorSystem system, Config settings) : base(system)
    {
        _ = settings;
    }

    /// <inheritdoc/>
    public override int Identifier => 1;

    /// <inheritdoc/>
    public override bool IncludeManifest => false;

    /// <inheritdoc/>
    public override byte[] ToBinary(object obj) => throw new NotSupportedException($"{obj.GetType()} does not go to other nodes");

    /// <inheritdoc/>
    public override object FromBinary(byte[] bytes, Type type) => throw new NotSupportedException("objects that are named by their type are not read");
}
