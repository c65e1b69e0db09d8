using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Cti.Acceptance.Infrastructure;

/// <summary>A packet as it came.</summary>
internal sealed record RtpPacket(TimeSpan Time, int PayloadType, bool Marker, ushort Sequence, uint Timestamp, uint Ssrc, byte[] Payload);

/// <summary>One end of a stream: sends a packet each 20 ms, keeps every packet that arrives with exactly what was in it.</summary>
internal sealed class RtpEndpoint : IAsyncDisposable
{
    public const int FrameBytes = 160, KeyPayloadType = 101;

    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _gate = new();
    private readonly List<RtpPacket> _packets = [];
    private readonly Queue<Item> _queue = new();
    private readonly uint _ssrc = (uint)Random.Shared.Next();
    private readonly long _started = Stopwatch.GetTimestamp();
    private readonly Task _receiving;
    private Task _sending = Task.CompletedTask;
    private IPEndPoint? _remote;
    private ushort _sequence = (ushort)Random.Shared.Next(1000);
    private uint _timestamp = (uint)Random.Shared.Next(100_000);
    private int _payloadType;

    private static long _stalls;

    public RtpEndpoint()
    {
        _socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _receiving = ReceiveAsync();
    }

    private sealed record Item(byte[]? Audio, byte KeyEvent, int KeyFrames, TaskCompletionSource? Sent);

    public int Port => ((IPEndPoint)_socket.LocalEndPoint!).Port;

    /// <summary>Where it sends to.</summary>
    public IPEndPoint Remote => _remote ?? throw new InvalidOperationException("not connected");

    public TimeSpan Now => Stopwatch.GetElapsedTime(_started);

    public IReadOnlyList<RtpPacket> Packets
    {
        get
        {
            lock (_gate) return [.. _packets];
        }
    }

    /// <summary>How often since the last question some phone of this process was more than 40 ms late to send: then it is the machine that stutters.</summary>
    public static long TakeStalls() => Interlocked.Exchange(ref _stalls, 0);

    /// <summary>Begins to send (silence, until something is said) to where the far end's SDP says.</summary>
    public void Connect(IPEndPoint remote, int payloadType)
    {
        lock (_gate) _remote = remote;
        _payloadType = payloadType;
        if (_sending.IsCompleted) _sending = SendAsync();
    }

    /// <summary>Sends no more, and goes on listening.</summary>
    public async Task MuteAsync()
    {
        await _stop.CancelAsync();
        await _sending;
    }

