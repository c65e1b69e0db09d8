using Cti.Kernel;
using Cti.Media.Codecs;

namespace Cti.Media.Files;

/// <summary>How the opening of a recording ended.</summary>
/// <param name="Outcome"><see cref="MediaOutcome.Completed"/>, or Unsupported, Failed.</param>
/// <param name="Recorder">The recorder, when completed.</param>
/// <param name="Detail">Otherwise: what is wrong.</param>
public readonly record struct RecorderOpening(MediaOutcome Outcome, WavRecorder? Recorder, string? Detail);

/// <summary>
/// A recording into a WAV file of 8 kHz, one or two channels, one byte a sample. One media loop writes sound, one writer thread calls
/// <see cref="Drain"/>; between them a lock-free ring of 8 s (4 s with two channels). The sound goes into a file beside the target, which takes the target's place when
/// it is complete: what was there before stays until then. After a crash of the process <see cref="RecordingRepair"/> completes it.
/// </summary>
public sealed class WavRecorder
{
    private enum Phase
    {
        Running,
        Finishing,
        Discarding,
        Completed,
        Failed,
    }

    private readonly string _target;
    private readonly string _part;
    private readonly ushort _format;
    private readonly FileStream _file;
    private readonly int _channels;
    private readonly SoundRing _ring = new(Limits.RecordingRingBytes);
    private readonly byte[] _codes;
    private long _samples;
    private int _phase;
    private bool _overflowed;
    private string? _failure;

    private WavRecorder(string target, string part, ushort format, int channels, FileStream file)
    {
        _channels = channels;
        _codes = new byte[Audio.FrameSamples * channels];
        _target = target;
        _part = part;
        _format = format;
        _file = file;
    }

    /// <summary>Where the file will be.</summary>
    public string FullPath => _target;

    /// <summary>How much sound was taken, in milliseconds.</summary>
    public long DurationMillis => Volatile.Read(ref _samples) / _channels / Audio.MillisSamples;

    /// <summary>True once no more sound comes and the file waits to be completed: someone waits for it, so drain these first and often (every 5 to 20 ms).</summary>
    public bool IsEnding => Current is Phase.Finishing or Phase.Discarding;

    internal bool IsDone => Current is Phase.Completed or Phase.Failed;

    internal string? Failure => Current == Phase.Failed ? _failure : null;

    private Phase Current => (Phase)Volatile.Read(ref _phase);

    /// <summary>Opens the file beside its target; folders are made. Touches the disk: call it from a loader thread. Never throws.</summary>
    /// <param name="fullPath">The target; its folder is where the unfinished file lies too.</param>
    /// <param name="format">How it is stored.</param>
    /// <param name="channels">1 or 2.</param>
    public static RecorderOpening Open(string fullPath, RecordFormat format, int channels = 1)
    {
        if (FormatTag(format) is not { } tag) return new RecorderOpening(MediaOutcome.Unsupported, null, Unsupported(format));
        FileStream? file = null;
        try
        {
            if (Path.GetDirectoryName(fullPath) is { Length: > 0 } folder) Directory.CreateDirectory(folder);
            var part = fullPath + RecordingHeader.PartSuffix;
            // Not shared: a second recording into the same file is refused instead of mixing with this one.
            file = new FileStream(part, FileMode.Create, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
            Span<byte> header = stackalloc byte[RecordingHeader.BytesMax];
            file.Write(header[..RecordingHeader.Write(header, tag, 0, channels)]);
            return new RecorderOpening(MediaOutcome.Completed, new WavRecorder(fullPath, part, tag, channels, file), null);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            file?.Dispose();
            return new RecorderOpening(MediaOutcome.Failed, null, $"{fullPath}: {fault.Message}");
        }
    }

    /// <summary>
    /// Writes what has come to the disk; after the end it completes the file and moves it to its target. Call it from one thread at a time,
    /// every 100 to 500 ms, until it answers true, beginning when the recorder was opened. Never throws: a fault of the disk ends the
    /// recording as failed.
    /// </summary>
    /// <returns>True when there is nothing more to do: drop the recorder.</returns>
    public bool Drain()
    {
        if (IsDone) return true;
        try
        {
            return DrainToFile();
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or ObjectDisposedException)
        {
            return Fail(fault.Message);
        }
    }

    /// <summary>Loop: takes a frame of up to 20 ms; with two channels left and right in turn.</summary>
    internal void Write(ReadOnlySpan<short> samples)
    {
        if (_overflowed || Current != Phase.Running) return;
        var codes = _codes.AsSpan(0, samples.Length);
        Encode(samples, codes);
        if (!_ring.TryWrite(codes))
        {
            // Going on after a hole would shift all that follows; what there is stays usable.
            _overflowed = true;
            Interlocked.CompareExchange(ref _phase, (int)Phase.Finishing, (int)Phase.Running);
            return;
        }
        Volatile.Write(ref _samples, _samples + samples.Length);
    }

    /// <summary>Loop: no more sound comes; <see cref="IsDone"/> becomes true when the file is complete.</summary>
    internal void Finish() => Interlocked.CompareExchange(ref _phase, (int)Phase.Finishing, (int)Phase.Running);

    /// <summary>Gives the recording up without a trace: the target stays what it was. For a recorder that no session took.</summary>
    public void Discard() => Interlocked.CompareExchange(ref _phase, (int)Phase.Discarding, (int)Phase.Running);

    private bool DrainToFile()
    {
        // The phase is read before the ring: what was written before the end is then in the ring for sure.
        var phase = Current;
        if (phase == Phase.Discarding)
        {
            _file.Dispose();
            File.Delete(_part);
            Volatile.Write(ref _phase, (int)Phase.Completed);
            return true;
        }
        for (var piece = _ring.Peek(); !piece.IsEmpty; piece = _ring.Peek())
        {
            _file.Write(piece);
            _ring.Advance(piece.Length);
        }
        if (phase != Phase.Finishing) return false;
        RecordingHeader.Complete(_file, _format, _channels, _file.Position);
        _file.Dispose();
        File.Move(_part, _target, overwrite: true);
        if (_overflowed) return Fail("the disk did not keep up; the file ends where sound was lost");
        Volatile.Write(ref _phase, (int)Phase.Completed);
        return true;
    }

    private bool Fail(string why)
    {
        _failure = $"{_target}: {why}";
        try
        {
            _file.Dispose();
        }
        catch (IOException)
        {
            // The disk has failed already, which is what is reported.
        }
        Volatile.Write(ref _phase, (int)Phase.Failed);
        return true;
    }

    private void Encode(ReadOnlySpan<short> samples, Span<byte> codes)
    {
        if (_format == WavFile.FormatPcm)
        {
            for (var i = 0; i < samples.Length; i++) codes[i] = (byte)(Math.Clamp((samples[i] + 128) >> 8, -128, 127) + 128);
            return;
        }
        G711.Encode(_format == WavFile.FormatAlaw ? AudioCodec.Pcma : AudioCodec.Pcmu, samples, codes);
    }

    private static ushort? FormatTag(RecordFormat format) => format switch
    {
        RecordFormat.Pcm8 => WavFile.FormatPcm,
        RecordFormat.Alaw => WavFile.FormatAlaw,
        RecordFormat.Ulaw => WavFile.FormatUlaw,
        _ => null,
    };

    private static string Unsupported(RecordFormat format) =>
        $"recording as {format} is not supported; supported are {RecordFormat.Pcm8}, {RecordFormat.Alaw} and {RecordFormat.Ulaw}";
}
