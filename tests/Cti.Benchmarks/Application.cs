using System.Buffers;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;

namespace Cti.Benchmarks;

/// <summary>What came over the socket: an event (with a method) or an answer (with an id).</summary>
internal readonly record struct Incoming(string Method, string ResourceId, string Id, int ErrorCode, string Cursor);

/// <summary>An application of the gateway: one WebSocket, requests out with UUIDs, answers and events in.</summary>
internal sealed class Application : IAsyncDisposable
{
    private readonly ClientWebSocket _socket = new();
    private readonly Channel<byte[]> _outgoing = Channel.CreateUnbounded<byte[]>(new UnboundedChannelOptions { SingleReader = true });
    private readonly ConcurrentDictionary<string, TaskCompletionSource<Incoming>> _asked = new();
    private readonly Action<Application, Incoming> _event;
    private Task _sending = Task.CompletedTask, _receiving = Task.CompletedTask;
    private long _refused, _lastId;
    private int _unacknowledged;

    private Application(Action<Application, Incoming> @event) => _event = @event;

    /// <summary>Whether its requests have UUIDs: then the node remembers each answer for ten minutes, as the contract has it.</summary>
    public bool AsksOnce { get; init; } = true;

    /// <summary>Requests answered with an error, of those that nobody waited for.</summary>
    public long Refused => Interlocked.Read(ref _refused);

    /// <summary>Connects; every event is given to <paramref name="event"/>, on the receiving thread.</summary>
    public static async Task<Application> ConnectAsync(Uri address, string key, Action<Application, Incoming> @event, bool asksOnce = true)
    {
        var application = new Application(@event) { AsksOnce = asksOnce };
        application._socket.Options.SetRequestHeader("Authorization", "Bearer " + key);
        await application._socket.ConnectAsync(address, CancellationToken.None);
        application._sending = application.SendAsync();
        application._receiving = application.ReceiveAsync();
        return application;
    }

    /// <summary>Sends a request whose answer only counts if it is an error.</summary>
    public void Post(string method, string parameters) => _outgoing.Writer.TryWrite(Request(NewId(), method, parameters));

    /// <summary>For the event handler of a member of a consumer group: acknowledges every hundredth event, and with it those before.</summary>
    public void Acknowledge(Incoming incoming)
    {
        if (++_unacknowledged % 100 == 0) Post("sys.event.ack", $$"""{"cursor":"{{incoming.Cursor}}"}""");
    }

    /// <summary>Sends a request and waits for its answer; how long that took is in milliseconds.</summary>
    public async Task<(Incoming Answer, double Millis)> AskAsync(string method, string parameters)
    {
        var id = NewId();
        var answer = new TaskCompletionSource<Incoming>(TaskCreationOptions.RunContinuationsAsynchronously);
        _asked[id] = answer;
        var began = Stopwatch.GetTimestamp();
        _outgoing.Writer.TryWrite(Request(id, method, parameters));
        var incoming = await answer.Task.WaitAsync(TimeSpan.FromSeconds(20));
        return (incoming, Stopwatch.GetElapsedTime(began).TotalMilliseconds);
    }

    public async ValueTask DisposeAsync()
    {
        _outgoing.Writer.TryComplete();
        await _sending;
        _socket.Abort();
        await _receiving;
        _socket.Dispose();
    }

    private string NewId() => AsksOnce ? Guid.NewGuid().ToString("N") : $"bench-{Interlocked.Increment(ref _lastId)}";

    private static byte[] Request(string id, string method, string parameters) =>
        Encoding.UTF8.GetBytes($$"""{"jsonrpc":"2.0","id":"{{id}}","method":"{{method}}","params":{{parameters}}}""");

    private async Task SendAsync()
    {
        await foreach (var request in _outgoing.Reader.ReadAllAsync())
        {
            if (_socket.State != WebSocketState.Open) return;
            await _socket.SendAsync(request, WebSocketMessageType.Text, endOfMessage: true, CancellationToken.None);
        }
    }

    private async Task ReceiveAsync()
    {
        var buffer = new ArrayBufferWriter<byte>(65536);
        try
        {
            while (true)
            {
                var result = await _socket.ReceiveAsync(buffer.GetMemory(16384), CancellationToken.None);
                if (result.MessageType == WebSocketMessageType.Close) return;
                buffer.Advance(result.Count);
                if (!result.EndOfMessage) continue;
                Take(buffer.WrittenSpan);
                buffer.ResetWrittenCount();
            }
        }
        catch (Exception error) when (error is WebSocketException or OperationCanceledException or ObjectDisposedException)
        {
            // Aborted, by DisposeAsync.
        }
    }

    private void Take(ReadOnlySpan<byte> json)
    {
        var incoming = Read(json);
        if (incoming.Method.Length > 0) _event(this, incoming);
        else if (_asked.TryRemove(incoming.Id, out var answer)) answer.SetResult(incoming);
        else if (incoming.ErrorCode != 0) Interlocked.Increment(ref _refused);
    }

    private static Incoming Read(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        string method = "", resource = "", id = "", cursor = "";
        var error = 0;
        while (reader.Read())
        {
            if (reader.TokenType != JsonTokenType.PropertyName) continue;
            if (reader.ValueTextEquals("method"u8)) method = Next(ref reader);
            else if (reader.ValueTextEquals("res_id"u8)) resource = Next(ref reader);
            else if (reader.ValueTextEquals("id"u8)) id = Next(ref reader);
            else if (reader.ValueTextEquals("cursor"u8)) cursor = Next(ref reader);
            else if (reader.ValueTextEquals("code"u8) && reader.Read()) error = reader.GetInt32();
        }
        return new Incoming(method, resource, id, error, cursor);
    }

    private static string Next(ref Utf8JsonReader reader)
    {
        reader.Read();
        return reader.GetString() ?? "";
    }
}
