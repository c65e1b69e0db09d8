using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Cti.Kernel;
using Cti.Sip.Message;

namespace Cti.Sip.Dialog;

/// <summary>
/// Our tag in a dialog, also the user part of our Contact: the resource and 64 random bits, e.g.
/// <c>0.0.7-sys.call-23479873432234-0123456789abcdef</c>. Any node can tell from it whose in-dialog request it got; nobody can guess one.
/// </summary>
/// <param name="Resource">Whose dialog it is.</param>
/// <param name="Secret">64 random bits.</param>
public readonly record struct DialogTag(ResourceId Resource, ulong Secret)
{
    private const int SecretDigits = 16;
    private static readonly SearchValues<char> Digits = SearchValues.Create("0123456789abcdef");

    /// <summary>A tag with fresh random bits.</summary>
    public static DialogTag Create(ResourceId resource, IRandom random) => new(resource, random.NextUInt64());

    /// <summary>The text on the wire: letters, digits, dots and dashes only, so it is a token and a user part as it is.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Resource}-{Secret:x16}");

    /// <summary>Reads the text form; false for a tag or user part that is not one of ours.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out DialogTag tag)
    {
        tag = default;
        if (text is null || text.Length <= SecretDigits + 1 || text[^(SecretDigits + 1)] != '-') return false;
        var digits = text.AsSpan(text.Length - SecretDigits);
        if (digits.ContainsAnyExcept(Digits)) return false;
        if (!ResourceId.TryParse(text[..^(SecretDigits + 1)], out var resource)) return false;
        tag = new DialogTag(resource, ulong.Parse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture));
        return true;
    }

    /// <summary>
    /// Whose an in-dialog request is: its To tag, which must be one of ours, with a Request-URI that, where it is one of ours, says the same.
    /// (A strict router before us may have put its own there.)
    /// </summary>
    public static bool TryFind(SipRequest request, out DialogTag tag)
    {
        if (!TryParse(request.To.Tag, out tag)) return false;
        return !TryParse(request.Uri.User, out var user) || user.Matches(tag);
    }

    /// <summary>Whether both are the same; takes the same time wherever the random bits differ.</summary>
    public bool Matches(DialogTag other)
    {
        var mine = Secret;
        var theirs = other.Secret;
        return CryptographicOperations.FixedTimeEquals(MemoryMarshal.AsBytes(new ReadOnlySpan<ulong>(in mine)),
            MemoryMarshal.AsBytes(new ReadOnlySpan<ulong>(in theirs)))
            && Resource == other.Resource;
    }

    /// <summary>Our Contact: the tag at <paramref name="address"/>, with the transport where it is not UDP.</summary>
    /// <param name="address">Where this node is reached.</param>
    /// <param name="kind">By what.</param>
    /// <param name="isSecure">Whether the dialog is made by a sips request: then every request in it must be (RFC 3261 section 12.1.1).</param>
    public NameAddr ToContact(SipHostPort address, SipTransportKind kind, bool isSecure = false)
    {
        var uri = SipUri.Create(ToString(), address.Host, address.Port, kind switch
        {
            SipTransportKind.Udp => null,
            SipTransportKind.Tcp => ";transport=tcp",
            // What sips says already is not said again (RFC 5630 section 3.1.3).
            _ => isSecure ? null : ";transport=tls",
        });
        return new NameAddr(isSecure && kind == SipTransportKind.Tls ? SipUri.Parse($"sips{uri.Text[3..]}") : uri);
    }
}
