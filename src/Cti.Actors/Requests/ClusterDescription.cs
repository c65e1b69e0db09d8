using System.Text.Json;
using Cti.Cluster;
using Cti.Cluster.Membership;

namespace Cti.Actors.Requests;

/// <summary>A node's part of the cluster in <c>sys.node.list</c>: what Akka has made of it, beside what the rows say.</summary>
internal static class ClusterDescription
{
    /// <summary>Leases that are named one by one: an answer has to fit into a message between nodes.</summary>
    public const int LeasesMax = 1024;

    /// <summary>Writes it as the property <c>cluster</c>.</summary>
    public static void Write(Utf8JsonWriter json, ClusterPicture picture, ClusterView view, string self)
    {
        json.WriteStartObject("cluster"u8);
        json.WriteString("address"u8, picture.Address);
        json.WriteString("status"u8, picture.Status);
        json.WriteString("coordinator"u8, picture.Coordinator.Length == 0 ? null : NameAt(picture, picture.Coordinator));
        json.WriteStartArray("members"u8);
        foreach (var member in picture.Members)
        {
            json.WriteStartObject();
            json.WriteString("name"u8, member.Name.Length == 0 ? null : member.Name);
            json.WriteString("address"u8, member.Address);
            json.WriteStartArray("roles"u8);
            foreach (var role in member.Roles) json.WriteStringValue(role);
            json.WriteEndArray();
            json.WriteString("status"u8, member.Status);
            json.WriteBoolean("reachable"u8, member.IsReachable);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteNumber("shards"u8, picture.Shards);
        json.WriteNumber("shards_waiting"u8, picture.ShardsWanted);
        json.WriteNumber("instances"u8, view.Owners.Length);
        json.WriteNumber("instances_unowned"u8, Enumerable.Range(0, view.Owners.Length).Count(instance => view.OwnerOf(instance) is null));
        json.WriteStartArray("leases"u8);
        foreach (var (instance, owner) in view.Owners.Index().Where(lease => lease.Item.Node == self).Take(LeasesMax))
        {
            json.WriteStartObject();
            json.WriteNumber("instance"u8, instance);
            json.WriteNumber("epoch"u8, owner.Epoch);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static string NameAt(ClusterPicture picture, string address)
    {
        foreach (var member in picture.Members)
        {
            if (member.Address == address && member.Name.Length > 0) return member.Name;
        }
        return address;
    }
}
