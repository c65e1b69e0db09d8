using System.Runtime.InteropServices;
using Cti.Media.Native;

namespace Cti.Media.Codecs.Native;

/// <summary>What is used of libopus (1.1 and newer). Its states lie in memory of ours, so nothing has to be given back.</summary>
internal static unsafe partial class Opus
{
    public const int ApplicationVoip = 2048;
    public const int SetBitrate = 4002;
    public const int SetMaxBandwidth = 4004;
    public const int SetComplexity = 4010;
    public const int SetInbandFec = 4012;
    public const int SetPacketLossPercent = 4014;
    public const int SetDtx = 4016;
    public const int SetSignal = 4024;
    public const int ResetState = 4028;
    public const int SignalVoice = 3001;
    public const int BandwidthNarrow = 1101;
    public const int BandwidthMedium = 1102;
    public const int BandwidthWide = 1103;
    public const int BandwidthSuperWide = 1104;
    public const int BandwidthFull = 1105;

    [LibraryImport(LoadedLibraries.Opus, EntryPoint = "opus_encoder_get_size")]
    public static partial int EncoderSize(int channels);

    [LibraryImport(LoadedLibraries.Opus, EntryPoint = "opus_encoder_init")]
    public static partial int EncoderInit(void* state, int rate, int channels, int application);

    /// <summary>Variadic in C; on the platforms of this product one integer is passed as in any call.</summary>
    [LibraryImport(LoadedLibraries.Opus, EntryPoint = "opus_encoder_ctl")]
    public static partial int EncoderControl(void* state, int request, int value);

    [LibraryImport(LoadedLibraries.Opus, EntryPoint = "opus_encode")]
    public static partial int Encode(void* state, short* samples, int frameSamples, byte* data, int dataBytesMax);

    [LibraryImport(LoadedLibraries.Opus, EntryPoint = "opus_decoder_get_size")]
    public static partial int DecoderSize(int channels);

    [LibraryImport(LoadedLibraries.Opus, EntryPoint = "opus_decoder_init")]
    public static partial int DecoderInit(void* state, int rate, int channels);

    [LibraryImport(LoadedLibraries.Opus, EntryPoint = "opus_decoder_ctl")]
    public static partial int DecoderControl(void* state, int request, int value);

    [LibraryImport(LoadedLibraries.Opus, EntryPoint = "opus_decode")]
    public static partial int Decode(void* state, byte* data, int dataBytes, short* samples, int frameSamples, int decodeFec);
}
