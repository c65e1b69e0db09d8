using System.Buffers.Binary;
using Cti.Kernel;
using Cti.Media.Codecs;
using Cti.Media.Files.Native;

namespace Cti.Media.Files;

/// <summary>
/// Loads a sound file of any supported kind: WAV and raw G.711 and OKI ADPCM by our own code, AIFF through NAudio, all others through libsndfile.
/// </summary>
public static class SoundFile
{
    /// <summary>Bytes that are read at once: little enough that a slow disk is not taken for one that hangs.</summary>
    private const int PieceBytes = 1024 * 1024;

    /// <summary>Reads and decodes a file; faults are outcomes, never exceptions.</summary>
    /// <param name="fullPath">The file.</param>
    /// <param name="name">What to call it in the detail of a failure.</param>
    /// <param name="library">What decodes the kinds that have no code here; null for the system's.</param>
    public static PromptLoad Load(string fullPath, string name, SoundLibrary? library = null)
    {
        try
        {
            var bytes = Read(fullPath);
            using var _ = LoadWatch.Bounded();
            return new PromptLoad(MediaOutcome.Completed, Decode(Path.GetExtension(fullPath).ToLowerInvariant(), bytes, library ?? SoundLibrary.Default), null);
        }
        catch (UnsupportedSoundException unsupported)
        {
            return Refuse(MediaOutcome.Unsupported, name, unsupported.Message);
        }
        catch (Exception missing) when (missing is FileNotFoundException or DirectoryNotFoundException)
        {
            return Refuse(MediaOutcome.NotFound, name, "no such file");
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return Refuse(MediaOutcome.Failed, name, fault.Message);
        }
    }

    /// <summary>Reads a file piece by piece, so that whoever bounds it sees the disk answer.</summary>
    private static byte[] Read(string path)
    {
        using var file = RegularFile.OpenRead(path);
        LoadWatch.Step();
        var length = RandomAccess.GetLength(file);
        if (length > Limits.PromptFileBytesMax)
            throw new UnsupportedSoundException($"it has {length} bytes; at most {Limits.PromptFileBytesMax} are supported");
        var bytes = new byte[length];
        for (var at = 0; at < bytes.Length;)
        {
            var read = RandomAccess.Read(file, bytes.AsSpan(at, Math.Min(PieceBytes, bytes.Length - at)), at);
            LoadWatch.Step();
            // It was cut meanwhile.
            if (read == 0) return bytes[..at];
            at += read;
        }
        return bytes;
    }

    internal static PromptLoad Refuse(MediaOutcome outcome, string name, string detail) => new(outcome, null, $"{name}: {detail}");

    /// <summary>What a file is, its first octets tell; its name only where it is nothing but sound.</summary>
    internal static Prompt Decode(string extension, byte[] bytes, SoundLibrary library)
    {
        var file = bytes.AsSpan();
        if (WavFile.IsWav(file)) return WavFile.Read(file, library);
        if (file.StartsWith("RIFX"u8)) return SndfileReader.Read(bytes, library, "big-endian WAV");
        if (AiffFile.IsAiff(file)) return AiffFile.Read(bytes, library);
        if (file.StartsWith("OggS\0"u8)) return SndfileReader.Read(bytes, library, "Ogg");
        if (file.StartsWith("fLaC"u8) && file.Length > 4 && (file[4] & 0x7F) == 0) return SndfileReader.Read(bytes, library, "FLAC");
        if (IsSun(file)) return SndfileReader.Read(bytes, library, "Sun audio");
        switch (extension)
        {
            case ".alaw" or ".al":
                return Prompt.FromEncoded(AudioCodec.Pcma, bytes);
            case ".ulaw" or ".ul" or ".mulaw":
                return Prompt.FromEncoded(AudioCodec.Pcmu, bytes);
            case ".vox":
                return DecodeOki(bytes);
            case ".gsm":
                return SndfileReader.Read(bytes, library, "GSM 06.10", Sndfile.ContainerRaw | Sndfile.CodingGsm);
        }
        var frame = MpegFrame.IndexOfFirst(file);
        if (frame > 0) bytes = bytes[frame..];
        return frame >= 0 ? SndfileReader.Read(bytes, library, "MP3") : DecodeByName(extension, bytes, library);
    }

    /// <summary>What does not begin as anything that is known: the name says what it was meant to be, for the message.</summary>
    private static Prompt DecodeByName(string extension, byte[] bytes, SoundLibrary library) => extension switch
    {
        ".mp3" => SndfileReader.Read(bytes, library, "MP3"),
        ".ogg" or ".oga" or ".opus" => SndfileReader.Read(bytes, library, "Ogg"),
        ".flac" => SndfileReader.Read(bytes, library, "FLAC"),
        ".au" or ".snd" => SndfileReader.Read(bytes, library, "Sun audio"),
        ".aif" or ".aiff" => SndfileReader.Read(bytes, library, "AIFF"),
        _ => WavFile.Read(bytes, library),
    };

    /// <summary>Sun's header: where the sound begins, then its length, its coding and rate.</summary>
    private static bool IsSun(ReadOnlySpan<byte> file) =>
        file.Length >= 24 && file.StartsWith(".snd"u8) && BinaryPrimitives.ReadUInt32BigEndian(file[4..]) >= 24
            && BinaryPrimitives.ReadUInt32BigEndian(file[12..]) is > 0 and < 64;

    private static Prompt DecodeOki(byte[] bytes)
    {
        if (bytes.Length > Limits.PromptSamplesMax / 2) throw WavFile.TooLong();
        var samples = new short[2 * bytes.Length];
        new OkiAdpcm().Decode(bytes, samples);
        return Prompt.FromLinear(samples);
    }
}
