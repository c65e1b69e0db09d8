namespace Cti.Transport.Names;

/// <summary>What may be asked for (RFC 1035 section 2.3.4).</summary>
internal static class DnsName
{
    /// <summary>Whether a text is a name: labels of 1..63 visible ASCII characters, 253 characters at most.</summary>
    public static bool IsName(string name)
    {
        if (name.Length is 0 or > 253) return false;
        foreach (var label in name.Split('.'))
        {
            if (label.Length is 0 or > 63 || label.AsSpan().ContainsAnyExceptInRange('!', '~')) return false;
        }
        return true;
    }
}
