using System.Buffers;
using System.Text.Json;
using Cti.Actors.Resources;
using Cti.Cluster.Membership;
using Cti.Contract;
using Cti.Kernel;

namespace Cti.Actors.Requests;

/// <summary>
/// Carries requests to the owners of their resources, on whichever node those are. Up to the hand-over to the owner's mailbox, or to the link that leads there,
/// it runs on the caller's thread, so requests keep the order in which they are given to it; one that names a second resource on another node waits until that
/// was asked for.
/// </summary>
internal sealed class RequestRouter(ResourceServices services, OwnerRequests owner, RemoteRequests remote) : IRequestRouter
{
    /// <inheritdoc/>
    public ValueTask<RpcReply> AskAsync(RpcRequest request, CancellationToken cancellation)
    {
        var reply = new TaskReply();
        Ask(request, reply);
        return new ValueTask<RpcReply>(reply.Task.IsCompleted ? reply.Task : reply.Task.WaitAsync(cancellation));
    }

    private void Ask(RpcRequest request, IReplyTo replyTo)
    {
        if (request.Method is Catalogue.ListNodes or Catalogue.ListTrunks)
        {
            // Of the trunks of a node that does not answer nothing is known.
            remote.AskAll(request, request.Method == Catalogue.ListNodes ? DescribeUnreachable : static (_, _) => "[]"u8.ToArray(),
                replies => replyTo.Reply(RpcReply.Ok(MergedLists.Concatenate(replies.Select(static reply => reply.Result)))));
            return;
        }
        switch (request.Definition.Verb)
        {
            case "construct": Construct(request, replyTo); break;
            case "list": List(request, replyTo); break;
            default: Operate(request, request.Definition.Module, replyTo); break;
        }
    }

    private void Construct(RpcRequest request, IReplyTo replyTo)
    {
        var missing = InstanceFor(request, out var index);
        AskOwner(request, index, missing, replyTo);
    }

    /// <summary>
    /// A child lives where its parent does. Otherwise the request's id chooses, so that a retry meets the same writer (rpc.md, Retrying safely).
    /// </summary>
    private string? InstanceFor(RpcRequest request, out int index)
    {
        foreach (var parameter in request.Definition.Parameters)
        {
            if (parameter.OtherModule is not { } module || request.Arguments.OptionalString(parameter.Name) is not { Length: > 0 } parent) continue;
            // Whether it is still there the instance looks itself: a repeat is answered as the first request was, even when the parent is gone.
            var isOurs = ResourceId.TryParse(parent, out var id) && id.Module == module && IsHere(id);
            index = isOurs ? id.Instance : 0;
            return isOurs ? null : parent;
        }
        index = request.RequestId is { } requestId ? (int)(StableHash(request.Application, requestId) % (ulong)services.InstanceCount)
            : remote.PickInstance();
        return null;
    }

    private void Operate(RpcRequest request, string module, IReplyTo replyTo)
    {
        var text = request.Arguments.String("res_id");
        if (!ResourceId.TryParse(text, out var id) || id.Module != module || !IsHere(id))
        {
            replyTo.Reply(request.Definition.Verb == "exists" ? RpcReply.Ok("false"u8.ToArray()) : RpcReply.Refused(RpcError.NoSuchResource(text)));
            return;
        }
        if (request.Definition.Other is not { } second || request.Arguments.OptionalString(second.Name) is null)
        {
            AskOwner(request, id.Instance, null, replyTo);
            return;
        }
        var other = request.Arguments.String(second.Name);
        if (!ResourceId.TryParse(other, out var otherId) || otherId.Module != second.OtherModule || !IsHere(otherId))
            AskOwner(request, id.Instance, other, replyTo);
        else if (owner.Has(request.Application, otherId) is { } isThere) AskOwner(request, id.Instance, isThere ? null : other, replyTo);
        else AskForOther(request, id.Instance, otherId, replyTo);
    }

    /// <summary>A second resource that the request names must be there, and the application's own: its owner is asked first.</summary>
    private void AskForOther(RpcRequest request, int index, ResourceId other, IReplyTo replyTo)
    {
        var exists = request with
        {
            Definition = Catalogue.Get(other.Module + ".exists"),
            Arguments = new RpcArguments(new Dictionary<string, object?> { ["res_id"] = other.ToString() }),
            RequestId = null,
            ParametersHash = 0,
        };
        AskOwner(exists, other.Instance, null, new ThenReply(reply =>
        {
            if (reply.Error is not null) replyTo.Reply(reply);
            else AskOwner(request, index, reply.Result.Span.SequenceEqual("true"u8) ? null : other.ToString(), replyTo);
        }));
    }

    private bool IsHere(ResourceId id) => id.Area == services.Area && id.Station == services.Station && id.Instance < services.InstanceCount;

    private void AskOwner(RpcRequest request, int index, string? missing, IReplyTo replyTo)
    {
        if (!owner.Owns(index)) remote.Ask(request, index, missing, replyTo);
        else if (!RemoteRequests.MayRepeat(request)) owner.Carry(request, index, missing, replyTo);
        else owner.Carry(request, index, missing, new ThenReply(reply =>
        {
            // The instance went to another node meanwhile.
            if (reply.Error is { IsMoving: true }) remote.Ask(request, index, missing, replyTo);
            else replyTo.Reply(reply);
        }));
    }

    private void List(RpcRequest request, IReplyTo replyTo)
    {
        if (request.Arguments.OptionalString("after") is { } after && !ResourceId.TryParse(after, out _))
        {
            replyTo.Reply(RpcReply.Refused(RpcError.InvalidParam("after", "is not a resource id that an earlier list answered as next")));
            return;
        }
        remote.AskOwners(request, replies =>
        {
            foreach (var reply in replies)
            {
                if (reply.Error is null) continue;
                replyTo.Reply(reply);
                return;
            }
            replyTo.Reply(RpcReply.Ok(MergedLists.Merge(replies.Select(static reply => reply.Result), request.Arguments.Int32("limit"))));
        });
    }

    /// <summary>What the cluster knows of a node that does not answer: it lives, and how much it has to do is not known.</summary>
    private static ReadOnlyMemory<byte> DescribeUnreachable(ClusterNode node, ClusterView view)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using var json = new Utf8JsonWriter(buffer);
        json.WriteStartArray();
        json.WriteStartObject();
        json.WriteString("name"u8, node.Name);
        json.WriteStartArray("roles"u8);
        if (node.IsGateway) json.WriteStringValue("gateway"u8);
        if (node.IsMedia) json.WriteStringValue("media"u8);
        json.WriteEndArray();
        json.WriteString("version"u8, node.Version);
        json.WriteNumber("instances"u8, view.Owners.Count(owner => owner.Node == node.Name));
        json.WriteNull("calls"u8);
        json.WriteBoolean("draining"u8, node.IsDraining);
        json.WriteNumber("started"u8, node.StartedMillis / 1000);
        json.WriteEndObject();
        json.WriteEndArray();
        json.Flush();
        return buffer.WrittenMemory;
    }

    /// <summary>FNV-1a: the same on every node and in every version.</summary>
    private static ulong StableHash(string application, Guid id)
    {
        const ulong Prime = 1099511628211;
        var hash = 14695981039346656037;
        foreach (var letter in application) hash = (hash ^ letter) * Prime;
        foreach (var part in id.ToByteArray()) hash = (hash ^ part) * Prime;
        return hash;
    }
}
