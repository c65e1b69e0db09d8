using System.Runtime.InteropServices;
using Cti.Media.Native;

namespace Cti.Media.Files.Native;

/// <summary>What a file is, as libsndfile's SF_INFO has it.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SndfileInfo
{
    public long Frames;
    public int Rate;
    public int Channels;
    public int Format;
    public int Sections;
    public int Seekable;
}

/// <summary>libsndfile's SF_VIRTUAL_IO: a file made of functions.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct SndfileVirtual
{
    public delegate* unmanaged<nint, long> Length;
    public delegate* unmanaged<long, int, nint, long> Seek;
    public delegate* unmanaged<byte*, long, nint, long> Read;
    public delegate* unmanaged<byte*, long, nint, long> Write;
    public delegate* unmanaged<nint, long> Tell;
}

/// <summary>The functions of libsndfile that are used here. Only called once <see cref="SoundLibrary"/> has found the library.</summary>
internal static unsafe partial class Sndfile
{
    public const int ModeRead = 0x10;
    public const int ModeWrite = 0x20;

    public const int ContainerWav = 0x01_0000;
    public const int ContainerRaw = 0x04_0000;
    public const int ContainerFlac = 0x17_0000;
    public const int ContainerMpeg = 0x23_0000;

    public const int CodingImaAdpcm = 0x12;
    public const int CodingGsm = 0x20;
    public const int CodingG721 = 0x30;
    public const int CodingMp3 = 0x82;

    public const int SetCompressionLevel = 0x1301;
    public const int SetBitrateMode = 0x1305;

    [LibraryImport(LoadedLibraries.Sndfile, EntryPoint = "sf_open_virtual")]
    public static partial nint OpenVirtual(SndfileVirtual* functions, int mode, SndfileInfo* info, nint context);

    [LibraryImport(LoadedLibraries.Sndfile, EntryPoint = "sf_close")]
    public static partial int Close(nint file);

    [LibraryImport(LoadedLibraries.Sndfile, EntryPoint = "sf_error")]
    public static partial int Error(nint file);

    [LibraryImport(LoadedLibraries.Sndfile, EntryPoint = "sf_strerror")]
    public static partial byte* ErrorText(nint file);

    [LibraryImport(LoadedLibraries.Sndfile, EntryPoint = "sf_command")]
    public static partial int Command(nint file, int command, void* data, int size);

    [LibraryImport(LoadedLibraries.Sndfile, EntryPoint = "sf_readf_float")]
    public static partial long ReadFrames(nint file, float* samples, long frames);

    /// <summary>
    /// Samples of 32 bit. There is one for 16, but up to 1.2.2 it writes memory it never filled into half of each frame of an MP3 file with two channels.
    /// </summary>
    [LibraryImport(LoadedLibraries.Sndfile, EntryPoint = "sf_writef_int")]
    public static partial long WriteFrames(nint file, int* samples, long frames);

    /// <summary>What went wrong with a file (0: with the last one that could not be opened).</summary>
    public static string Describe(nint file) => (Marshal.PtrToStringUTF8((nint)ErrorText(file)) ?? "no reason given").TrimEnd('.', ' ', '\n');
}
