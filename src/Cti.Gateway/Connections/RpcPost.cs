using System.Buffers;
using Cti.Gateway.Rpc;
using Cti.Kernel;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace Cti.Gateway.Connections;

/// <summary>JSON-RPC by POST: one request or a batch in the body, the answer in the response, 204 when there is none.</summary>
internal sealed class RpcPost(GatewayOptions options, RequestDispatcher dispatcher)
{
    // Most who see this have written curl -d, which sends a form's type unless it is told another one.
    private const string WrongType = "the content type must be application/json, in UTF-8, or left out; with curl add: -H 'Content-Type: application/json'";

    internal async Task HandleAsync(HttpContext context, Caller caller)
    {
        if (!IsJson(context.Request.ContentType))
        {
            await HttpReplies.WriteTextAsync(context, StatusCodes.Status415UnsupportedMediaType, WrongType).ConfigureAwait(false);
            return;
        }
        if (context.Request.Headers.ContentEncoding.ToString() is { Length: > 0 } encoding && !encoding.Equals("identity", StringComparison.OrdinalIgnoreCase))
        {
            context.Response.Headers.AcceptEncoding = "identity";
            await HttpReplies.WriteTextAsync(context, StatusCodes.Status415UnsupportedMediaType, "the body must not be compressed").ConfigureAwait(false);
            return;
        }
        var buffer = ArrayPool<byte>.Shared.Rent(options.RequestBytesMax + 1);
        try
        {
            var length = await ReadAsync(context.Request, buffer).ConfigureAwait(false);
            if (length < 0)
            {
                await RefuseTooLargeAsync(context, buffer.AsMemory(0, options.RequestBytesMax + 1)).ConfigureAwait(false);
                return;
            }
            var answer = await AnswerAsync(RpcText.WithoutMark(buffer.AsMemory(0, length)), caller).ConfigureAwait(false);
            if (answer is null) context.Response.StatusCode = StatusCodes.Status204NoContent;
            else await HttpReplies.WriteJsonAsync(context, answer).ConfigureAwait(false);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    // What was read of it is in the buffer. Read on to find its id, and so that the client, which still sends, gets the answer instead of a broken connection.
    private async Task RefuseTooLargeAsync(HttpContext context, Memory<byte> buffer)
    {
        var oversized = new OversizedRequest(options.RequestBytesMax);
        oversized.Read(buffer.Span);
        int got;
        do
        {
            got = await context.Request.Body.ReadAsync(buffer).ConfigureAwait(false);
            oversized.Read(buffer.Span[..got]);
        }
        while (got > 0 && !oversized.IsHopeless);
        context.Response.StatusCode = StatusCodes.Status413PayloadTooLarge;
        if (got > 0) context.Response.Headers.Connection = "close";
        await HttpReplies.WriteJsonAsync(context, oversized.Refusal()).ConfigureAwait(false);
    }

    private async ValueTask<byte[]?> AnswerAsync(ReadOnlyMemory<byte> text, Caller caller)
    {
        var elements = new List<Range>();
        if (RpcText.Scan(text.Span, elements, out var isBatch) is { } error) return RpcWriter.Refusal(null, error);
        if (!isBatch) return await dispatcher.BeginAsync(caller, text.Span, null).ConfigureAwait(false);
        var pending = new List<Task<byte[]?>>(elements.Count);
        foreach (var element in elements)
        {
            // As many at once as a WebSocket has.
            if (pending.Count >= Limits.RequestsInFlightMax) await pending[^Limits.RequestsInFlightMax].ConfigureAwait(false);
            pending.Add(dispatcher.BeginAsync(caller, text.Span[element], null).AsTask());
        }
        return RpcWriter.Batch(await Task.WhenAll(pending).ConfigureAwait(false));
    }

    // Answers the body's length, or -1 when it is too large.
    private async ValueTask<int> ReadAsync(HttpRequest request, byte[] buffer)
    {
        var max = options.RequestBytesMax;
        var length = 0;
        while (true)
        {
            var got = await request.Body.ReadAsync(buffer.AsMemory(length, max + 1 - length)).ConfigureAwait(false);
            if (got == 0) return length;
            length += got;
            if (length > max) return -1;
        }
    }

    // A body without a type is taken for what is expected; charset=utf8 is how some clients spell it.
    private static bool IsJson(string? contentType)
    {
        if (string.IsNullOrWhiteSpace(contentType)) return true;
        if (!MediaTypeHeaderValue.TryParse(contentType, out var type)) return false;
        var charset = type.Charset.HasValue ? type.Charset.Value.Trim('"') : "utf-8";
        return type.MediaType.Value?.ToLowerInvariant() is "application/json" or "application/json-rpc" or "application/jsonrequest" or "text/json"
            && (charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase) || charset.Equals("utf8", StringComparison.OrdinalIgnoreCase));
    }
}
