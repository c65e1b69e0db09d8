using System.Reflection;
using System.Runtime.InteropServices;

namespace Cti.Media.Native;

/// <summary>The native libraries by the names that this assembly's imports have for them: which file that is, configuration says.</summary>
internal static class LoadedLibraries
{
    /// <summary>libsndfile.</summary>
    public const string Sndfile = "cti-sndfile";

    /// <summary>libopus.</summary>
    public const string Opus = "cti-opus";

    private static nint _sndfile;
    private static nint _opus;

    static LoadedLibraries() => NativeLibrary.SetDllImportResolver(typeof(LoadedLibraries).Assembly, Resolve);

    /// <summary>Takes a loaded library; the first one stays.</summary>
    public static void Use(string name, nint handle) => Interlocked.CompareExchange(ref name == Opus ? ref _opus : ref _sndfile, handle, 0);

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? path) => name switch
    {
        Sndfile => _sndfile,
        Opus => _opus,
        _ => 0,
    };
}
