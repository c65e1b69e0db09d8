using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Cti.Transport.Media;

/// <summary>
/// A bounded queue of many writers and one reader, without locks: a writer claims a cell by its turn number, and the number tells the reader
/// that the cell is filled.
/// </summary>
internal sealed class MpscRing<T>
{
    private readonly Cell[] _cells;
    private readonly int _mask;
    private RingPosition _head;
    private RingPosition _tail;

    public MpscRing(int capacity)
    {
        _cells = new Cell[BitOperations.RoundUpToPowerOf2((uint)capacity)];
        _mask = _cells.Length - 1;
        for (var i = 0; i < _cells.Length; i++)
            _cells[i].Turn = i;
    }

    /// <summary>About how many items wait; exact when nobody writes.</summary>
    public int Count => (int)Math.Max(0, Volatile.Read(ref _tail.Value) - Volatile.Read(ref _head.Value));

    /// <summary>How many fit.</summary>
    public int Capacity => _cells.Length;

    /// <summary>False when full. Any thread.</summary>
    public bool TryWrite(T item)
    {
        while (true)
        {
            var tail = Volatile.Read(ref _tail.Value);
            ref var cell = ref _cells[tail & _mask];
            var lead = Volatile.Read(ref cell.Turn) - tail;
            if (lead < 0)
                return false;
            if (lead > 0 || Interlocked.CompareExchange(ref _tail.Value, tail + 1, tail) != tail)
                continue;
            cell.Item = item;
            Volatile.Write(ref cell.Turn, tail + 1);
            return true;
        }
    }

    /// <summary>False when empty. The reader's thread only.</summary>
    public bool TryRead([MaybeNullWhen(false)] out T item)
    {
        var head = _head.Value;
        ref var cell = ref _cells[head & _mask];
        if (Volatile.Read(ref cell.Turn) != head + 1)
        {
            item = default;
            return false;
        }

        item = cell.Item;
        cell.Item = default!;
        Volatile.Write(ref cell.Turn, head + _cells.Length);
        Volatile.Write(ref _head.Value, head + 1);
        return true;
    }

    private struct Cell
    {
        public long Turn;
        public T Item;
    }
}

/// <summary>A cache line of its own: readers and writers would otherwise take it from each other at every item.</summary>
[StructLayout(LayoutKind.Explicit, Size = 128)]
internal struct RingPosition
{
    [FieldOffset(64)]
    public long Value;
}
