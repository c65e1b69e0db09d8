using System.Diagnostics;
using System.Security.Cryptography;
using Cti.Contract;
using Cti.Gateway.Access;
using Cti.Gateway.Documents;
using Cti.Gateway.Metrics;
using Cti.Kernel;

namespace Cti.Gateway.Rpc;

/// <summary>What <c>sys.event.*</c> act on: the feed of the connection that a request came by.</summary>
internal interface IConnectionFeed
{
    /// <summary>As <see cref="IEventFeed.SubscribeAsync"/>.</summary>
    ValueTask<FeedPosition> SubscribeAsync(string? from, string? group, CancellationToken cancellation);

    /// <summary>As <see cref="IEventFeed.AcknowledgeAsync"/>.</summary>
    ValueTask<FeedPosition> AcknowledgeAsync(string cursor, CancellationToken cancellation);

    /// <summary>The connection is told notices from now on; of no effect where it is already.</summary>
    void Watch();
}

/// <summary>Turns the text of one request into the text of its answer.</summary>
internal sealed class RequestDispatcher(GatewayOptions options, IRequestRouter router, GatewayMetrics metrics, ILog log)
{
    private readonly OpenRpcPages _pages = new(options.Version, options.States);

    /// <summary>
    /// Carries a request out. Everything up to the hand-over to the router happens before this returns, so requests that are
    /// begun one after the other reach their resources in that order; <paramref name="json"/> is not touched afterwards.
    /// Answers null for a notification. Never throws.
    /// </summary>
    internal ValueTask<byte[]?> BeginAsync(Caller caller, ReadOnlySpan<byte> json, IConnectionFeed? feed)
    {
        var began = Stopwatch.GetTimestamp();
        var envelope = RpcEnvelope.Read(json);
        MethodDefinition? method = null;
        ValueTask<RpcReply> pending;
        try
        {
            pending = envelope.Error is { } error
                ? Refuse(error)
                : Begin(caller, envelope, json, feed, out method);
        }
        catch (Exception e)
        {
            pending = Refuse(Fault(envelope.Method, e));
        }
        return FinishAsync(caller.Application, envelope, method, pending, began);
    }

    private ValueTask<RpcReply> Begin(Caller caller, in RpcEnvelope envelope, ReadOnlySpan<byte> json, IConnectionFeed? feed, out MethodDefinition? method)
    {
        var (application, generation, _) = caller;
        method = Catalogue.Find(envelope.Method);
        if (application.TakeRequest() is var wait and > 0)
            return Refuse(new RpcError(ErrorCodes.TooMany, $"over the application's rate; try again in {wait} ms").With("retry_after_ms", wait));
        if (method is null) return Refuse(NoSuchMethod(envelope.Method));
        if (method.AdminOnly && !application.Admin) return Refuse(new RpcError(ErrorCodes.Unauthorized, $"{method.Name} needs an administrator's key"));
        if (ArgumentBinder.TryBind(method, generation, json[envelope.Params], application.Rules, out var arguments) is { } error) return Refuse(error);
        switch (method.Name)
        {
            case Catalogue.Discover:
                return new(RpcReply.Ok(_pages.Of(generation, caller.Server)));
            case Catalogue.Subscribe or Catalogue.Acknowledge or Catalogue.WatchTrunks when feed is null:
                return Refuse(new RpcError(ErrorCodes.InvalidRequest, $"{method.Name} acts on the feed of a WebSocket, and this request came without one"));
            case Catalogue.WatchTrunks:
                feed.Watch();
                return new(RpcReply.Ok("null"u8.ToArray()));
            case Catalogue.Subscribe:
                return FromFeedAsync(feed.SubscribeAsync(arguments.OptionalString("from"), arguments.OptionalString("group"), CancellationToken.None));
            case Catalogue.Acknowledge:
                return FromFeedAsync(feed.AcknowledgeAsync(arguments.String("cursor"), CancellationToken.None));
        }
        var requestId = method.Changes ? envelope.RequestId : null;
        var hash = requestId is null ? 0 : ArgumentsHash.Compute(method, arguments);
        return AskAsync(new RpcRequest(application.Name, application.Admin, generation, method, arguments, requestId, hash));
    }

    private async ValueTask<byte[]?> FinishAsync(Application application, RpcEnvelope envelope, MethodDefinition? method,
        ValueTask<RpcReply> pending, long began)
    {
        RpcReply reply;
        try
        {
            reply = await pending.ConfigureAwait(false);
        }
        catch (Exception e)
        {
            reply = RpcReply.Refused(Fault(envelope.Method, e));
        }
        metrics.Answered(method?.Name ?? "unknown", reply.Error?.Code ?? 0, Stopwatch.GetElapsedTime(began));
        if (reply.Error?.Code == ErrorCodes.OwnerTimeout)
            log.Write(LogEvents.GatewayOwnerTimeout, envelope.Method, application.Name, options.OwnerAnswerMillis);
        return envelope.Id is null && envelope.Error is null ? null : RpcWriter.Answer(envelope.Id, reply);
    }

    private ValueTask<RpcReply> AskAsync(RpcRequest request)
    {
        // The request is carried out even if its connection ends meanwhile, so only its own deadline cancels it.
        var deadline = new CancellationTokenSource();
        var pending = router.AskAsync(request, deadline.Token);
        return pending.IsCompleted ? pending : WaitAsync(pending, deadline);
    }

    private async ValueTask<RpcReply> WaitAsync(ValueTask<RpcReply> pending, CancellationTokenSource deadline)
    {
        try
        {
            return await pending.AsTask().WaitAsync(TimeSpan.FromMilliseconds(options.OwnerAnswerMillis)).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            await deadline.CancelAsync().ConfigureAwait(false);
            return RpcReply.Refused(new RpcError(ErrorCodes.OwnerTimeout, "the owner did not answer in time; the outcome is unknown, retry with the same id"));
        }
    }

    private static async ValueTask<RpcReply> FromFeedAsync(ValueTask<FeedPosition> pending)
    {
        var position = await pending.ConfigureAwait(false);
        return position.Error is { } error ? RpcReply.Refused(error) : RpcReply.Ok(RpcWriter.Cursor(position.Cursor));
    }

    private RpcError Fault(string method, Exception e)
    {
        var trace = RandomNumberGenerator.GetHexString(16, lowercase: true);
        log.Write(LogEvents.RequestFault, method, trace, e);
        return new RpcError(ErrorCodes.Internal, $"a fault of the server; it is logged with trace id {trace}").With("trace_id", trace);
    }

    private static RpcError NoSuchMethod(string name) => new(ErrorCodes.MethodNotFound,
        $"no such method; {(Catalogue.NearestTo(name) is { } meant ? $"did you mean {meant}? " : "")}rpc.discover lists those that there are");

    private static ValueTask<RpcReply> Refuse(RpcError error) => new(RpcReply.Refused(error));
}
