using System.Text;

namespace Cti.Sip;

/// <summary>One <c>;name=value</c>.</summary>
/// <param name="Name">As it was written.</param>
/// <param name="Value">Without quotes and their escapes; null for a flag.</param>
public readonly record struct SipParam(string Name, string? Value);

/// <summary>Parameters of a header value or URI, in order. Names are compared without regard to case.</summary>
public readonly struct SipParams
{
    private static readonly string[] Known =
        ["tag", "branch", "rport", "received", "lr", "transport", "user", "expires", "q", "maddr", "ttl", "method", "cause", "text", "refresher", "reason", "ob"];

    private readonly SipParam[]? items;

    internal SipParams(SipParam[]? items) => this.items = items;

    /// <summary>All of them, in order.</summary>
    public ReadOnlySpan<SipParam> Items => items;

    /// <summary>How many there are.</summary>
    public int Count => items?.Length ?? 0;

    /// <summary>The value; null when it is missing or a flag.</summary>
    public string? this[string name] => TryGet(name, out var value) ? value : null;

    /// <summary>Whether the parameter stands there, with or without a value.</summary>
    public bool Has(string name) => TryGet(name, out _);

    /// <summary>The first parameter of that name; its value is null for a flag.</summary>
    public bool TryGet(string name, out string? value)
    {
        foreach (ref readonly var item in Items)
        {
            if (!item.Name.Equals(name, StringComparison.OrdinalIgnoreCase)) continue;
            value = item.Value;
            return true;
        }
        value = null;
        return false;
    }

    /// <summary>The same with <paramref name="name"/> set (in its place, or at the end).</summary>
    public SipParams With(string name, string? value)
    {
        var list = new List<SipParam>(Count + 1);
        var found = false;
        foreach (var item in Items)
        {
            var same = item.Name.Equals(name, StringComparison.OrdinalIgnoreCase);
            if (same && found) continue;
            list.Add(same ? new SipParam(item.Name, value) : item);
            found |= same;
        }
        if (!found) list.Add(new SipParam(name, value));
        return new SipParams([.. list]);
    }

    /// <summary>The same without <paramref name="name"/>.</summary>
    public SipParams Without(string name)
    {
        if (!Has(name)) return this;
        var list = new List<SipParam>(Count);
        foreach (var item in Items)
        {
            if (!item.Name.Equals(name, StringComparison.OrdinalIgnoreCase)) list.Add(item);
        }
        return new SipParams([.. list]);
    }

    /// <summary><c>;a=b;c</c>, quoted where needed.</summary>
    public override string ToString()
    {
        if (Count == 0) return "";
        var text = new StringBuilder();
        AppendTo(text);
        return text.ToString();
    }

    internal void AppendTo(StringBuilder text)
    {
        foreach (ref readonly var item in Items)
        {
            text.Append(';').Append(item.Name);
            if (item.Value is null) continue;
            text.Append('=').Append(IsBare(item.Value) ? item.Value : SipLexer.Quote(item.Value));
        }
    }

    private static bool IsBare(string value)
    {
        if (value.Length == 0) return false;
        foreach (var c in value)
        {
            if (c is not ('[' or ']' or ':' or '/' or '@') && !Ascii.IsToken([c])) return false;
        }
        return true;
    }

    /// <summary>Reads <c>*(SEMI generic-param)</c>; false when one is malformed. Stops before what is not a parameter.</summary>
    internal static bool TryRead(ref SipLexer lexer, out SipParams result)
    {
        result = default;
        SipParam[]? items = null;
        var count = 0;
        while (lexer.TakeSeparator(';'))
        {
            if (!lexer.TryToken(out var name)) return false;
            string? value = null;
            if (lexer.TakeSeparator('='))
            {
                if (lexer.Peek == '"')
                {
                    if (!lexer.TryQuoted(out var inner)) return false;
                    value = SipLexer.Unquote(inner);
                }
                else
                {
                    var bare = lexer.Until(";,<> \t\""u8);
                    if (bare.IsEmpty) return false;
                    value = Ascii.Text(bare);
                }
            }
            items ??= new SipParam[2];
            if (count == items.Length) Array.Resize(ref items, count * 2);
            items[count++] = new SipParam(InternName(name), value);
        }
        if (items is not null && count < items.Length) Array.Resize(ref items, count);
        result = new SipParams(items);
        return true;
    }

    private static string InternName(ReadOnlySpan<byte> name)
    {
        foreach (var known in Known)
        {
            if (known.Length == name.Length && System.Text.Ascii.Equals(name, known)) return known;
        }
        return Ascii.Text(name);
    }
}
