using Cti.Kernel;
using Cti.Media.Codecs;
using Cti.Media.Files.Native;

namespace Cti.Media.Files;

/// <summary>Loads a sound file of any supported kind: WAV and raw G.711 and OKI ADPCM by our own code, all others through libsndfile.</summary>
public static class SoundFile
{
    /// <summary>Reads and decodes a file; faults are outcomes, never exceptions.</summary>
    /// <param name="fullPath">The file.</param>
    /// <param name="name">What to call it in the detail of a failure.</param>
    /// <param name="library">What decodes the kinds that have no code here; null for the system's.</param>
    public static PromptLoad Load(string fullPath, string name, SoundLibrary? library = null)
    {
        try
        {
            var length = new FileInfo(fullPath).Length;
            if (length > Limits.PromptFileBytesMax)
                return Refuse(MediaOutcome.Unsupported, name, $"it has {length} bytes; at most {Limits.PromptFileBytesMax} are supported");
            var bytes = File.ReadAllBytes(fullPath);
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

    internal static PromptLoad Refuse(MediaOutcome outcome, string name, string detail) => new(outcome, null, $"{name}: {detail}");

    private static Prompt Decode(string extension, byte[] bytes, SoundLibrary library) => extension switch
    {
        ".alaw" or ".al" => Prompt.FromEncoded(AudioCodec.Pcma, bytes),
        ".ulaw" or ".ul" or ".mulaw" => Prompt.FromEncoded(AudioCodec.Pcmu, bytes),
        ".vox" => DecodeOki(bytes),
        // Content counts: a WAV file by another name is one all the same.
        _ when bytes.AsSpan().StartsWith("RIFF"u8) => WavFile.Read(bytes, library),
        ".gsm" => SndfileReader.Read(bytes, library, "GSM 06.10", Sndfile.ContainerRaw | Sndfile.CodingGsm),
        ".mp3" => SndfileReader.Read(bytes, library, "MP3"),
        ".ogg" or ".oga" or ".opus" => SndfileReader.Read(bytes, library, "Ogg"),
        ".flac" => SndfileReader.Read(bytes, library, "FLAC"),
        ".au" or ".snd" => SndfileReader.Read(bytes, library, "Sun audio"),
        ".aif" or ".aiff" => SndfileReader.Read(bytes, library, "AIFF"),
        _ => WavFile.Read(bytes, library),
    };

    private static Prompt DecodeOki(byte[] bytes)
    {
        if (bytes.Length > Limits.PromptSamplesMax / 2) throw WavFile.TooLong();
        var samples = new short[2 * bytes.Length];
        new OkiAdpcm().Decode(bytes, samples);
        return Prompt.FromLinear(samples);
    }
}
