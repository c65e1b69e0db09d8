namespace Cti.Sip.Message;

/// <summary>One header field: slices of the buffer that the message was read from, or bytes of our own.</summary>
public readonly struct SipHeader
{
    internal SipHeader(HeaderId id, ReadOnlyMemory<byte> name, ReadOnlyMemory<byte> value)
    {
        Id = id;
        NameBytes = name;
        ValueBytes = value;
    }

    /// <summary>Which it is; <see cref="HeaderId.Unknown"/> for names without a number.</summary>
    public HeaderId Id { get; }

    /// <summary>The name as it was written, maybe compact.</summary>
    public ReadOnlyMemory<byte> NameBytes { get; }

    /// <summary>The value without surrounding white space, folding undone.</summary>
    public ReadOnlyMemory<byte> ValueBytes { get; }

    /// <summary>The canonical name, or as it was written where unknown. Allocates.</summary>
    public string Name => Ascii.Text((Id == HeaderId.Unknown ? NameBytes : HeaderNames.Of(Id)).Span);

    /// <summary>The value as text. Allocates.</summary>
    public string Value => Ascii.Text(ValueBytes.Span);
}
