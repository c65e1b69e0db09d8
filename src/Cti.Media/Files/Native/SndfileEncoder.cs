using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Cti.Media.Codecs;

namespace Cti.Media.Files.Native;

/// <summary>
/// Encodes through libsndfile, which believes that it writes a file: of that only the encoded sound is taken, the headers are ours
/// (<see cref="RecordingHeader"/>). So a file can be cut, completed and continued wherever a block ends.
/// </summary>
internal sealed unsafe class SndfileEncoder : SoundEncoder
{
    /// <summary>Of the four octets that begin an MP3 frame.</summary>
    private const int MpegHeaderBytes = 4;
    private const int FramesAtOnce = 512;
    private static readonly Lock Opening = new();

    private readonly RecordingCoding _coding;
    private readonly int _channels;
    private readonly Stream _sink;
    private readonly short[] _silence;
    private readonly int[] _wide;
    private readonly List<byte> _first = [];
    private GCHandle _self;
    private nint _file;
    private long _at;
    private long _end;
    private long _headerBytes = long.MaxValue;
    private long _frames;
    private long _taken;
    private bool _passes;
    private Exception? _fault;

    /// <exception cref="UnsupportedSoundException">The library lacks the coding.</exception>
    public SndfileEncoder(RecordingCoding coding, int channels, Stream sink)
    {
        _coding = coding;
        _channels = channels;
        _sink = sink;
        _silence = new short[coding.BlockSamples * channels];
        _wide = new int[FramesAtOnce * channels];
        _self = GCHandle.Alloc(this);
        var functions = new SndfileVirtual { Length = &OnLength, Seek = &OnSeek, Read = &OnRead, Write = &OnWrite, Tell = &OnTell };
        var info = new SndfileInfo { Rate = Audio.Rate, Channels = channels, Format = coding.LibraryFormat };
        // The reason of a refusal lies in one place for the whole library.
        lock (Opening)
        {
            _file = Sndfile.OpenVirtual(&functions, Sndfile.ModeWrite, &info, GCHandle.ToIntPtr(_self));
            if (_file == 0)
            {
                var why = Sndfile.Describe(0);
                _self.Free();
                throw new UnsupportedSoundException(why);
            }
        }
        _headerBytes = _end;
        if (coding.Format == RecordFormat.Mp3) SetBitrate();
        else _passes = true;
    }

    /// <inheritdoc/>
    public override void Encode(ReadOnlySpan<short> samples)
    {
        while (!samples.IsEmpty)
        {
            var some = samples[..Math.Min(samples.Length, _wide.Length)];
            for (var i = 0; i < some.Length; i++) _wide[i] = some[i] << 16;
            EncodeWide(some.Length / _channels);
            samples = samples[some.Length..];
        }
    }

    /// <inheritdoc/>
    public override void Finish()
    {
        var over = (int)(_frames % _coding.BlockSamples);
        if (over > 0) Encode(_silence.AsSpan(over * _channels));
        Close();
        Rethrow();
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        // Nothing more is wanted of what closing may still write.
        _passes = false;
        _fault ??= new ObjectDisposedException(nameof(SndfileEncoder));
        Close();
        base.Dispose();
    }

    private void EncodeWide(int frames)
    {
        fixed (int* first = _wide)
        {
            // Counted first: it bounds what the library may hand over during the call.
            _frames += frames;
            var written = Sndfile.WriteFrames(_file, first, frames);
            Rethrow();
            if (written != frames) throw new IOException("libsndfile: " + Sndfile.Describe(_file));
        }
    }

    private void Close()
    {
        if (_file == 0) return;
        _ = Sndfile.Close(_file);
        _file = 0;
        _self.Free();
    }

    /// <summary>Constant, so that a length can be told from the file's size: 32 kbit/s, 64 with two channels.</summary>
    private void SetBitrate()
    {
        var constant = 0;
        _ = Sndfile.Command(_file, Sndfile.SetBitrateMode, &constant, sizeof(int));
        var level = _channels == 1 ? 0.5 : 0.0;
        _ = Sndfile.Command(_file, Sndfile.SetCompressionLevel, &level, sizeof(double));
    }

    private void Rethrow()
    {
        if (_fault is { } fault) throw new IOException(fault.Message, fault);
    }

    private void Take(ReadOnlySpan<byte> bytes)
    {
        // Only what is appended behind the header is sound; the rest are headers that are written again.
        if (_at != _end || _end < _headerBytes) return;
        if (!_passes && !HasPassedTag(ref bytes)) return;
        var room = _coding.BlockSamples == 1
            ? bytes.Length
            : (int)Math.Min(bytes.Length, ((_frames + _coding.BlockSamples - 1) / _coding.BlockSamples * _coding.BlockBytes * _channels) - _taken);
        // A byte of padding behind the last block belongs to the library's container.
        if (room <= 0) return;
        Write(bytes[..room]);
        _taken += room;
    }

    private void Write(ReadOnlySpan<byte> bytes)
    {
        if (!_coding.SwapsNibbles)
        {
            _sink.Write(bytes);
            return;
        }
        Span<byte> swapped = stackalloc byte[256];
        while (!bytes.IsEmpty)
        {
            var some = bytes[..Math.Min(bytes.Length, swapped.Length)];
            WavFile.SwapNibbles(some, swapped);
            _sink.Write(swapped[..some.Length]);
            bytes = bytes[some.Length..];
        }
    }

    /// <summary>
    /// MP3 begins with a frame that is kept free for a table of contents. Without it the file is nothing but frames of sound, which can be cut and
    /// continued anywhere.
    /// </summary>
    /// <returns>True once it is known whether there is one; <paramref name="bytes"/> is then what follows.</returns>
    private bool HasPassedTag(ref ReadOnlySpan<byte> bytes)
    {
        _first.AddRange(bytes);
        if (_first.Count < MpegHeaderBytes) return false;
        var length = MpegFrame.Length(BinaryPrimitives.ReadUInt32BigEndian(CollectionsMarshal.AsSpan(_first)));
        if (length > 0 && _first.Count < length) return false;
        var all = _first.ToArray();
        var isFree = length > 0 && all.AsSpan(MpegHeaderBytes, length - MpegHeaderBytes).IndexOfAnyExcept((byte)0) < 0;
        bytes = all.AsSpan(isFree ? length : 0);
        _first.Clear();
        _first.TrimExcess();
        _passes = true;
        return true;
    }

    private static SndfileEncoder Self(nint context) => (SndfileEncoder)GCHandle.FromIntPtr(context).Target!;

    [UnmanagedCallersOnly]
    private static long OnLength(nint context) => Self(context)._end;

    [UnmanagedCallersOnly]
    private static long OnTell(nint context) => Self(context)._at;

    [UnmanagedCallersOnly]
    private static long OnRead(byte* bytes, long count, nint context) => 0;

    [UnmanagedCallersOnly]
    private static long OnSeek(long offset, int whence, nint context)
    {
        var self = Self(context);
        self._at = whence switch
        {
            0 => offset,
            1 => self._at + offset,
            _ => self._end + offset,
        };
        return self._at;
    }

    [UnmanagedCallersOnly]
    private static long OnWrite(byte* bytes, long count, nint context)
    {
        var self = Self(context);
        // An exception must not pass through the library: it is thrown again when the call has come back.
        if (self._fault is not null) return 0;
        try
        {
            self.Take(new ReadOnlySpan<byte>(bytes, checked((int)count)));
        }
        catch (Exception fault)
        {
            self._fault = fault;
            return 0;
        }
        self._at += count;
        self._end = Math.Max(self._end, self._at);
        return count;
    }
}
