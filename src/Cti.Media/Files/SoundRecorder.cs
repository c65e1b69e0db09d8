using System.Runtime.InteropServices;
using Cti.Kernel;
using Cti.Media.Codecs;

namespace Cti.Media.Files;

/// <summary>How the opening of a recording ended.</summary>
/// <param name="Outcome"><see cref="MediaOutcome.Completed"/>, or Unsupported, Failed.</param>
/// <param name="Recorder">The recorder, when completed.</param>
/// <param name="Detail">Otherwise: what is wrong.</param>
public readonly record struct RecorderOpening(MediaOutcome Outcome, SoundRecorder? Recorder, string? Detail);

/// <summary>
/// A recording into a file of 8 kHz, or of 16 where the format says so, with one or two channels; sound of another rate is brought to it. One media loop
/// writes sound, one writer thread calls <see cref="Drain"/>, which encodes it; between them a lock-free ring of 8 s (4 s with two channels). The sound goes
/// into a file beside the target, which takes the target's place when it is complete: what was there before stays until then. After a crash of the process
/// <see cref="RecordingRepair"/> completes it, or another recording goes on
/// with it.
/// </summary>
public sealed class SoundRecorder
{
    private const int FramesAtOnce = 2048;

    private enum Phase
    {
        Running,
        Finishing,
        Discarding,
        Abandoned,
        Completed,
        Failed,
    }

    private readonly RecordingFile _file;
    private readonly RecordFormat _format;
    private readonly SoundEncoder _encoder;
    private readonly int _channels;
    private readonly SoundRing _ring;
    private readonly byte[]? _codes;
    private readonly short[] _mapped;
    private readonly short[] _frame;
    private readonly RateConverter _left = new();
    private readonly RateConverter _right = new();
    private long _samples;
    private long _drained;
    private int _phase;
    private bool _overflowed;
    private bool _isClosed;
    private bool _wasAbandoned;
    private string? _failure;

    private SoundRecorder(RecordingFile file, SoundEncoder encoder, RecordFormat format, int channels)
    {
        _file = file;
        _encoder = encoder;
        _format = format;
        _channels = channels;
        // One byte a sample is made in the loop by a table, which is cheaper than to carry two; all else is the writer's work.
        var isTable = file.Coding.IsTable && channels == file.Channels;
        _codes = isTable ? new byte[file.Coding.FrameSamples * channels] : null;
        _ring = new SoundRing(Limits.RecordingRingSamples * (isTable ? 1 : sizeof(short)) * (file.Coding.Rate / Audio.Rate));
        _frame = new short[file.Coding.FrameSamples * channels];
        _mapped = channels == file.Channels ? [] : new short[FramesAtOnce * file.Channels];
    }

    /// <summary>Where the file will be.</summary>
    public string FullPath => _file.Target;

    /// <summary>How much sound was taken, in milliseconds; what the file held before is not counted.</summary>
    public long DurationMillis => Volatile.Read(ref _samples) / _channels * 1000 / _file.Coding.Rate;

    /// <summary>Samples that 20 ms of one channel have in the file.</summary>
    internal int FrameSamples => _file.Coding.FrameSamples;

    internal bool IsDone => Current is Phase.Completed or Phase.Failed;

    /// <summary>Why it failed; null while it has not.</summary>
    public string? Failure => Current == Phase.Failed ? _failure : null;

    /// <summary>Why its disk failed it; null where nothing did, and where it was let go of for whoever goes on with it.</summary>
    public string? DiskFailure => _wasAbandoned ? null : Failure;

    /// <summary>Channels of the file: those asked for, one where the format has no more, or those of the file that is continued.</summary>
    internal int FileChannels => _file.Channels;

    private Phase Current => (Phase)Volatile.Read(ref _phase);

