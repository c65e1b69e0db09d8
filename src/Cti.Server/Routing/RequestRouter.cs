using System.Buffers;
using System.Text.Json;
using Cti.Actors;
using Cti.Calls.Api;
using Cti.Calls.Call;
using Cti.Kernel;
using Cti.Server.Calls;

namespace Cti.Server.Routing;

/// <summary>
/// Carries requests to the owner of their resource. Up to the hand-over to the owner's mailbox it runs on the caller's thread, so requests keep
/// the order in which they are given to it.
/// </summary>
internal sealed class RequestRouter(CallServices services, IReadOnlyList<ActorRef?> instances, Func<bool> isDraining, INodeInfo node) : IRequestRouter
{
    private readonly int[] owned = [.. Enumerable.Range(0, instances.Count).Where(index => instances[index] is not null)];

    /// <inheritdoc/>
    public ValueTask<RpcReply> AskAsync(RpcRequest request, CancellationToken cancellation) => request.Method switch
    {
        "sys.call.construct" => Construct(request, cancellation),
        "sys.call.exists" => new ValueTask<RpcReply>(RpcReply.Ok(Find(request) is null ? "false"u8.ToArray() : "true"u8.ToArray())),
        "sys.call.get" => new ValueTask<RpcReply>(Find(request) is { } call
            ? RpcReply.Ok(CallQueries.Get(call, request.Generation))
            : RpcReply.Refused(RpcError.NoSuchResource(request.Arguments.String("res_id")))),
        "sys.call.list" => new ValueTask<RpcReply>(List(request)),
        "sys.node.list" => new ValueTask<RpcReply>(RpcReply.Ok(node.Describe())),
        _ when request.Method.StartsWith("sys.call.", StringComparison.Ordinal) => Operate(request, cancellation),
        _ => new ValueTask<RpcReply>(RpcReply.Refused(new RpcError(ErrorCodes.MethodNotFound, $"no method {request.Method}"))),
    };

    private ValueTask<RpcReply> Construct(RpcRequest request, CancellationToken cancellation)
    {
        if (isDraining()) return Refused(RpcError.Unavailable("the node is draining; another node takes new calls", 1000));
        if (services.Directory.Count >= services.CallsMax) return Refused(RpcError.Unavailable($"the node has {services.CallsMax} calls, its limit"));
        if (owned.Length == 0) return Refused(RpcError.Unavailable("this node owns no instance"));
        // A retry must meet the same writer, so the request's id chooses the instance (rpc.md, Retrying safely).
        var index = request.RequestId is { } id
            ? StableHash(request.Application, id) % (ulong)instances.Count
            : services.Random.NextUInt64() % (ulong)instances.Count;
        var instance = instances[(int)index];
        return instance is null
            ? Refused(RpcError.Unavailable($"instance {index} is moving between nodes"))
            : Ask(instance, request, null, cancellation);
    }

    private ValueTask<RpcReply> Operate(RpcRequest request, CancellationToken cancellation)
    {
        var text = request.Arguments.String("res_id");
        if (!ResourceId.TryParse(text, out var id) || id.Area != services.Area || id.Station != services.Station || id.Instance >= instances.Count)
            return Refused(RpcError.NoSuchResource(text));
        if (instances[id.Instance] is not { } instance) return Refused(RpcError.Unavailable("the resource is moving between nodes"));
        string? path = null;
        switch (request.Method)
        {
            case "sys.call.record_start":
                var format = request.Arguments.String("record_format");
                if (services.Recordings.WhyUnsupported(format) is { } why) return Refused(new RpcError(ErrorCodes.Unsupported, why));
                path = services.Recordings.Resolve(request.Arguments.String("record_file"), format);
                if (path is null) return Refused(RpcError.InvalidParam("record_file", "leaves the record root; give a path inside it"));
                break;
            case "sys.call.connect_start":
                if (RefuseBridge(request, out path) is { } refusal) return Refused(refusal);
                break;
            case "sys.call.play_start" when Escapes(request.Arguments.Content("content")) is { } name:
                return Refused(RpcError.InvalidParam("content", $"{name} leaves the media root; give a path inside it"));
            case "sys.call.receive_dtmf_start" when Escapes(request.Arguments.Content("play_content")) is { } name:
                return Refused(RpcError.InvalidParam("play_content", $"{name} leaves the media root; give a path inside it"));
        }
        return Ask(instance, request, path, cancellation);
    }

