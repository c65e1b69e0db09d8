using Microsoft.Win32.SafeHandles;

namespace Cti.Media.Files;

/// <summary>
/// The unfinished file of a recording, beside its target. It is locked while it is open: a second recording into the same file is refused instead of
/// mixing with it. One that is to be continued and is locked belongs to somebody who was deposed (who stands still, is cut off, or is just completing it):
/// a copy of what is there goes on under the other of two names, so that whatever the former one still does to its own file ends there.
/// </summary>
internal sealed class RecordingFile : IDisposable
{
    /// <summary>What a copy of the target is called until it is whole.</summary>
    public const string CopySuffix = ".cti-copy";

    private const int BufferBytes = 4096;

    // errno, as Linux numbers it.
    private const int NoSpace = 28, OverQuota = 122;

    private readonly SafeFileHandle _handle;
    private readonly string _part;
    private readonly long _start;
    private readonly bool _isOfDeadProcess;

    private RecordingFile(string target, RecordingCoding coding, FileStream stream, string part, int channels, bool isOfDeadProcess)
    {
        Target = target;
        Coding = coding;
        Channels = channels;
        Stream = stream;
        // Asked for while nothing waits in the stream's buffer: later the stream would write that first, which a full disk refuses.
        _handle = stream.SafeFileHandle;
        _part = part;
        _start = stream.Position;
        _isOfDeadProcess = isOfDeadProcess;
    }

    public string Target { get; }

    public RecordingCoding Coding { get; }

    public int Channels { get; }

    /// <summary>Stands where sound is to be written.</summary>
    public FileStream Stream { get; }

    /// <summary>Opens it; folders are made.</summary>
    /// <param name="target">Where it will be.</param>
    /// <param name="coding">How it is stored.</param>
    /// <param name="channels">Of a new file; one that is continued keeps its own.</param>
    /// <param name="append">Whether to go on with what there is.</param>
    /// <param name="takesOver">Whether who has it open has lost it; of what is continued that is so.</param>
    /// <param name="modes">Who may do what with it; null for the default.</param>
    /// <exception cref="UnsupportedSoundException">What there is has another format.</exception>
    /// <exception cref="IOException">The disk refuses, or somebody records into it.</exception>
    public static RecordingFile Open(string target, RecordingCoding coding, int channels, bool append, bool takesOver = false, RecordingModes? modes = null)
    {
        modes ??= RecordingModes.Default;
        if (Path.GetDirectoryName(target) is { Length: > 0 } folder) modes.MakeFolder(folder);
        var stream = Claim(target, coding, append, append || takesOver, out var part, out var isLeft);
        try
        {
            modes.Apply(stream);
            if (!append) stream.SetLength(0);
            if (stream.Length > 0)
            {
                channels = SeekEnd(stream, coding, out var end);
                stream.SetLength(end);
                stream.Position = end;
            }
            else if (!coding.IsHeaderless)
            {
                Span<byte> header = stackalloc byte[RecordingHeader.BytesMax];
                stream.Write(header[..RecordingHeader.Write(header, coding, 0, channels, 0)]);
                stream.Flush();
            }
            return new RecordingFile(target, coding, stream, part, channels, isLeft);
        }
        catch
        {
            Close(stream);
            // What a dead process left is repaired later; what was begun here held no sound of its own.
            if (!isLeft) TryDelete(part);
            throw;
        }
    }

    /// <summary>Shows an encoder the sound that is there already.</summary>
    public void Follow(OkiEncoder encoder)
    {
        if (_start == 0) return;
        var bytes = new byte[64 * 1024];
        Stream.Position = 0;
        for (int read; (read = Stream.Read(bytes)) > 0;) encoder.Follow(bytes.AsSpan(0, read));
    }

    /// <summary>Completes the file and moves it to its target.</summary>
    /// <param name="samples">Samples of each channel that were written.</param>
    /// <exception cref="IOException">The disk refuses, or the recording goes on elsewhere.</exception>
    public void Complete(long samples)
    {
        if (UnlockedFile.IsReplaced(_handle)) throw GoesOn();
        RecordingHeader.Complete(Stream, Coding, Channels, RecordingHeader.Samples(Coding, Channels, _start - RecordingHeader.Length(Coding)) + samples);
        try
        {
            PartFile.Move(Stream, _part, Target);
        }
        catch (FileNotFoundException)
        {
            throw GoesOn();
        }
    }

    /// <summary>Forgets what was written: a dead process's file is completed as it was found, any other is removed.</summary>
    public void Discard()
    {
        if (UnlockedFile.IsReplaced(_handle))
        {
            Stream.Dispose();
        }
        else if (_isOfDeadProcess)
        {
            Stream.SetLength(_start);
            Stream.Position = 0;
            RecordingRepair.Complete(Stream, _part);
        }
        else
        {
            PartFile.Remove(Stream, _part);
        }
    }

