using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using Cti.Contract;
using Cti.Gateway.Metrics;
using Cti.Gateway.Rpc;
using Cti.Kernel;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Cti.Gateway.Connections;

/// <summary>An application's events as Server-Sent Events (WHATWG HTML, section 9.2): <c>id</c> is the cursor, <c>data</c> the notification.</summary>
internal sealed class EventStream(GatewayOptions options, HttpContext context, string application, IEventFeeds feeds, GatewayMetrics metrics, ILog log,
    CancellationToken stopping)
{
    /// <summary>Runs until the reader is gone, is too slow, or the gateway stops.</summary>
    internal async Task RunAsync()
    {
        var feed = feeds.Open(application);
        await using var closing = feed.ConfigureAwait(false);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, stopping);
        // A browser that reconnects repeats the URL and adds the header, so the header is the newer of the two.
        var from = context.Request.Headers["Last-Event-ID"].ToString() is { Length: > 0 } last ? last : context.Request.Query["from"].ToString();
        if (from.Length > 0 && (await feed.SubscribeAsync(from, null, ended.Token).ConfigureAwait(false)).Error is { } error)
        {
            context.Response.StatusCode = error.Code == ErrorCodes.Gone ? StatusCodes.Status410Gone : StatusCodes.Status400BadRequest;
            await HttpReplies.WriteJsonAsync(context, RpcWriter.Refusal(null, error)).ConfigureAwait(false);
            return;
        }
        context.Response.ContentType = "text/event-stream; charset=utf-8";
        context.Response.Headers.CacheControl = "no-cache, no-transform";
        context.Response.Headers["X-Accel-Buffering"] = "no";
        context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        metrics.ConnectionOpened();
        try
        {
            await PumpAsync(feed, context.Response.BodyWriter, ended.Token).ConfigureAwait(false);
        }
        catch (FeedOverrunException)
        {
            metrics.SlowReader();
            log.Write(LogEvents.GatewaySlowReader, application, context.Connection.RemoteIpAddress);
        }
        catch (TimeoutException)
        {
            metrics.SlowReader();
            log.Write(LogEvents.GatewaySlowReader, application, context.Connection.RemoteIpAddress);
            context.Abort();
        }
        catch (OperationCanceledException)
        {
        }
        finally
        {
            // Ends a read that is still under way before the feed is given up.
            await ended.CancelAsync().ConfigureAwait(false);
            metrics.ConnectionClosed();
        }
    }

    private async Task PumpAsync(IEventFeed feed, PipeWriter output, CancellationToken ended)
    {
        output.Write(": connected\n\n"u8);
        await FlushAsync(output, ended).ConfigureAwait(false);
        Task<IReadOnlyList<FeedEvent>>? reading = null;
        while (!ended.IsCancellationRequested)
        {
            reading ??= feed.ReadAsync(Limits.FeedBatchMax, ended).AsTask();
            try
            {
                var events = await reading.WaitAsync(TimeSpan.FromMilliseconds(options.KeepAliveMillis), ended).ConfigureAwait(false);
                reading = null;
                foreach (var happened in events) Write(output, happened);
                metrics.EventsSent(events.Count);
            }
            catch (TimeoutException) when (reading is { IsCompleted: false })
            {
                output.Write(":\n\n"u8);
            }
            await FlushAsync(output, ended).ConfigureAwait(false);
        }
    }

    private static void Write(PipeWriter output, FeedEvent happened)
    {
        output.Write("id: "u8);
        output.Write(Encoding.UTF8.GetBytes(happened.Cursor));
        output.Write("\ndata: "u8);
        output.Write(RpcWriter.Event(happened));
        output.Write("\n\n"u8);
    }

    private async ValueTask FlushAsync(PipeWriter output, CancellationToken ended)
    {
        var flushing = output.FlushAsync(ended);
        var result = flushing.IsCompletedSuccessfully
            ? flushing.Result
            : await flushing.AsTask().WaitAsync(TimeSpan.FromMilliseconds(options.SlowReaderMillis), ended).ConfigureAwait(false);
        if (result.IsCompleted) throw new OperationCanceledException("the reader is gone");
    }
}
