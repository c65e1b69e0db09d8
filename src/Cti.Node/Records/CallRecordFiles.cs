using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Cti.Persistence;

namespace Cti.Node.Records;

/// <summary>What is in the files: the last record written, and the length of the file that is written to.</summary>
/// <param name="Row">The record's row number; 0 before the first.</param>
/// <param name="Id">Its id: tells whether the journal is still the same one.</param>
/// <param name="File">The file's name, "" before the first.</param>
/// <param name="Length">How much of it is good, in bytes; what is behind it was cut short and is taken away.</param>
internal sealed record CallRecordPosition(long Row, Guid Id, string File, long Length)
{
    public static readonly CallRecordPosition Start = new(0, Guid.Empty, "", 0);
}

/// <summary>
/// The folder of <c>cdr-YYYYMMDD.csv</c> files, by the day on which calls ended. The position is kept beside them, replaced as a whole after each write:
/// <code>
///   new day: position (file, its length) ─► append ─► sync ─► position (row, length)
/// </code>
/// What an append that broke off (no space, power, a crash) left behind that length is taken away by the next, so no line is ever half there,
/// and none is lost or, but where the position itself was lost, written twice.
/// </summary>
/// <param name="directory">Where.</param>
/// <param name="zone">In which days begin.</param>
/// <param name="keepsFormulas">Whether texts that a spreadsheet would calculate are written as they are.</param>
internal sealed class CallRecordFiles(string directory, TimeZoneInfo zone, bool keepsFormulas = false)
{
    private const UnixFileMode FileMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead;
    private const UnixFileMode FolderMode = FileMode | UnixFileMode.UserExecute | UnixFileMode.GroupExecute;

    private readonly ArrayBufferWriter<byte> _lines = new(64 * 1024);

    /// <summary>Where the files are.</summary>
    public string Directory { get; } = directory;

    /// <summary>The file of the position.</summary>
    public string PositionFile { get; } = Path.Combine(directory, "position.json");

    /// <summary>What is written; known after <see cref="Open()"/>.</summary>
    public CallRecordPosition Position { get; private set; } = CallRecordPosition.Start;

    /// <summary>Makes the folder and reads the position.</summary>
    /// <returns>False where there is a position that cannot be read: everything is written again.</returns>
    /// <exception cref="IOException">The folder cannot be used.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder may not be used.</exception>
    public bool Open()
    {
        if (OperatingSystem.IsWindows()) System.IO.Directory.CreateDirectory(Directory);
        else if (!System.IO.Directory.Exists(Directory)) System.IO.Directory.CreateDirectory(Directory, FolderMode);
        Position = CallRecordPosition.Start;
        if (!File.Exists(PositionFile)) return true;
        try
        {
            if (JsonSerializer.Deserialize<CallRecordPosition>(File.ReadAllBytes(PositionFile)) is not { Row: >= 0, File: not null, Length: >= 0 } read)
                return false;
            Position = read;
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    /// <summary>Forgets the position: what comes next is written behind what is there.</summary>
    public void StartAnew() => Position = Position with { Row = 0, Id = Guid.Empty };

    /// <summary>Writes records, in order of their rows, durably.</summary>
    /// <exception cref="IOException">Nothing of the group that failed counts as written; the ones before it do.</exception>
    /// <exception cref="UnauthorizedAccessException">Likewise.</exception>
    public void Write(IReadOnlyList<StoredCallRecord> records)
    {
        for (var from = 0; from < records.Count;)
        {
            var name = FileOf(records[from]);
            var to = from + 1;
            while (to < records.Count && FileOf(records[to]) == name) to++;
            _lines.ResetWrittenCount();
            for (var i = from; i < to; i++) CsvLine.Write(_lines, records[i].Record.Fields.Span, keepsFormulas);
            Append(name, records[to - 1]);
            from = to;
        }
    }

    private void Append(string name, StoredCallRecord last)
    {
        using var file = Open(Path.Combine(Directory, name), System.IO.FileMode.OpenOrCreate);
        if (Position.File == name && file.Length > Position.Length) file.SetLength(Position.Length);
        else if (Position.File != name || file.Length < Position.Length) Keep(Position with { File = name, Length = file.Length });
        file.Seek(0, SeekOrigin.End);
        file.Write(_lines.WrittenSpan);
        file.Flush(flushToDisk: true);
        Keep(new CallRecordPosition(last.RowNumber, last.Record.Id, name, file.Length));
    }

    private void Keep(CallRecordPosition position)
    {
        var beside = PositionFile + ".new";
        using (var file = Open(beside, System.IO.FileMode.Create))
        {
            JsonSerializer.Serialize(file, position);
            file.Flush(flushToDisk: true);
        }
        File.Move(beside, PositionFile, overwrite: true);
        Position = position;
    }

    private static FileStream Open(string path, FileMode mode)
    {
        var options = new FileStreamOptions { Mode = mode, Access = FileAccess.Write, Share = FileShare.Read, BufferSize = 0 };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = FileMode;
        return new FileStream(path, options);
    }

    private string FileOf(StoredCallRecord record)
    {
        var ended = TimeZoneInfo.ConvertTime(DateTimeOffset.FromUnixTimeMilliseconds(record.Record.UnixMillis), zone);
        return string.Create(CultureInfo.InvariantCulture, $"cdr-{ended:yyyyMMdd}.csv");
    }
}
