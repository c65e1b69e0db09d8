namespace Cti.Media.Files;

/// <summary>Bytes from one producer thread to one consumer thread, without locks. Bounded: what does not fit is refused as a whole.</summary>
internal sealed class SoundRing
{
    private readonly byte[] _bytes;
    private long _written;
    private long _read;

    /// <param name="capacity">A power of two.</param>
    public SoundRing(int capacity) => _bytes = new byte[capacity];

    public bool IsEmpty => Volatile.Read(ref _written) == Volatile.Read(ref _read);

    /// <summary>Producer: appends all of it, or nothing and false.</summary>
    public bool TryWrite(ReadOnlySpan<byte> source)
    {
        var written = _written;
        if (source.Length > _bytes.Length - (written - Volatile.Read(ref _read))) return false;
        var at = (int)(written & (_bytes.Length - 1));
        var first = Math.Min(source.Length, _bytes.Length - at);
        source[..first].CopyTo(_bytes.AsSpan(at));
        source[first..].CopyTo(_bytes);
        Volatile.Write(ref _written, written + source.Length);
        return true;
    }

    /// <summary>Consumer: the longest piece that lies in one place; valid until <see cref="Advance"/>.</summary>
    public ReadOnlySpan<byte> Peek()
    {
        var available = Volatile.Read(ref _written) - _read;
        var at = (int)(_read & (_bytes.Length - 1));
        return _bytes.AsSpan(at, (int)Math.Min(available, _bytes.Length - at));
    }

    /// <summary>Consumer: gives that many bytes back.</summary>
    public void Advance(int count) => Volatile.Write(ref _read, _read + count);
}
