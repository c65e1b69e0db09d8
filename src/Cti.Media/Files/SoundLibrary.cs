using System.Runtime.InteropServices;
using Cti.Media.Native;

namespace Cti.Media.Files;

/// <summary>
/// libsndfile, which reads and writes what this project has no code of its own for: loaded when first needed. Without it everything else works, and
/// what needs it is refused with what to install. Safe from any thread; for loader threads, since loading reads the disk.
/// </summary>
public sealed class SoundLibrary
{
    /// <summary>Its name on Linux.</summary>
    public const string DefaultName = "libsndfile.so.1";

    private readonly string _name;
    private readonly Lazy<bool> _isPresent;
    private readonly Lazy<string?>[] _whyUnsupported;

    /// <summary>A library by its file name, or a full path; it need not exist.</summary>
    /// <param name="name">The process uses the first one that is found, whatever later ones are called.</param>
    public SoundLibrary(string name = DefaultName)
    {
        _name = name;
        _isPresent = new Lazy<bool>(Load);
        _whyUnsupported = [.. Enum.GetValues<RecordFormat>().Select(format => new Lazy<string?>(() => Probe(format)))];
    }

    /// <summary>The system's own.</summary>
    public static SoundLibrary Default { get; } = new();

    /// <summary>Whether it could be loaded.</summary>
    public bool IsPresent => _isPresent.Value;

    /// <summary>What to do where it is missing.</summary>
    internal string Missing => $"{_name} is missing; install it (on Debian and Ubuntu: apt-get install libsndfile1)";

    /// <summary>Why recordings cannot be written in a format here, and what to install; null when they can.</summary>
    public string? WhyUnsupported(RecordFormat format) => _whyUnsupported[(int)format].Value;

    private bool Load()
    {
        if (!NativeLibrary.TryLoad(_name, out var handle)) return false;
        LoadedLibraries.Use(LoadedLibraries.Sndfile, handle);
        return true;
    }

    /// <summary>A library can lack a coding (MP3 came with 1.1 and can be left out), which only opening a file tells.</summary>
    private string? Probe(RecordFormat format)
    {
        if (!RecordingCoding.Of(format).NeedsLibrary) return null;
        if (!IsPresent) return $"recording as {format} needs libsndfile: {Missing}";
        try
        {
            using var encoder = SoundEncoder.Create(RecordingCoding.Of(format), 1, Stream.Null, this);
            return null;
        }
        catch (UnsupportedSoundException fault)
        {
            return $"recording as {format} needs libsndfile 1.1 or newer with that coding; the one that is installed says: {fault.Message}";
        }
    }
}