    /// <summary>Says bytes of the codec, in packets of 20 ms; ends when the last has been sent.</summary>
    public Task SayAsync(byte[] audio)
    {
        var sent = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            for (var at = 0; at < audio.Length; at += FrameBytes)
            {
                var frame = new byte[FrameBytes];
                Array.Fill(frame, Silence);
                audio.AsSpan(at, Math.Min(FrameBytes, audio.Length - at)).CopyTo(frame);
                _queue.Enqueue(new Item(frame, 0, 0, at + FrameBytes >= audio.Length ? sent : null));
            }
        }
        return sent.Task.WaitAsync(TimeSpan.FromSeconds(60));
    }

    /// <summary>Presses keys, each 100 ms long with 60 ms between (RFC 4733).</summary>
    public Task PressAsync(string keys)
    {
        var sent = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var pause = Enumerable.Repeat(Silence, FrameBytes).ToArray();
        lock (_gate)
        {
            foreach (var key in keys)
            {
                _queue.Enqueue(new Item(null, (byte)"0123456789*#ABCD".IndexOf(key, StringComparison.Ordinal), 5, null));
                for (var i = 0; i < 3; i++) _queue.Enqueue(new Item(pause, 0, 0, null));
            }
            _queue.Enqueue(new Item(pause, 0, 0, sent));
        }
        return sent.Task.WaitAsync(TimeSpan.FromSeconds(60));
    }

    /// <summary>What was heard in one codec, in the order of sequence numbers, repeats removed.</summary>
    public byte[] Heard(int payloadType)
    {
        var first = true;
        ushort origin = 0;
        var frames = new SortedDictionary<int, byte[]>();
        foreach (var packet in Packets.Where(p => p.PayloadType == payloadType))
        {
            if (first) origin = packet.Sequence;
            first = false;
            frames.TryAdd((short)(packet.Sequence - origin), packet.Payload);
        }
        return [.. frames.Values.SelectMany(static f => f)];
    }

    /// <summary>The keys heard by RFC 4733: one for each timestamp whose end was seen.</summary>
    public string HeardKeys() => string.Concat(Packets.Where(static p => p.PayloadType == KeyPayloadType && (p.Payload[1] & 0x80) != 0)
        .DistinctBy(static p => p.Timestamp).Select(static p => "0123456789*#ABCD"[p.Payload[0]]));

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _sending;
        _socket.Dispose();
        await _receiving;
        _stop.Dispose();
    }

    private byte Silence => _payloadType == 0 ? (byte)0xFF : (byte)0xD5;

    private async Task ReceiveAsync()
    {
        var buffer = new byte[2048];
        try
        {
            while (true)
            {
                var got = await _socket.ReceiveAsync(buffer);
                if (got < 12 || buffer[0] >> 6 != 2) continue;
                var packet = new RtpPacket(Now, buffer[1] & 0x7F, (buffer[1] & 0x80) != 0, BinaryPrimitives.ReadUInt16BigEndian(buffer.AsSpan(2)),
                    BinaryPrimitives.ReadUInt32BigEndian(buffer.AsSpan(4)), BinaryPrimitives.ReadUInt32BigEndian(buffer.AsSpan(8)), buffer[12..got]);
                lock (_gate) _packets.Add(packet);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The end of the phone.
        }
    }

    private async Task SendAsync()
    {
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(5));
        var begun = Stopwatch.GetTimestamp();
        var frames = 0L;
        var keyTimestamp = 0u;
        var keyFrame = 0;
        Item? key = null;
        try
        {
            while (await tick.WaitForNextTickAsync(_stop.Token))
            {
                var due = (long)(Stopwatch.GetElapsedTime(begun).TotalMilliseconds / 20);
                if (due - frames > 2) Interlocked.Increment(ref _stalls);
                for (; frames < due; frames++)
                {
                    Item? item = null;
                    lock (_gate)
                    {
                        if (key is null) _queue.TryDequeue(out item);
                    }
                    if (item is { Audio: null })
                    {
                        key = item;
                        keyFrame = 0;
                        keyTimestamp = _timestamp;
                    }
                    if (key is not null)
                    {
                        keyFrame++;
                        var isLast = keyFrame == key.KeyFrames;
                        for (var copy = 0; copy < (isLast ? 3 : 1); copy++) SendKey(key.KeyEvent, keyTimestamp, keyFrame, isLast);
                        if (isLast) key = null;
                    }
                    else
                    {
                        Send(_payloadType, false, _timestamp, item?.Audio ?? Enumerable.Repeat(Silence, FrameBytes).ToArray());
                        item?.Sent?.TrySetResult();
                    }
                    _timestamp += FrameBytes;
                }
            }
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
        {
            // The end of the phone.
        }
    }

    private void SendKey(byte keyEvent, uint timestamp, int frame, bool isEnd)
    {
        var payload = new byte[4];
        payload[0] = keyEvent;
        payload[1] = (byte)((isEnd ? 0x80 : 0) | 10);
        BinaryPrimitives.WriteUInt16BigEndian(payload.AsSpan(2), (ushort)(frame * FrameBytes));
        Send(KeyPayloadType, frame == 1, timestamp, payload);
    }

    private void Send(int payloadType, bool marker, uint timestamp, byte[] payload)
    {
        var packet = new byte[12 + payload.Length];
        packet[0] = 0x80;
        packet[1] = (byte)(payloadType | (marker ? 0x80 : 0));
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(2), _sequence++);
        BinaryPrimitives.WriteUInt32BigEndian(packet.AsSpan(4), timestamp);
        BinaryPrimitives.WriteUInt32BigEndian(packet.AsSpan(8), _ssrc);
        payload.CopyTo(packet, 12);
        try
        {
            _socket.SendTo(packet, _remote!);
        }
        catch (SocketException)
        {
            // The far end is gone, which tests bring about; nobody hears this packet.
        }
    }
}
