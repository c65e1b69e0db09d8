using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using Cti.Calls.Call;
using Cti.Calls.Resources;
using Cti.Media;
using Cti.Media.Codecs;
using Cti.Media.Srtp;
using Cti.Sip.Sdp;

namespace Cti.Actors.MediaNode;

/// <summary>Between what SDP agreed on and what the media side is told, and back.</summary>
internal static class MediaDescriptions
{
    private static readonly (string, AudioCodec)[] Codecs = [(AudioNames.Pcmu, AudioCodec.Pcmu), (AudioNames.Pcma, AudioCodec.Pcma),
        (AudioNames.G722, AudioCodec.G722), (AudioNames.Opus, AudioCodec.Opus)];

    public static MediaDescription From(NegotiatedAudio audio, FarEnd farEnd) => new(
        new IPEndPoint(IPAddress.Parse(audio.RemoteAddress), audio.RemotePort),
        new IPEndPoint(IPAddress.Parse(audio.RemoteRtcpAddress), audio.RemoteRtcpPort),
        CodecOf(audio.Codec),
        audio.PayloadType, audio.TelephoneEventPayloadType, audio.Send, audio.Receive)
    {
        AlsoReceived = Others(audio), FarEnd = farEnd, Srtp = KeysOf(audio.Keys), NoisePayloadType = NoiseOf(audio), Sending = FormatOf(audio.Wishes),
        EventClockPerMilli = audio.EventClock > 0 ? audio.EventClock / 1000 : CodecOf(audio.Codec).ClockPerMilli(),
    };

    private static SendFormat FormatOf(SendingWishes? wishes) =>
        wishes is null ? SendFormat.Default : new SendFormat(wishes.PacketMillis, wishes.PlaybackRate, wishes.UsesFec, wishes.UsesDtx);

    /// <summary>What else may come. A text that another version wrote may name what this one does not know: that is left out.</summary>
    private static ImmutableArray<ReceivedFormat> Others(NegotiatedAudio audio)
    {
        var others = ImmutableArray.CreateBuilder<ReceivedFormat>();
        foreach (var (type, name) in Kept(audio))
        {
            if (TryCodec(name, out var codec)) others.Add(new ReceivedFormat(type, codec));
            else if (audio.TelephoneEventPayloadType < 0) continue;
            else if (name.Equals("telephone-event", StringComparison.OrdinalIgnoreCase)) others.Add(new ReceivedFormat(type, null));
            else if (name.Equals("telephone-event/48000", StringComparison.OrdinalIgnoreCase)) others.Add(new ReceivedFormat(type, null, 48));
        }
        return others.DrainToImmutable();
    }

    private static int NoiseOf(NegotiatedAudio audio)
    {
        foreach (var (type, name) in Kept(audio))
        {
            if (name == AudioNames.ComfortNoise) return type;
        }
        return -1;
    }

    private static IEnumerable<(int PayloadType, string Name)> Kept(NegotiatedAudio audio)
    {
        foreach (var format in audio.AlsoReceived?.Split(',') ?? [])
        {
            var blank = format.IndexOf(' ', StringComparison.Ordinal);
            if (blank < 0 || !byte.TryParse(format.AsSpan(0, blank), NumberStyles.None, CultureInfo.InvariantCulture, out var type) || type > 127) continue;
            yield return (type, format[(blank + 1)..]);
        }
    }

    private static SrtpKeys? KeysOf(StreamKeys? keys) =>
        keys is null ? null : new SrtpKeys(KeyOf(keys.Local)!, KeyOf(keys.Remote)) { IdentifierBytes = keys.Remote?.IdentifierBytes ?? 0 };

    private static SrtpKey? KeyOf(CryptoKey? key) => key is null ? null : SrtpKey.Parse(SuiteOf(key.Suite), key.KeyAndSalt);

    /// <summary>The media side's suite of a name.</summary>
    public static SrtpSuite SuiteOf(string name) => name switch
    {
        CryptoSuites.AesCm32 => SrtpSuite.AesCm32,
        CryptoSuites.AesGcm128 => SrtpSuite.AesGcm128,
        CryptoSuites.AesGcm256 => SrtpSuite.AesGcm256,
        _ => SrtpSuite.AesCm80,
    };

    /// <summary>The media side's codec of a name that was agreed on.</summary>
    public static AudioCodec CodecOf(string name) => TryCodec(name, out var codec) ? codec : AudioCodec.Pcma;

    private static bool TryCodec(string name, out AudioCodec codec)
    {
        foreach (var (known, one) in Codecs)
        {
            codec = one;
            if (name.Equals(known, StringComparison.OrdinalIgnoreCase)) return true;
        }
        codec = default;
        return false;
    }

    public static ResourceCommand? ToCommand(MediaEvent happened) => happened switch
    {
        PlayEnded ended => new PlayFinished(ended.Action, ToEnd(ended.Outcome), ended.Detail),
        RecordStarted started => new RecordBegan(started.Action),
        RecordEnded ended => new RecordFinished(ended.Action, ToEnd(ended.Outcome), ended.Detail),
        SendKeysEnded ended => new KeysSent(ended.Action, ToEnd(ended.Outcome)),
        KeyPressed pressed => From(pressed),
        Cti.Media.Session.Mix.BridgeEnded ended => new BridgeFinished(ended.Action, ToEnd(ended.Outcome), null),
        MediaInactive => new MediaLost(),
        _ => null,
    };

    /// <summary>A key with what it is known by, wherever the rest of it is heard.</summary>
    public static KeyArrived From(KeyPressed pressed) => new(pressed.Key)
    {
        Press = pressed.Event is { } happened ? new KeyPress(happened.Ssrc, happened.Timestamp) : null,
    };

    private static MediaEnd ToEnd(MediaOutcome outcome) => outcome switch
    {
        MediaOutcome.Completed => MediaEnd.Completed,
        MediaOutcome.Stopped => MediaEnd.Stopped,
        MediaOutcome.NotFound => MediaEnd.NotFound,
        MediaOutcome.Unsupported => MediaEnd.Unsupported,
        _ => MediaEnd.Failed,
    };
}
