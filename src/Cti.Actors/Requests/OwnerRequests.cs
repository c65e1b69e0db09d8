using System.Buffers;
using System.Text.Json;
using Cti.Actors.Hosting;
using Cti.Actors.Resources;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Kernel;

namespace Cti.Actors.Requests;

/// <summary>What the owner of an instance does with a request, whichever node it came in by: files are looked up and resources are found here.</summary>
internal sealed class OwnerRequests(ResourceServices services, Func<int, ActorHandle?> instanceOf, Func<bool> isDraining, Func<bool> isCutOff, bool isAlone,
    INodeInfo node)
{
    private const int SilentDiskRetryMillis = 5_000;

    /// <summary>Knows whether a resource has heard what its partners told.</summary>
    public required PartnerNews Partners { get; init; }

    /// <summary>What this node says of itself.</summary>
    public ReadOnlyMemory<byte> Describe() => node.Describe();

    /// <summary>What this node says of its trunks.</summary>
    public ReadOnlyMemory<byte> DescribeTrunks() => node.DescribeTrunks();

    /// <summary>Whether this node owns the instance and has read its journal.</summary>
    public bool Owns(int instance) => instanceOf(instance) is not null;

    /// <summary>
    /// Carries a request out on an instance of this node. Up to the hand-over to its mailbox this runs on the caller's thread, so requests keep their order.
    /// </summary>
    /// <param name="request">The request.</param>
    /// <param name="index">The instance.</param>
    /// <param name="missing">A resource that it names beside its own and that is not there, or not the application's; null when there is none such.</param>
    /// <param name="replyTo">Given the answer.</param>
    public void Carry(RpcRequest request, int index, string? missing, IReplyTo replyTo)
    {
        if (instanceOf(index) is not { } instance)
        {
            Refuse(replyTo, RpcError.Moving());
            return;
        }
        replyTo = new OwnersReply(() => instanceOf(index) == instance && !isCutOff(), replyTo);
        var module = request.Definition.Module;
        switch (request.Definition.Verb)
        {
            case "exists":
                var isThere = Find(request, module) is { } resource && (!request.Arguments.Has(PartnerNews.Tie)
                    || resource.Holds(request.Arguments.String(PartnerNews.Tie)));
                replyTo.Reply(RpcReply.Ok(isThere ? "true"u8.ToArray() : "false"u8.ToArray()));
                break;
            case "get":
                Partners.Answer(request, () => Find(request, module), found => found is not null
                    ? RpcReply.Ok(found.Describe(request.Generation))
                    : RpcReply.Refused(RpcError.NoSuchResource(request.Arguments.String("res_id"))), replyTo);
                break;
            case "construct" when WhyNothingNew() is { } why:
                Refuse(replyTo, why);
                break;
            default:
                if (CheckFiles(request, request.Definition, out var path) is { } wrong) Refuse(replyTo, wrong);
                else if (!instance.Tell(new RpcAsk(request, path, replyTo) { Refusal = missing is null ? null : RpcError.NoSuchResource(missing) }))
                    Refuse(replyTo, RpcError.Unavailable("the instance has too much to do"));
                break;
        }
    }

    /// <summary>Whether a resource of this node is there, and the application's own; null where this node is not sure to be its owner.</summary>
    public bool? Has(string application, ResourceId id)
    {
        if (!Owns(id.Instance)) return null;
        if (services.Directory.Find(id)?.Published?.IsVisibleTo(application) == true) return true;
        return isCutOff() || !Owns(id.Instance) ? null : false;
    }

    /// <summary>The application's resources on this node.</summary>
    public RpcReply List(RpcRequest request)
    {
        var module = request.Definition.Module;
        var args = request.Arguments;
        var state = args.OptionalString("state");
        var limit = args.Int32("limit");
        ResourceId? afterId = ResourceId.TryParse(args.OptionalString("after"), out var parsed) ? parsed : null;
        var found = services.Directory.All.Select(static listing => listing.Published).OfType<ResourceState>()
            .Where(resource => resource.Id.Module == module && resource.IsVisibleTo(request.Application))
            .Where(resource => state is null || resource.StateName(request.Generation) == state)
            .Where(resource => afterId is not { } last || Compare(resource.Id, last) > 0)
            .Order(Comparer<ResourceState>.Create(static (one, other) => Compare(one.Id, other.Id)))
            .Take(limit + 1).ToList();
        var more = found.Count > limit;
        if (more) found.RemoveAt(limit);
        return RpcReply.Ok(MergedLists.Write([.. found.Select(resource => resource.Describe(request.Generation))], more ? found[^1].Id.ToString() : null));
    }

    private static int Compare(ResourceId one, ResourceId other) => one.ProcessId.CompareTo(other.ProcessId);

    private RpcError? WhyNothingNew()
    {
        // Where other nodes are, the instance is about to be one of theirs: the request waits for that.
        if (isDraining()) return isAlone ? RpcError.Unavailable("the node is draining", 1000) : RpcError.Moving();
        return services.Limit.WhyNot();
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
                case ParameterKind.Content when Escapes(request.Application, FileNames(args.Content(parameter.Name))) is { } name:
                    return RpcError.InvalidParam(parameter.Name, $"{name} leaves the media root; give a path inside it");
                case ParameterKind.PlayFile when args.OptionalString(parameter.Name) is { Length: > 0 } files
                    && Escapes(request.Application, files.Split('|')) is { } name:
                    return RpcError.InvalidParam(parameter.Name, $"{name} leaves the media root; give a path inside it");
                case ParameterKind.RecordFile when args.OptionalString(parameter.Name) is { Length: > 0 } file:
                    if (RecordFormats.HasOtherRate(args)) return RpcError.InvalidParam("rate", "16000 goes with the format Pcm8 alone");
                    var format = RecordFormats.Asked(args);
                    if (services.Recordings.WhyUnsupported(format) is { } why) return new RpcError(ErrorCodes.Unsupported, why);
                    if (!TryResolve(request.Application, file, format, out recordPath))
                        return RpcError.Unavailable("the disk of the recordings does not answer", SilentDiskRetryMillis);
                    if (recordPath is null) return RpcError.InvalidParam(parameter.Name, "leaves the record root; give a path inside it");
                    break;
            }
        }
        return null;
    }

    /// <summary>The files of play content; what is spoken is none.</summary>
    private static IEnumerable<string> FileNames(PlayContent? content) =>
        content?.Elements.Where(static element => element.Type == PlayElement.TypeFile).Select(static element => element.Text) ?? [];

    private bool TryResolve(string application, string file, string format, out string? path)
    {
        path = null;
        try
        {
            path = services.Recordings.Resolve(application, file, format);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    private string? Escapes(string application, IEnumerable<string> files) => files.FirstOrDefault(file => !services.Recordings.StaysInside(application, file));

    private ResourceState? Find(RpcRequest request, string module) =>
        ResourceId.TryParse(request.Arguments.String("res_id"), out var id) && id.Module == module && services.Directory.Find(id)?.Published is { } state
            && state.IsVisibleTo(request.Application) ? state : null;

    private static void Refuse(IReplyTo replyTo, RpcError error) => replyTo.Reply(RpcReply.Refused(error));

    /// <summary>
    /// An answer that may be somebody else's to give: that a resource is not there, or is in another state, is only said by a node that is sure to own it. A
    /// node that was cut off knows neither what its successor made nor what that one has answered already.
    /// </summary>
    private sealed class OwnersReply(Func<bool> isOwner, IReplyTo next) : IReplyTo
    {
        public void Reply(RpcReply reply) => next.Reply(DependsOnState(reply) && !isOwner() ? RpcReply.Refused(RpcError.Moving()) : reply);

        private static bool DependsOnState(RpcReply reply) =>
            reply.Error is { } error ? error.Code is ErrorCodes.NotFound or ErrorCodes.Conflict : reply.Result.Span.SequenceEqual("false"u8);
    }
}

/// <summary>What the node says of itself.</summary>
internal interface INodeInfo
{
    /// <summary>UTF-8 JSON of <c>sys.node.list</c>: an array with this node alone.</summary>
    ReadOnlyMemory<byte> Describe();

    /// <summary>UTF-8 JSON of <c>sys.trunk.list</c>: an array of this node's trunks.</summary>
    ReadOnlyMemory<byte> DescribeTrunks();
}

/// <summary>Answers of several nodes as one.</summary>
internal static class MergedLists
{
    /// <summary>A page of a list.</summary>
    /// <param name="items">UTF-8 JSON of each resource.</param>
    /// <param name="next">Where the next page begins; null behind the last.</param>
    public static ReadOnlyMemory<byte> Write(IReadOnlyList<ReadOnlyMemory<byte>> items, string? next)
    {
        var buffer = new ArrayBufferWriter<byte>(4096);
        using var json = new Utf8JsonWriter(buffer);
        json.WriteStartObject();
        json.WriteStartArray("items"u8);
        foreach (var item in items) json.WriteRawValue(item.Span);
        json.WriteEndArray();
        json.WriteString("next"u8, next);
        json.WriteEndObject();
        json.Flush();
        return buffer.WrittenMemory;
    }

    /// <summary>
    /// The pages of several nodes as one page, in order of creation. A resource that is just moving may be in two of them and is listed once.
    /// </summary>
    public static ReadOnlyMemory<byte> Merge(IEnumerable<ReadOnlyMemory<byte>> pages, int limit)
    {
        var items = new SortedDictionary<long, (string Id, byte[] Text)>();
        var more = false;
        foreach (var page in pages)
        {
            using var document = JsonDocument.Parse(page);
            more |= document.RootElement.GetProperty("next").ValueKind != JsonValueKind.Null;
            foreach (var item in document.RootElement.GetProperty("items").EnumerateArray())
            {
                var id = item.GetProperty("res_id").GetString()!;
                if (ResourceId.TryParse(id, out var parsed))
                    items[parsed.ProcessId] = (id, JsonSerializer.SerializeToUtf8Bytes(item, RequestWireJson.Default.JsonElement));
            }
        }
        var shown = items.Values.Take(limit).ToList();
        return Write([.. shown.Select(static item => (ReadOnlyMemory<byte>)item.Text)], (more || items.Count > limit) && shown.Count > 0 ? shown[^1].Id : null);
    }

    /// <summary>Arrays, one behind the other.</summary>
    public static ReadOnlyMemory<byte> Concatenate(IEnumerable<ReadOnlyMemory<byte>> arrays)
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        using var json = new Utf8JsonWriter(buffer);
        json.WriteStartArray();
        foreach (var array in arrays)
        {
            using var document = JsonDocument.Parse(array);
            // A node of an older version, which does not know what was asked, answers an empty page.
            if (document.RootElement.ValueKind != JsonValueKind.Array) continue;
            foreach (var element in document.RootElement.EnumerateArray()) element.WriteTo(json);
        }
        json.WriteEndArray();
        json.Flush();
        return buffer.WrittenMemory;
    }
}
