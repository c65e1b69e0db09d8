using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using Cti.Calls.Call;
using Cti.Calls.Resources;
using Cti.Media;
using Cti.Media.Srtp;
using Cti.Sip.Sdp;

namespace Cti.Actors.MediaNode;

/// <summary>Between what SDP agreed on and what the media side is told, and back.</summary>
internal static class MediaDescriptions
{
    public static MediaDescription From(NegotiatedAudio audio, FarEnd farEnd) => new(
        new IPEndPoint(IPAddress.Parse(audio.RemoteAddress), audio.RemotePort),
        new IPEndPoint(IPAddress.Parse(audio.RemoteRtcpAddress), audio.RemoteRtcpPort),
        CodecOf(audio.Codec),
        audio.PayloadType, audio.TelephoneEventPayloadType, audio.Send, audio.Receive)
    {
        AlsoReceived = Others(audio), FarEnd = farEnd, Srtp = KeysOf(audio.Keys),
    };

    /// <summary>What else may come. A text that another version wrote may name what this one does not know: that is left out.</summary>
    private static ImmutableArray<ReceivedFormat> Others(NegotiatedAudio audio)
    {
        if (audio.AlsoReceived is not { } text) return [];
        var others = ImmutableArray.CreateBuilder<ReceivedFormat>();
        foreach (var format in text.Split(','))
        {
            var blank = format.IndexOf(' ', StringComparison.Ordinal);
            if (blank < 0 || !byte.TryParse(format.AsSpan(0, blank), NumberStyles.None, CultureInfo.InvariantCulture, out var type) || type > 127) continue;
            switch (format[(blank + 1)..].ToUpperInvariant())
            {
                case "PCMU": others.Add(new ReceivedFormat(type, AudioCodec.Pcmu)); break;
                case "PCMA": others.Add(new ReceivedFormat(type, AudioCodec.Pcma)); break;
                case "TELEPHONE-EVENT" when audio.TelephoneEventPayloadType >= 0: others.Add(new ReceivedFormat(type, null)); break;
            }
        }
        return others.DrainToImmutable();
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

    public static AudioCodec CodecOf(string name) => name.Equals("PCMU", StringComparison.OrdinalIgnoreCase) ? AudioCodec.Pcmu : AudioCodec.Pcma;

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
    public static KeyArrived From(KeyPressed pressed) => new(pressed.Key) { Press = pressed.Event is { } happened
        ? new KeyPress(happened.Ssrc, happened.Timestamp) : null };

    private static MediaEnd ToEnd(MediaOutcome outcome) => outcome switch
    {
        MediaOutcome.Completed => MediaEnd.Completed,
        MediaOutcome.Stopped => MediaEnd.Stopped,
        MediaOutcome.NotFound => MediaEnd.NotFound,
        MediaOutcome.Unsupported => MediaEnd.Unsupported,
        _ => MediaEnd.Failed,
    };
}