    /// <summary>Closes it where it is; what was written stays for <see cref="RecordingRepair"/>.</summary>
    public void Dispose() => Close(Stream);

    /// <summary>
    /// The disk refused to take more: what it has taken, in whole blocks, is completed under the target's name. Where that is nothing, or not even that can be
    /// done on a full disk, the unfinished file is removed. On a disk that fails otherwise it stays where an operator finds it.
    /// </summary>
    /// <returns>Whether sound was saved.</returns>
    public bool Rescue(bool isFull)
    {
        var isReplaced = UnlockedFile.IsReplaced(_handle);
        Close(Stream);
        if (isReplaced) return false;
        try
        {
            if (File.Exists(_part) && RecordingRepair.Repair(_part) is not null) return true;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // Not even the header could be written.
        }
        if (isFull) TryDelete(_part);
        return false;
    }

    /// <summary>Whether a fault of the disk says that there is no room left on it (for us).</summary>
    public static bool IsFull(Exception fault) =>
        fault is IOException && (fault.HResult is NoSpace or OverQuota || (fault.InnerException is { } inner && IsFull(inner)));

    private static void Close(FileStream stream)
    {
        try
        {
            stream.Dispose();
        }
        catch (IOException)
        {
            // The disk has failed already, which is what is reported.
        }
    }

    private static void TryDelete(string part)
    {
        try
        {
            File.Delete(part);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // It stays where an operator finds it.
        }
    }

    private static IOException GoesOn() => new("the recording goes on in another process");

    /// <summary>Opens and locks the unfinished file, whichever of its names it has; where there is none, a copy of the target, or a new one.</summary>
    private static FileStream Claim(string target, RecordingCoding coding, bool append, bool takes, out string part, out bool isLeft)
    {
        var buffer = coding.IsTable ? 0 : BufferBytes;
        using var turn = RecordingTurn.Take(target);
        for (var attempt = 0; attempt < PartFile.AttemptsMax; attempt++)
        {
            var left = PartFile.Find(target);
            isLeft = append && left is not null;
            if (append && left is null && File.Exists(target)) CopyTarget(target, coding);
            part = left ?? PartFile.First(target);
            if (PartFile.TryClaim(part, left is null ? FileMode.OpenOrCreate : FileMode.Open, takes, buffer) is { } stream) return stream;
        }
        throw new IOException("somebody else records into it again and again");
    }

    /// <summary>
    /// Copies the target, with open sizes, and only then gives it the name of an unfinished file: a crash on the way must not make half a copy replace
    /// the whole.
    /// </summary>
    private static void CopyTarget(string target, RecordingCoding coding)
    {
        var copy = target + CopySuffix;
        try
        {
            using var to = new FileStream(copy, FileMode.Create, FileAccess.ReadWrite, FileShare.None);
            // Complete, though who completed it may not have let go of it yet.
            using var from = UnlockedFile.OpenRead(target);
            var channels = SeekEnd(from, coding, out var end);
            from.Position = 0;
            from.CopyTo(to);
            to.SetLength(end);
            if (!coding.IsHeaderless)
            {
                Span<byte> header = stackalloc byte[RecordingHeader.BytesMax];
                to.Position = 0;
                to.Write(header[..RecordingHeader.Write(header, coding, 0, channels, 0)]);
            }
            to.Flush(flushToDisk: true);
        }
        catch
        {
            File.Delete(copy);
            throw;
        }
        File.Move(copy, PartFile.First(target), overwrite: false);
    }

    /// <summary>Finds where the sound of a file ends.</summary>
    /// <returns>Its channels.</returns>
    private static int SeekEnd(FileStream file, RecordingCoding coding, out long end)
    {
        Span<byte> header = stackalloc byte[RecordingHeader.BytesMax];
        file.Position = 0;
        header = header[..file.ReadAtLeast(header, header.Length, throwOnEndOfStream: false)];
        end = file.Length;
        if (coding.Format == RecordFormat.OkiAdpcm) return 1;
        if (coding.Format == RecordFormat.Mp3)
        {
            if (!MpegFrame.TryWhole(header, end, out end, out var both)) throw Other(coding);
            return both;
        }
        if (!RecordingHeader.TryRead(header, out var found, out var channels, out var said) || found.Format != coding.Format) throw Other(coding);
        var start = RecordingHeader.Length(coding);
        end = start + RecordingHeader.WholeBlocks(coding, channels, said == 0 ? end - start : Math.Min(said, end - start));
        return channels;
    }

    private static UnsupportedSoundException Other(RecordingCoding coding) =>
        new($"there is a file of another kind than a recording of {coding.Rate / 1000} kHz as {coding.Format}; it cannot be continued");
}