    private RpcError? RefuseBridge(RpcRequest request, out string? recordPath)
    {
        recordPath = null;
        var args = request.Arguments;
        var second = args.String("call_res_id");
        if (!ResourceId.TryParse(second, out var id) || services.Directory.Find(id)?.Durable is not { } call || call.Application != request.Application || call.Phase == CallPhase.Released)
            return RpcError.NoSuchResource(second);
        if (args.OptionalString("schedule_play_file") is { Length: > 0 } file && !services.Recordings.StaysInside(file))
            return RpcError.InvalidParam("schedule_play_file", $"{file} leaves the media root; give a path inside it");
        if (args.OptionalString("record_file") is not { Length: > 0 } recording) return null;
        var format = args.String("record_format");
        if (services.Recordings.WhyUnsupported(format) is { } why) return new RpcError(ErrorCodes.Unsupported, why);
        recordPath = services.Recordings.Resolve(recording, format);
        return recordPath is null ? RpcError.InvalidParam("record_file", "leaves the record root; give a path inside it") : null;
    }

    private string? Escapes(PlayContent? content)
    {
        foreach (var element in content?.Elements ?? [])
        {
            if (element.Type == PlayElement.TypeFile && !services.Recordings.StaysInside(element.Text)) return element.Text;
        }
        return null;
    }

    private static ValueTask<RpcReply> Ask(ActorRef instance, RpcRequest request, string? path, CancellationToken cancellation)
    {
        var reply = new TaskReply();
        if (!instance.Tell(new CallAsk(request, path, reply))) return Refused(RpcError.Unavailable("the instance has too much to do"));
        return new ValueTask<RpcReply>(reply.Task.WaitAsync(cancellation));
    }

    private CallState? Find(RpcRequest request) =>
        ResourceId.TryParse(request.Arguments.String("res_id"), out var id) && services.Directory.Find(id)?.Durable is { } call
            && call.Application == request.Application && call.Phase != CallPhase.Released ? call : null;

    private RpcReply List(RpcRequest request)
    {
        var args = request.Arguments;
        var state = args.OptionalString("state");
        var limit = args.Int32("limit");
        var after = args.OptionalString("after");
        ResourceId? afterId = null;
        if (after is not null)
        {
            if (!ResourceId.TryParse(after, out var parsed)) return RpcReply.Refused(RpcError.InvalidParam("after", "is not a resource id that an earlier list answered as next"));
            afterId = parsed;
        }
        var found = services.Directory.All.Select(static cell => cell.Durable).OfType<CallState>()
            .Where(call => call.Application == request.Application && call.Phase != CallPhase.Released)
            .Where(call => state is null || CallQueries.StateName(call, request.Generation) == state)
            .Where(call => afterId is not { } last || Compare(call.Id, last) > 0)
            .Order(Comparer<CallState>.Create(static (one, other) => Compare(one.Id, other.Id)))
            .Take(limit + 1).ToList();
        var more = found.Count > limit;
        if (more) found.RemoveAt(limit);
        var buffer = new ArrayBufferWriter<byte>(4096);
        using var json = new Utf8JsonWriter(buffer);
        json.WriteStartObject();
        json.WriteStartArray("items"u8);
        foreach (var call in found) json.WriteRawValue(CallQueries.Get(call, request.Generation).Span);
        json.WriteEndArray();
        json.WriteString("next"u8, more ? found[^1].Id.ToString() : null);
        json.WriteEndObject();
        json.Flush();
        return RpcReply.Ok(buffer.WrittenMemory);
    }

    private static int Compare(ResourceId one, ResourceId other) => one.ProcessId.CompareTo(other.ProcessId);

    /// <summary>FNV-1a: the same on every node and in every version.</summary>
    private static ulong StableHash(string application, Guid id)
    {
        const ulong Prime = 1099511628211;
        var hash = 14695981039346656037;
        foreach (var letter in application) hash = (hash ^ letter) * Prime;
        foreach (var part in id.ToByteArray()) hash = (hash ^ part) * Prime;
        return hash;
    }

    private static ValueTask<RpcReply> Refused(RpcError error) => new(RpcReply.Refused(error));
}

/// <summary>What the node says of itself.</summary>
internal interface INodeInfo
{
    /// <summary>UTF-8 JSON of <c>sys.node.list</c>.</summary>
    ReadOnlyMemory<byte> Describe();
}
