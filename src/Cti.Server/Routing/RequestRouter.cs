using System.Buffers;
using System.Text.Json;
using Cti.Actors;
using Cti.Calls.Api;
using Cti.Calls.Call;
using Cti.Calls.Resources;
using Cti.Kernel;
using Cti.Server.Instances;
using Cti.Server.Resources;

namespace Cti.Server.Routing;

/// <summary>
/// Carries requests to the owner of their resource. Up to the hand-over to the owner's mailbox it runs on the caller's thread, so requests keep
/// the order in which they are given to it.
/// </summary>
internal sealed class RequestRouter(NodeServices services, OwnedInstances owned, Func<bool> isDraining, INodeInfo node) : IRequestRouter
{
    /// <inheritdoc/>
    public ValueTask<RpcReply> AskAsync(RpcRequest request, CancellationToken cancellation)
    {
        if (request.Method == "sys.node.list") return new ValueTask<RpcReply>(RpcReply.Ok(node.Describe()));
        if (Catalogue.Find(request.Method) is not { } method) return Refused(new RpcError(ErrorCodes.MethodNotFound, $"no method {request.Method}"));
        var dot = request.Method.LastIndexOf('.');
        var module = request.Method[..dot];
        return request.Method[(dot + 1)..] switch
        {
            "construct" => Construct(request, method, cancellation),
            "exists" => new ValueTask<RpcReply>(RpcReply.Ok(Find(request, module) is null ? "false"u8.ToArray() : "true"u8.ToArray())),
            "get" => new ValueTask<RpcReply>(Find(request, module) is { } found
                ? RpcReply.Ok(found.Describe(request.Generation))
                : RpcReply.Refused(RpcError.NoSuchResource(request.Arguments.String("res_id")))),
            "list" => new ValueTask<RpcReply>(List(request, module)),
            _ => Operate(request, method, module, cancellation),
        };
    }

    private ValueTask<RpcReply> Construct(RpcRequest request, MethodDefinition method, CancellationToken cancellation)
    {
        if (isDraining()) return Refused(RpcError.Unavailable("the node is draining; another node takes new calls", 1000));
        if (services.Directory.CallCount >= services.CallsMax) return Refused(RpcError.Unavailable($"the node has {services.CallsMax} calls, its limit"));
        if (owned.Count == 0) return Refused(RpcError.Unavailable("this node owns no instance"));
        if (CheckFiles(request, method, out var path) is { } wrong) return Refused(wrong);
        var noParent = InstanceFor(request, out var index);
        return owned.ActorOf(index) is { } instance
            ? Ask(instance, request, path, noParent, cancellation)
            : Refused(RpcError.Unavailable($"instance {index} is moving between nodes"));
    }

    /// <summary>A child lives where its parent does. Otherwise the request's id chooses, so that a retry meets the same writer (rpc.md, Retrying safely).</summary>
    private RpcError? InstanceFor(RpcRequest request, out int index)
    {
        foreach (var (name, module) in (ReadOnlySpan<(string, string)>)[("parent_call_res_id", Modules.Call), ("parent_conf_res_id", Modules.Conference)])
        {
            if (!request.Arguments.Has(name) || request.Arguments.OptionalString(name) is not { Length: > 0 } parent) continue;
            // Whether it is still there the instance looks itself: a repeat is answered as the first request was, even when the parent is gone.
            index = ResourceId.TryParse(parent, out var id) ? id.Instance : 0;
            return id.Module == module && id.Area == services.Area && id.Station == services.Station && index < owned.ClusterCount ? null : RpcError.NoSuchResource(parent);
        }
        if (request.RequestId is { } requestId) index = (int)(StableHash(request.Application, requestId) % (ulong)owned.ClusterCount);
        else index = owned.Pick(services.Random.NextUInt64()) ?? 0;
        return null;
    }

    private ValueTask<RpcReply> Operate(RpcRequest request, MethodDefinition method, string module, CancellationToken cancellation)
    {
        var text = request.Arguments.String("res_id");
        if (!ResourceId.TryParse(text, out var id) || id.Module != module || id.Area != services.Area || id.Station != services.Station || id.Instance >= owned.ClusterCount)
            return Refused(RpcError.NoSuchResource(text));
        if (owned.ActorOf(id.Instance) is not { } instance) return Refused(RpcError.Unavailable("the resource is moving between nodes"));
        if (CheckFiles(request, method, out var path) is { } wrong) return Refused(wrong);
        return Ask(instance, request, path, OtherResource(request), cancellation);
    }

