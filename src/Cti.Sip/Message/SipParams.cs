using System.Buffers;
using System.Text;

namespace Cti.Sip.Message;

/// <summary>One <c>;name=value</c>.</summary>
public readonly record struct SipParam
{
    private readonly object? _kept;

    /// <summary>Makes one.</summary>
    /// <param name="name">The name.</param>
    /// <param name="value">The value without quotes; null for a flag.</param>
    public SipParam(string name, string? value)
    {
        Name = name;
        _kept = value;
    }

    internal SipParam(string name, string value, string raw)
    {
        Name = name;
        _kept = new Odd(value, raw);
    }

    /// <summary>As it was written.</summary>
    public string Name { get; }

    /// <summary>Without quotes and their escapes; null for a flag.</summary>
    public string? Value => _kept as string ?? (_kept as Odd)?.Value;

    /// <summary>The value letter for letter, where it would not be written again as it came: quoted, or with letters that no token has.</summary>
    internal string? Raw => (_kept as Odd)?.Raw;

    /// <summary>Rare enough for an object of its own: parameters are read with every message.</summary>
    private sealed record Odd(string Value, string Raw);
}

/// <summary>Parameters of a header value or URI, in order. Names are compared without regard to case.</summary>
public readonly struct SipParams
{
    private static readonly string[] Known =
        ["tag", "branch", "rport", "received", "lr", "transport", "user", "expires", "q", "maddr", "ttl", "method", "cause", "text", "refresher",
            "reason", "ob"];

    private static readonly SearchValues<char> BareChars =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.!%*_+`'~[]:/@");

    private readonly SipParam[]? _items;

    internal SipParams(SipParam[]? items) => _items = items;

    /// <summary>All of them, in order.</summary>
    public ReadOnlySpan<SipParam> Items => _items;

    /// <summary>How many there are.</summary>
    public int Count => _items?.Length ?? 0;

    /// <summary>The value; null when it is missing or a flag.</summary>
    public string? this[string name] => TryGet(name, out var value) ? value : null;

    /// <summary>Whether the parameter stands there, with or without a value.</summary>
    public bool Has(string name) => TryGet(name, out _);

    /// <summary>The value as it was written, with its quotes: what is compared as text and given back.</summary>
    internal string? Raw(string name)
    {
        foreach (ref readonly var item in Items)
        {
            if (item.Name.Equals(name, StringComparison.OrdinalIgnoreCase)) return item.Raw ?? item.Value;
        }
        return null;
    }

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
            text.Append('=').Append(item.Raw ?? (IsBare(item.Value) ? item.Value : SipLexer.Quote(item.Value)));
        }
    }

    private static bool IsBare(string value) => value.Length > 0 && !value.AsSpan().ContainsAnyExcept(BareChars);

    /// <summary>
    /// Reads <c>*(SEMI generic-param)</c>; false when one is malformed. Stops before what is not a parameter. Empty ones are passed over, and values of
    /// other letters than the grammar has are taken as they are.
    /// </summary>
    /// <param name="lexer">Where.</param>
    /// <param name="result">Those that are there.</param>
    /// <param name="single">Nothing can follow (From, To): a value goes to the next semicolon, whatever is in it.</param>
    internal static bool TryRead(ref SipLexer lexer, out SipParams result, bool single = false)
    {
        result = default;
        SipParam[]? items = null;
        var count = 0;
        while (lexer.TakeSeparator(';'))
        {
            var name = lexer.Until(";=,<> \t\""u8);
            if (name.IsEmpty)
            {
                if (lexer.AtEnd || lexer.Peek is (byte)';' or (byte)',') continue;
                return false;
            }
            string? value = null;
            string? raw = null;
            if (lexer.TakeSeparator('='))
            {
                var start = lexer.Position;
                if (lexer.Peek == '"')
                {
                    if (!lexer.TryQuoted(out var inner)) return false;
                    value = SipLexer.Unquote(inner);
                    raw = Ascii.Text(lexer.Since(start));
                }
                else
                {
                    value = Ascii.Text(single ? Ascii.Trim(lexer.Until(";"u8)) : lexer.Until(";,<> \t\""u8));
                    if (!IsBare(value)) raw = value;
                }
            }
            items ??= new SipParam[2];
            if (count == items.Length) Array.Resize(ref items, count * 2);
            items[count++] = raw is null ? new SipParam(InternName(name), value) : new SipParam(InternName(name), value!, raw);
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
