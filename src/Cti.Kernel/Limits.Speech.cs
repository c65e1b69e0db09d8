namespace Cti.Kernel;

public static partial class Limits
{
    /// <summary>Digits of one spoken element (type 1): seven minutes of listening, and longer than any number that people read to each other.</summary>
    public const int SpokenDigitsMax = 1_000;
    /// <summary>Characters of one text to be spoken (type 10): about five minutes, and what an engine makes in its time-out.</summary>
    public const int SpeechCharsMax = 4_000;
    /// <summary>Files and spoken pieces that one play content may come to: three times the longest element of type 1, over half an hour of speech.</summary>
    public const int PlayPiecesMax = 3_000;
    /// <summary>Bytes of the sound that a speech engine may answer: ten minutes at 24 kHz, twice what the longest text takes.</summary>
    public const int SpeechSoundBytesMax = 32 * 1024 * 1024;
    /// <summary>Bytes of a speech engine's complaint that are read: a line or two, for the message.</summary>
    public const int SpeechComplaintBytesMax = 4 * 1024;
}