    /// <summary>Opens the file beside its target; folders are made. Touches the disk: call it from a loader thread. Never throws.</summary>
    /// <param name="fullPath">The target; its folder is where the unfinished file lies too.</param>
    /// <param name="format">How it is stored.</param>
    /// <param name="channels">Channels of the sound that will be written: 1 or 2.</param>
    /// <param name="fileChannels">
    /// Channels of the file; null for the same. One channel goes to the left of two; two are mixed into one, as they are where the format has no stereo.
    /// </param>
    /// <param name="append">
    /// Goes on where the file ends that a dead process left unfinished, else where the target ends; begins a new one where there is neither. The
    /// channels are then those of that file. One of another format is <see cref="MediaOutcome.Unsupported"/>.
    /// </param>
    /// <param name="takesOver">Takes the file away from a process that has it open and has lost it; with <paramref name="append"/> that is so anyway.</param>
    /// <param name="library">What encodes the formats that have no code here; null for the system's.</param>
    /// <param name="modes">Who may do what with the file and its folders; null for the default.</param>
    public static RecorderOpening Open(string fullPath, RecordFormat format, int channels = 1, int? fileChannels = null, bool append = false,
        bool takesOver = false, SoundLibrary? library = null, RecordingModes? modes = null)
    {
        library ??= SoundLibrary.Default;
        if (library.WhyUnsupported(format) is { } why) return new RecorderOpening(MediaOutcome.Unsupported, null, why);
        RecordingFile? file = null;
        try
        {
            var coding = RecordingCoding.Of(format);
            file = RecordingFile.Open(fullPath, coding, Math.Min(fileChannels ?? channels, coding.ChannelsMax), append, takesOver, modes);
            var encoder = SoundEncoder.Create(coding, file.Channels, file.Stream, library);
            if (encoder is OkiEncoder oki) file.Follow(oki);
            return new RecorderOpening(MediaOutcome.Completed, new SoundRecorder(file, encoder, format, channels), null);
        }
        catch (UnsupportedSoundException fault)
        {
            file?.Discard();
            return new RecorderOpening(MediaOutcome.Unsupported, null, $"{fullPath}: {fault.Message}");
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            file?.Dispose();
            return new RecorderOpening(MediaOutcome.Failed, null, $"{fullPath}: {Told(fault)}");
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
        if (IsDone)
        {
            Rescue(isFull: false);
            return true;
        }
        try
        {
            return DrainToFile();
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or ObjectDisposedException)
        {
            var isSaved = Rescue(RecordingFile.IsFull(fault));
            return Fail(Told(fault) + (isSaved ? "; the file ends there" : ""));
        }
    }

    /// <summary>Loop: takes a frame of 20 ms of any rate; one channel of two is the left.</summary>
    internal void WriteFrame(ReadOnlySpan<short> frame)
    {
        if (_channels == 2) WriteFrame(frame, []);
        else if (frame.Length == FrameSamples) Write(frame);
        else
        {
            _left.Convert(frame, _frame);
            Write(_frame);
        }
    }

    /// <summary>Loop: takes a frame of two channels, each of any rate; none for silence.</summary>
    internal void WriteFrame(ReadOnlySpan<short> left, ReadOnlySpan<short> right)
    {
        Span<short> one = stackalloc short[FrameSamples];
        Fill(left, _left, one, 0);
        Fill(right, _right, one, 1);
        Write(_frame);
    }

    private void Fill(ReadOnlySpan<short> frame, RateConverter converter, Span<short> room, int channel)
    {
        if (frame.IsEmpty) room.Clear();
        else converter.Convert(frame, room);
        for (var i = 0; i < room.Length; i++) _frame[(2 * i) + channel] = room[i];
    }

    /// <summary>Loop: takes up to 20 ms at the file's rate; with two channels left and right in turn.</summary>
    internal void Write(ReadOnlySpan<short> samples)
    {
        if (_overflowed || Current != Phase.Running) return;
        if (!TryKeep(samples))
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

    /// <summary>
    /// Lets go of the file as a crash of the process would: nothing more is written, and what there is stays unfinished beside the target, for the
    /// recording that goes on with it elsewhere.
    /// </summary>
    public void Abandon()
    {
        if (Interlocked.CompareExchange(ref _phase, (int)Phase.Abandoned, (int)Phase.Running) == (int)Phase.Finishing)
            Interlocked.CompareExchange(ref _phase, (int)Phase.Abandoned, (int)Phase.Finishing);
    }

    /// <summary>
    /// Its disk does not answer, and whoever calls <see cref="Drain"/> may never come back: the recording has failed. If the disk answers again, what it has is
    /// completed under the target's name.
    /// </summary>
    public void GiveUp(string why) => End(Phase.Failed, why);

    private bool TryKeep(ReadOnlySpan<short> samples)
    {
        if (_codes is null) return _ring.TryWrite(MemoryMarshal.AsBytes(samples));
        var codes = _codes.AsSpan(0, samples.Length);
        SoundEncoder.EncodeTable(_format, samples, codes);
        return _ring.TryWrite(codes);
    }

    private bool DrainToFile()
    {
        // The phase is read before the ring: what was written before the end is then in the ring for sure.
        var phase = Current;
        if (phase == Phase.Discarding)
        {
            _encoder.Dispose();
            _file.Discard();
            _isClosed = true;
            End(Phase.Completed);
            return true;
        }
        if (phase == Phase.Abandoned)
        {
            _wasAbandoned = true;
            return Fail("it was given up");
        }
        for (var piece = _ring.Peek(); !piece.IsEmpty; piece = _ring.Peek())
        {
            if (_codes is null) Encode(MemoryMarshal.Cast<byte, short>(piece));
            else _file.Stream.Write(piece);
            _drained += _codes is null ? piece.Length / sizeof(short) : piece.Length;
            _ring.Advance(piece.Length);
        }
        _file.Stream.Flush();
        if (Current == Phase.Failed)
        {
            Rescue(isFull: false);
            return true;
        }
        if (phase != Phase.Finishing) return false;
        _encoder.Finish();
        _encoder.Dispose();
        _file.Complete(_drained / _channels);
        _isClosed = true;
        if (_overflowed) return Fail("the disk did not keep up; the file ends where sound was lost");
        End(Phase.Completed);
        return true;
    }

    /// <summary>Brings the sound to the file's channels and encodes it.</summary>
    private void Encode(ReadOnlySpan<short> samples)
    {
        if (_channels == _file.Channels)
        {
            _encoder.Encode(samples);
            return;
        }
        while (!samples.IsEmpty)
        {
            var frames = Math.Min(FramesAtOnce, samples.Length / _channels);
            var mapped = _mapped.AsSpan(0, frames * _file.Channels);
            if (_channels == 2)
            {
                for (var i = 0; i < frames; i++) mapped[i] = (short)Math.Clamp(samples[2 * i] + samples[(2 * i) + 1], short.MinValue, short.MaxValue);
            }
            else
            {
                // The right stays the silence that it was made of.
                for (var i = 0; i < frames; i++) mapped[2 * i] = samples[i];
            }
            _encoder.Encode(mapped);
            samples = samples[(frames * _channels)..];
        }
    }

    private static string Told(Exception fault) => RecordingFile.IsFull(fault) ? "the disk is full" : fault.Message;

    private bool Fail(string why)
    {
        if (!_isClosed)
        {
            _encoder.Dispose();
            _file.Dispose();
            _isClosed = true;
        }
        End(Phase.Failed, why);
        return true;
    }

    /// <summary>Ends it unless it has ended: the writer's thread and whoever gives it up may do so in one moment.</summary>
    private void End(Phase phase, string? why = null)
    {
        if (why is not null) Interlocked.CompareExchange(ref _failure, $"{FullPath}: {why}", null);
        for (var current = Volatile.Read(ref _phase); current is not ((int)Phase.Completed or (int)Phase.Failed);)
        {
            var found = Interlocked.CompareExchange(ref _phase, (int)phase, current);
            if (found == current) return;
            current = found;
        }
    }

    /// <summary>What was given up, or failed, is completed as far as it goes; of no effect where the file is closed.</summary>
    /// <returns>Whether sound was saved.</returns>
    private bool Rescue(bool isFull)
    {
        if (_isClosed) return false;
        _isClosed = true;
        _encoder.Dispose();
        return _file.Rescue(isFull);
    }
}
