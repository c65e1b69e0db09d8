namespace Cti.Media.Files;

/// <summary>A decoded file, shared by every call that plays it: immutable but for encodings, which are made once each.</summary>
public sealed class Prompt
{
    /// <summary>Length in samples of 8 kHz.</summary>
    public int Samples => throw new NotImplementedException();

    /// <summary>The sound encoded for a codec, one byte a sample; made at the first call, the file's own bytes where it has that coding.</summary>
    public ReadOnlyMemory<byte> Encoded(AudioCodec codec) => throw new NotImplementedException();
}
