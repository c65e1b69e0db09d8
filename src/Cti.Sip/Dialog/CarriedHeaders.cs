using System.Collections.Immutable;
using System.Text;
using Cti.Kernel;
using Cti.Sip.Message;

namespace Cti.Sip.Dialog;

/// <summary>
/// Header fields that an application adds to a message or hears of one, as text: a line a field, <c>Name: value</c>, in the order of the message.
/// </summary>
public static class CarriedHeaders
{
    /// <summary>Adds them. An asserted identity takes the place of the one that the line asserts.</summary>
    /// <param name="message">A message of ours.</param>
    /// <param name="lines">The fields; null for none.</param>
    public static T With<T>(T message, string? lines)
        where T : SipMessage
    {
        var asserts = false;
        foreach (var (name, value) in Read(lines))
        {
            if (!asserts && name.Equals("P-Asserted-Identity", StringComparison.OrdinalIgnoreCase))
            {
                asserts = true;
                message.Remove(HeaderId.PAssertedIdentity);
            }
            message.Add(name, value);
        }
        return message;
    }

    /// <summary>Names and values of the lines, in their order.</summary>
    public static ImmutableArray<KeyValuePair<string, string>> Read(string? lines)
    {
        if (lines is null) return [];
        var read = ImmutableArray.CreateBuilder<KeyValuePair<string, string>>();
        foreach (var line in lines.Split('\n'))
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon > 0) read.Add(new(line[..colon], line[(colon + 1)..].Trim()));
        }
        return read.ToImmutable();
    }

    /// <summary>
    /// Those of a message that an application wants to hear of; null where it wants none at all. What is beyond <see cref="Limits.HeaderFieldsMax"/> fields or
    /// <see cref="Limits.HeaderCharsMax"/> characters is left out.
    /// </summary>
    /// <param name="message">A message of the far end's.</param>
    /// <param name="wanted">Names; with <c>*</c> at the end the beginnings of names.</param>
    public static string? Of(SipMessage? message, ImmutableArray<string> wanted)
    {
        if (wanted.IsDefaultOrEmpty) return null;
        if (message is null) return "";
        var lines = new StringBuilder();
        var count = 0;
        foreach (ref readonly var header in message.Headers)
        {
            var name = header.Name;
            if (!wanted.Any(pattern => Fits(name, pattern))) continue;
            var value = header.Value;
            if (count == Limits.HeaderFieldsMax || lines.Length + name.Length + value.Length > Limits.HeaderCharsMax) break;
            if (count++ > 0) lines.Append('\n');
            // Folded lines are one already; what else would end a line is none of a value.
            lines.Append(name).Append(": ").Append(value.ReplaceLineEndings(" "));
        }
        return lines.ToString();
    }

    private static bool Fits(string name, string pattern) => pattern.EndsWith('*')
        ? name.AsSpan().StartsWith(pattern.AsSpan(0, pattern.Length - 1), StringComparison.OrdinalIgnoreCase)
        : name.Equals(pattern, StringComparison.OrdinalIgnoreCase);
}
