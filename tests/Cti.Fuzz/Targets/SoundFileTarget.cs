using System.Buffers.Binary;
using System.Text;
using Cti.Kernel;
using Cti.Media.Files;

namespace Cti.Fuzz.Targets;

/// <summary>
/// Sound files: any bytes are a prompt of bounded length or an <see cref="UnsupportedSoundException"/>. What is left to libsndfile is refused here: its code is
/// not under test.
/// </summary>
public sealed class SoundFileTarget : IFuzzTarget
{
    private static readonly SoundLibrary None = new("cti-fuzz-no-such-library.so");

    public string Name => "sound";

    public IEnumerable<byte[]> Seeds =>
    [
        Riff("RIFF", Format(1, 16, 2), Chunk("data", Tone(64))),
        Riff("RIFF", Chunk("LIST", [.. "INFOx"u8]), Format(1, 24, 4), Chunk("data", Tone(64))),
        Riff("RIFF", Format(0xFFFE, 32, 4, [22, 0, 24, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71]),
            Chunk("data", Tone(64))),
        Riff("RF64", Chunk("ds64", [.. BitConverter.GetBytes(200L), .. BitConverter.GetBytes(64L), .. BitConverter.GetBytes(32L), 0, 0, 0, 0]), Format(6, 8, 1),
            Chunk("data", Tone(64), uint.MaxValue)),
        Riff("RIFF", Format(3, 32, 4), Chunk("data", Tone(64), 0)),
        Riff("RIFF", Format(0x55, 0, 1), Chunk("data", Frames(2))),
        Aiff(),
        Frames(3),
        [.. new byte[100], .. Frames(3)],
        [.. "ID3"u8, 4, 0, 0, 0, 0, 0, 10, .. new byte[10], .. Frames(2), .. "TAG"u8, .. new byte[125]],
    ];

    public void Run(ReadOnlySpan<byte> input)
    {
        var bytes = input.ToArray();
        if (MpegFrame.IndexOfFirst(bytes) is var at && (at < -1 || at >= Math.Max(1, bytes.Length)))
            throw new InvalidOperationException($"a frame at {at} of {bytes.Length}");
        foreach (var extension in (string[])[".wav", ".vox"])
        {
            try
            {
                var prompt = SoundFile.Decode(extension, bytes, None);
                // The lowest rate that is taken is an eighth of ours, and a sample has at least one bit's byte.
                if (prompt.Samples > Limits.PromptSamplesMax || prompt.Samples > 8L * bytes.Length + 64)
                    throw new InvalidOperationException($"{bytes.Length} bytes became {prompt.Samples} samples");
                prompt.Encoded(Media.AudioCodec.Pcmu);
            }
            catch (UnsupportedSoundException refusal)
            {
                if (refusal.Message.Length == 0) throw new InvalidOperationException("a refusal without a reason", refusal);
            }
        }
    }

    private static byte[] Tone(int length) => [.. Enumerable.Range(0, length).Select(static i => (byte)(i * 37))];

    private static byte[] Chunk(string name, byte[] body, uint? size = null) =>
        [.. Encoding.ASCII.GetBytes(name), .. BitConverter.GetBytes(size ?? (uint)body.Length), .. body];

    private static byte[] Format(int tag, int bits, int align, byte[]? more = null) =>
        Chunk("fmt ", [.. BitConverter.GetBytes((short)tag), 1, 0, .. BitConverter.GetBytes(16_000), .. BitConverter.GetBytes(16_000 * align),
            .. BitConverter.GetBytes((short)align), .. BitConverter.GetBytes((short)bits), .. more ?? []]);

    private static byte[] Riff(string name, params byte[][] chunks) => Chunk(name, [.. "WAVE"u8, .. chunks.SelectMany(static chunk => chunk)]);

    /// <summary>Frames of 64 kbit/s and 8 kHz (MPEG 2.5, layer III) without sound in them.</summary>
    private static byte[] Frames(int count)
    {
        const uint Header = 0xFFE3_88C0;
        var frame = new byte[MpegFrame.Length(Header)];
        BinaryPrimitives.WriteUInt32BigEndian(frame, Header);
        return [.. Enumerable.Repeat(frame, count).SelectMany(static one => one)];
    }

    private static byte[] Aiff() =>
    [
        .. "FORM"u8, 0, 0, 0, 110, .. "AIFFCOMM"u8, 0, 0, 0, 18, 0, 1, 0, 0, 0, 32, 0, 16, 0x40, 0x0B, 0xFA, 0, 0, 0, 0, 0, 0, 0,
        .. "SSND"u8, 0, 0, 0, 72, 0, 0, 0, 0, 0, 0, 0, 0, .. Tone(64),
    ];
}