    /// <summary>A second resource that the request names must be there, and the application's own.</summary>
    private RpcError? OtherResource(RpcRequest request)
    {
        var (name, module) = request.Method switch
        {
            "sys.call.connect_start" => ("call_res_id", Modules.Call),
            "sys.call.conf_enter" or "sys.call.conf_exit" => ("conf_res_id", Modules.Conference),
            "sys.conf.set_part_voice_mode" or "sys.conf.set_part_volume" => ("call_res_id", Modules.Call),
            _ => (null, ""),
        };
        if (name is null) return null;
        var other = request.Arguments.String(name);
        return ResourceId.TryParse(other, out var id) && id.Module == module && services.Directory.Find(id)?.DurableState is { } state && state.IsVisibleTo(request.Application)
            ? null
            : RpcError.NoSuchResource(other);
    }

    /// <summary>Resolves the file that is recorded to; refuses files outside their roots and formats that cannot be written here.</summary>
    private RpcError? CheckFiles(RpcRequest request, MethodDefinition method, out string? recordPath)
    {
        recordPath = null;
        var args = request.Arguments;
        foreach (var parameter in method.Parameters)
        {
            switch (parameter.Kind)
            {
                case ParameterKind.Content when Escapes(FileNames(args.Content(parameter.Name))) is { } name:
                    return RpcError.InvalidParam(parameter.Name, $"{name} leaves the media root; give a path inside it");
                case ParameterKind.PlayFile when args.OptionalString(parameter.Name) is { Length: > 0 } files && Escapes(files.Split('|')) is { } name:
                    return RpcError.InvalidParam(parameter.Name, $"{name} leaves the media root; give a path inside it");
                case ParameterKind.RecordFile when args.OptionalString(parameter.Name) is { Length: > 0 } file:
                    var format = args.Has("record_format") ? args.String("record_format") : RecordFormats.Default;
                    if (services.Recordings.WhyUnsupported(format) is { } why) return new RpcError(ErrorCodes.Unsupported, why);
                    recordPath = services.Recordings.Resolve(file, format);
                    if (recordPath is null) return RpcError.InvalidParam(parameter.Name, "leaves the record root; give a path inside it");
                    break;
            }
        }
        return null;
    }

    /// <summary>The files of play content; what is spoken is none.</summary>
    private static IEnumerable<string> FileNames(PlayContent? content) =>
        content?.Elements.Where(static element => element.Type == PlayElement.TypeFile).Select(static element => element.Text) ?? [];

    private string? Escapes(IEnumerable<string> files) => files.FirstOrDefault(file => !services.Recordings.StaysInside(file));

    private static ValueTask<RpcReply> Ask(ActorRef instance, RpcRequest request, string? path, RpcError? refusal, CancellationToken cancellation)
    {
        var reply = new TaskReply();
        if (!instance.Tell(new RpcAsk(request, path, reply) { Refusal = refusal })) return Refused(RpcError.Unavailable("the instance has too much to do"));
        return new ValueTask<RpcReply>(reply.Task.WaitAsync(cancellation));
    }

    private ResourceState? Find(RpcRequest request, string module) =>
        ResourceId.TryParse(request.Arguments.String("res_id"), out var id) && id.Module == module && services.Directory.Find(id)?.DurableState is { } state
            && state.IsVisibleTo(request.Application) ? state : null;

    private RpcReply List(RpcRequest request, string module)
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
        var found = services.Directory.All.Select(static cell => cell.DurableState).OfType<ResourceState>()
            .Where(resource => resource.Id.Module == module && resource.IsVisibleTo(request.Application))
            .Where(resource => state is null || resource.StateName(request.Generation) == state)
            .Where(resource => afterId is not { } last || Compare(resource.Id, last) > 0)
            .Order(Comparer<ResourceState>.Create(static (one, other) => Compare(one.Id, other.Id)))
            .Take(limit + 1).ToList();
        var more = found.Count > limit;
        if (more) found.RemoveAt(limit);
        var buffer = new ArrayBufferWriter<byte>(4096);
        using var json = new Utf8JsonWriter(buffer);
        json.WriteStartObject();
        json.WriteStartArray("items"u8);
        foreach (var resource in found) json.WriteRawValue(resource.Describe(request.Generation).Span);
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
