namespace Cti.Benchmarks;

/// <summary>Something to play.</summary>
internal static class Sound
{
    /// <summary>Writes a WAV of A-law at 8 kHz.</summary>
    public static void WriteAlaw(string path, int seconds)
    {
        var length = 8_000 * seconds;
        using var file = new BinaryWriter(File.Create(path));
        file.Write("RIFF"u8);
        file.Write(36 + length);
        file.Write("WAVEfmt "u8);
        file.Write(16);
        file.Write((short)6);
        file.Write((short)1);
        file.Write(8000);
        file.Write(8000);
        file.Write((short)1);
        file.Write((short)8);
        file.Write("data"u8);
        file.Write(length);
        var sound = new byte[length];
        for (var i = 0; i < length; i++) sound[i] = (byte)(i * 31);
        file.Write(sound);
    }
}
