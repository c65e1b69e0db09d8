using System.Buffers;
using Cti.Calls.Api;
using Cti.Gateway.Access;
using Cti.Gateway.Rpc;
using Cti.Kernel;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace Cti.Gateway.Connections;

/// <summary>JSON-RPC by POST: one request or a batch in the body, the answer in the response, 204 when there is none.</summary>
internal sealed class RpcPost(GatewayOptions options, RequestDispatcher dispatcher)
{
    internal async Task HandleAsync(HttpContext context, Application application, ApiGeneration generation)
    {
        if (!IsJson(context.Request.ContentType))
        {
            await HttpReplies.WriteTextAsync(context, StatusCodes.Status415UnsupportedMediaType, "the content type must be application/json, in UTF-8");
            return;
        }
        var buffer = ArrayPool<byte>.Shared.Rent(options.RequestBytesMax + 1);
        try
        {
            var length = await ReadAsync(context.Request, buffer);
            if (length < 0)
            {
                context.Response.StatusCode = StatusCodes.Status413PayloadTooLarge;
                context.Response.Headers.Connection = "close";
                await HttpReplies.WriteJsonAsync(context, RpcWriter.Refusal(null,
                    new RpcError(ErrorCodes.TooLarge, $"the request is larger than {options.RequestBytesMax} bytes").With("limit", options.RequestBytesMax)));
                return;
            }
            var answer = await AnswerAsync(buffer.AsMemory(0, length), application, generation);
            if (answer is null) context.Response.StatusCode = StatusCodes.Status204NoContent;
            else await HttpReplies.WriteJsonAsync(context, answer);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private async ValueTask<byte[]?> AnswerAsync(ReadOnlyMemory<byte> text, Application application, ApiGeneration generation)
    {
        var elements = new List<Range>();
        if (RpcText.Scan(text.Span, elements, out var isBatch) is { } error) return RpcWriter.Refusal(null, error);
        if (!isBatch) return await dispatcher.BeginAsync(application, generation, text.Span, null);
        var pending = new List<Task<byte[]?>>(elements.Count);
        foreach (var element in elements)
        {
            // As many at once as a WebSocket has.
            if (pending.Count >= Limits.RequestsInFlightMax) await pending[^Limits.RequestsInFlightMax];
            pending.Add(dispatcher.BeginAsync(application, generation, text.Span[element], null).AsTask());
        }
        return RpcWriter.Batch(await Task.WhenAll(pending));
    }

    // Answers the body's length, or -1 when it is too large.
    private async ValueTask<int> ReadAsync(HttpRequest request, byte[] buffer)
    {
        var max = options.RequestBytesMax;
        if (request.ContentLength > max) return -1;
        var length = 0;
        while (true)
        {
            var got = await request.Body.ReadAsync(buffer.AsMemory(length, max + 1 - length));
            if (got == 0) return length;
            length += got;
            if (length > max) return -1;
        }
    }

    private static bool IsJson(string? contentType) =>
        MediaTypeHeaderValue.TryParse(contentType, out var type)
        && type.MediaType.Value?.ToLowerInvariant() is "application/json" or "application/json-rpc" or "application/jsonrequest"
        && (!type.Charset.HasValue || type.Charset.Value.Trim('"').Equals("utf-8", StringComparison.OrdinalIgnoreCase));
}
