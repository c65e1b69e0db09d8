using System.Numerics;

namespace Cti.Media.Jitter;

/// <summary>A packet that waits to be decoded.</summary>
internal struct WaitingPacket
{
    /// <summary>The RTP timestamp of its beginning.</summary>
    public uint Timestamp;
    /// <summary>How long it is, in ticks of that clock; 0 for comfort noise, which lasts until sound comes.</summary>
    public int Ticks;
    /// <summary>What it brings.</summary>
    public byte Kind;
    public int At;
    public int Length;
    public long Written;
}

/// <summary>
/// Packets of a stream in the order of their timestamps, whatever order they come in; bounded in count and octets, the oldest octets give way. Nothing is
/// allocated with a packet.
/// </summary>
internal sealed class PacketStore
{
    private const int Slots = 64;

    /// <summary>A second of 64 kbit/s: the longest delay and the longest packet are half of it.</summary>
    private const int Capacity = 8_192;

    private readonly WaitingPacket[] _packets = new WaitingPacket[Slots];
    private readonly byte[] _bytes = new byte[Capacity];
    private ulong _used;
    private long _written;

    public void Clear() => _used = 0;

    /// <summary>Whether there is one of that timestamp that is as long.</summary>
    public bool Has(uint timestamp, int ticks)
    {
        for (var rest = _used; rest != 0; rest &= rest - 1)
        {
            ref var packet = ref _packets[BitOperations.TrailingZeroCount(rest)];
            if (packet.Timestamp == timestamp && packet.Ticks >= ticks) return true;
        }
        return false;
    }

    /// <summary>Keeps a packet; where there is no room, the one that has waited longest goes.</summary>
    public void Add(uint timestamp, int ticks, byte kind, ReadOnlySpan<byte> payload)
    {
        if (payload.Length > Capacity / 2) return;
        var at = (int)(_written % Capacity);
        if (at + payload.Length > Capacity)
        {
            _written += Capacity - at;
            at = 0;
        }
        payload.CopyTo(_bytes.AsSpan(at));
        var slot = FreeSlot(_written + payload.Length);
        _packets[slot] = new WaitingPacket { Timestamp = timestamp, Ticks = ticks, Kind = kind, At = at, Length = payload.Length, Written = _written };
        _used |= 1UL << slot;
        _written += payload.Length;
    }

    /// <summary>Finds the first packet that has something at or after a time; those that are over by then are dropped.</summary>
    /// <returns>Its slot, or -1.</returns>
    public int First(uint timestamp)
    {
        var first = -1;
        var least = int.MaxValue;
        for (var rest = _used; rest != 0; rest &= rest - 1)
        {
            var slot = BitOperations.TrailingZeroCount(rest);
            ref var packet = ref _packets[slot];
            var ahead = (int)(packet.Timestamp - timestamp);
            if (packet.Ticks > 0 && ahead + packet.Ticks <= 0) _used &= ~(1UL << slot);
            else if (ahead < least) (first, least) = (slot, ahead);
        }
        return first;
    }

    public ref readonly WaitingPacket this[int slot] => ref _packets[slot];

    public ReadOnlySpan<byte> Payload(int slot) => _bytes.AsSpan(_packets[slot].At, _packets[slot].Length);

    public void Remove(int slot) => _used &= ~(1UL << slot);

    /// <summary>A slot that is free; packets whose octets are written over are gone.</summary>
    private int FreeSlot(long writtenUntil)
    {
        var oldest = 0;
        for (var rest = _used; rest != 0; rest &= rest - 1)
        {
            var slot = BitOperations.TrailingZeroCount(rest);
            if (_packets[slot].Written < writtenUntil - Capacity) _used &= ~(1UL << slot);
            else if (_packets[slot].Written < _packets[oldest].Written) oldest = slot;
        }
        return _used == ulong.MaxValue ? oldest : BitOperations.TrailingZeroCount(~_used);
    }
}
