using System.Runtime.InteropServices;
using Cti.Media.Native;

namespace Cti.Media.Codecs;

/// <summary>libopus, by which Opus is spoken: looked for once. Without it everything else works, and Opus is not offered. Any thread.</summary>
public static class OpusLibrary
{
    /// <summary>Its name on Linux.</summary>
    public const string Name = "libopus.so.0";

    private static readonly Lazy<bool> Found = new(Load);

    /// <summary>Whether it could be loaded.</summary>
    public static bool IsPresent => Found.Value;

    /// <summary>What to do where it is missing.</summary>
    public static string Missing => $"{Name} is missing; install it (on Debian and Ubuntu: apt-get install libopus0)";

    private static bool Load()
    {
        if (!NativeLibrary.TryLoad(Name, out var handle)) return false;
        LoadedLibraries.Use(LoadedLibraries.Opus, handle);
        return true;
    }
}
