namespace Cti.Media.Session;

/// <summary>What a payload type brings in a session.</summary>
internal enum PayloadKind : byte
{
    /// <summary>Nothing that was agreed.</summary>
    Unknown,
    /// <summary>G.711 mu-law.</summary>
    Pcmu,
    /// <summary>G.711 A-law.</summary>
    Pcma,
    /// <summary>Telephone events.</summary>
    Event,
}

/// <summary>What the payload types of a session mean, as a table: one look a packet.</summary>
internal sealed class ReceivedPayloads
{
    private readonly PayloadKind[] _kinds = new PayloadKind[128];

    /// <summary>What that type brings, 0..127.</summary>
    public PayloadKind this[int payloadType] => _kinds[payloadType];

    /// <summary>Takes what was negotiated; what is sent comes first where a number is named twice.</summary>
    public void Configure(MediaDescription description)
    {
        Array.Clear(_kinds);
        foreach (var format in description.AlsoReceived) Set(format.PayloadType, format.Codec);
        Set(description.TelephoneEventPayloadType, null);
        Set(description.PayloadType, description.Codec);
    }

    private void Set(int payloadType, AudioCodec? codec)
    {
        if (payloadType is < 0 or > 127) return;
        _kinds[payloadType] = codec switch
        {
            AudioCodec.Pcmu => PayloadKind.Pcmu,
            AudioCodec.Pcma => PayloadKind.Pcma,
            _ => PayloadKind.Event,
        };
    }
}
