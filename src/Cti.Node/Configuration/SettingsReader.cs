using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using Cti.Kernel;
using Cti.Node.Hocon;

namespace Cti.Node.Configuration;

/// <summary>What all sections of one configuration share: the problems found and the keys asked for.</summary>
internal sealed class SettingsJournal
{
    public List<string> Problems { get; } = [];

    /// <summary>Every key that was asked for, with <c>[]</c> for a list's element and <c>NAME</c> for a name of the operator's.</summary>
    public SortedSet<string> Keys { get; } = new(StringComparer.Ordinal);

    public HashSet<string> SecretKeys { get; } = new(StringComparer.Ordinal);

    public void Add(HoconOrigin origin, string key, string problem) => Problems.Add($"{origin}: {key}: {problem}");
}

/// <summary>
/// Reads one object of the configuration, key by key. Every read states what is right, so a bad value can say so; a key that nobody asked for is
/// unknown. After a problem a harmless value is answered, so that all problems show at once.
/// </summary>
internal sealed class SettingsReader(HoconObject? values, string path, string template, SettingsJournal journal, HoconOrigin origin)
{
    private readonly HashSet<string> _asked = new(StringComparer.Ordinal);

    public string Path => path;

    /// <summary>A nested object; where it is missing every key of it counts as not set.</summary>
    public SettingsReader Section(string key)
    {
        var value = Ask(key, leaf: false);
        if (value is null or HoconObject) return new(value as HoconObject, Join(path, key), Join(template, key), journal, value?.Origin ?? origin);
        Bad(key, value, "an object, { ... }");
        // Said once; that each of its keys is missing as well helps nobody.
        return new(null, Join(path, key), Join(template, key), new SettingsJournal(), value.Origin);
    }

    /// <summary>An object that is another's to read; null where it is missing. Its keys are none of ours.</summary>
    public HoconObject? Passed(string key)
    {
        var value = values is not null && values.TryGet(key, out var found) ? found : null;
        _asked.Add(key);
        if (value is not (null or HoconObject)) Bad(key, value, "an object, { ... }");
        return value as HoconObject;
    }

    /// <summary>Whether the key has a value other than null.</summary>
    public bool Has(string key) => Ask(key, leaf: false) is not null;

    public string Text(string key) => TextOrNull(key) ?? Missing(key, "", "a text");

    public string? TextOrNull(string key) => Scalar(key, "a text", text => text);

    public string NonEmpty(string key)
    {
        var text = Scalar(key, "a text that is not empty", text => text.Length > 0 ? text : null);
        return text ?? Missing(key, "?", "a text that is not empty");
    }

    public Secret? SecretOrNull(string key)
    {
        journal.SecretKeys.Add(Join(template, key));
        return Scalar(key, "a text that is not empty", text => text.Length > 0 ? new Secret(text) : null, secret: true);
    }

    public bool Flag(string key) => FlagOrNull(key) ?? Missing(key, false, "true or false");

    public bool? FlagOrNull(string key) => Number<bool>(key, "true or false", text => text switch
    {
        "true" or "yes" or "on" => true,
        "false" or "no" or "off" => false,
        _ => null,
    });

    public int Integer(string key, int min, int max)
    {
        var right = string.Create(CultureInfo.InvariantCulture, $"a whole number {min}..{max}");
        return Number<int>(key, right, text =>
            int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var n) && n >= min && n <= max
                ? n
                : default(int?)) ?? Missing(key, min, right);
    }

    /// <summary>A duration within bounds; with <paramref name="orZero"/> also 0.</summary>
    public TimeSpan Duration(string key, string min, string max, bool orZero = false)
    {
        _ = HoconUnits.TryParseDuration(min, out var least);
        _ = HoconUnits.TryParseDuration(max, out var most);
        var right = $"a duration {min}..{max}{(orZero ? ", or 0" : "")} (units {HoconUnits.DurationUnits}; without one ms)";
        return Number<TimeSpan>(key, right, text =>
            _ = HoconUnits.TryParseDuration(text, out var d) && ((d >= least && d <= most) || (orZero && d == TimeSpan.Zero))
                ? d
                : default(TimeSpan?)) ?? Missing(key, least, right);
    }

    public int Size(string key, string min, string max)
    {
        _ = HoconUnits.TryParseSize(min, out var least);
        _ = HoconUnits.TryParseSize(max, out var most);
        var right = $"a size {min}..{max} (units {HoconUnits.SizeUnits}; without one bytes)";
        return Number<int>(key, right, text =>
            _ = HoconUnits.TryParseSize(text, out var n) && n >= least && n <= most ? (int)n : default(int?)) ?? Missing(key, (int)least, right);
    }

    public T Choice<T>(string key, IReadOnlyList<(string Name, T Value)> choices) where T : struct
    {
        var right = "one of " + string.Join(", ", choices.Select(c => c.Name));
        return Number<T>(key, right, text => Find(choices, text)) ?? Missing(key, choices[0].Value, right);
    }

    private static T? Find<T>(IReadOnlyList<(string Name, T Value)> choices, string text) where T : struct
    {
        foreach (var (name, value) in choices)
        {
            if (string.Equals(name, text, StringComparison.OrdinalIgnoreCase)) return value;
        }
        return null;
    }

    /// <summary>A full path; a relative one counts from the current directory, as a shell user expects.</summary>
    public string FilePath(string key) => FilePathOrNull(key) ?? Missing(key, "/", "a path");

    /// <summary>A full path as <see cref="FilePath"/>, or null.</summary>
    public string? FilePathOrNull(string key) =>
        Scalar(key, "a path", text => text.Length > 0 && !text.Contains('\0', StringComparison.Ordinal) ? System.IO.Path.GetFullPath(text) : null);

    public T? Parsed<T>(string key, string right, Func<string, T?> parse) where T : class => Scalar(key, right, parse);

    public T Required<T>(string key, string right, Func<string, T?> parse, T harmless) where T : class =>
        Scalar(key, right, parse) ?? Missing(key, harmless, right);

    /// <summary>A list of texts; one text alone is a list of one, so that a shell needs no brackets.</summary>
    public ImmutableArray<T> List<T>(string key, string right, Func<string, T?> parse, int min = 0, int max = 1000) where T : class
    {
        var value = Ask(key);
        if (value is null) return min == 0 ? [] : Missing(key, ImmutableArray<T>.Empty, "a list, [...], of " + right);
        if (value is HoconScalar single) value = new HoconArray([single], single.Origin);
        if (value is not HoconArray list)
        {
            Bad(key, value, "a list, [...], of " + right);
            return [];
        }
        if (list.Items.Length < min || list.Items.Length > max)
            journal.Add(value.Origin, Join(path, key), string.Create(CultureInfo.InvariantCulture, $"{list.Items.Length} elements; right is {min}..{max}"));
        var items = ImmutableArray.CreateBuilder<T>(list.Items.Length);
        for (var i = 0; i < list.Items.Length; i++)
        {
            var item = list.Items[i] is HoconScalar { Kind: not HoconScalarKind.Null } scalar ? parse(scalar.Text) : null;
            if (item is null) Bad(key, list.Items[i], right, i);
            else items.Add(item);
        }
        return items.DrainToImmutable();
    }

    /// <summary>A list of objects, and of texts where these say enough.</summary>
    /// <param name="key">Its name.</param>
    /// <param name="read">Reads an object.</param>
    /// <param name="right">What an element has to be.</param>
    /// <param name="parse">Reads a text; null where there are only objects.</param>
    /// <param name="max">How many there may be.</param>
    public ImmutableArray<T> Objects<T>(string key, Func<SettingsReader, T> read, string right = "an object, { ... }", Func<string, T?>? parse = null,
        int max = 1000) where T : class
    {
        var value = Ask(key);
        if (value is null) return [];
        if (value is HoconScalar single && parse is not null) value = new HoconArray([single], single.Origin);
        if (value is not HoconArray list)
        {
            Bad(key, value, parse is null ? "a list of objects, [{ ... }]" : "a list, [...], of " + right);
            return [];
        }
        if (list.Items.Length > max)
            journal.Add(value.Origin, Join(path, key), string.Create(CultureInfo.InvariantCulture, $"{list.Items.Length} elements; right is 0..{max}"));
        var items = ImmutableArray.CreateBuilder<T>(list.Items.Length);
        for (var i = 0; i < list.Items.Length; i++)
        {
            if (list.Items[i] is not HoconObject item)
            {
                var text = list.Items[i] is HoconScalar { Kind: not HoconScalarKind.Null } scalar ? parse?.Invoke(scalar.Text) : null;
                if (text is null) Bad(key, list.Items[i], right, i);
                else items.Add(text);
                continue;
            }
            var reader = new SettingsReader(item, string.Create(CultureInfo.InvariantCulture, $"{Join(path, key)}[{i}]"), Join(template, key) + "[]",
                journal, item.Origin);
            items.Add(read(reader));
            reader.Close();
        }
        return items.DrainToImmutable();
    }

    /// <summary>An object whose keys are names of the operator's.</summary>
    public ImmutableSortedDictionary<string, T> Named<T>(string key, Func<string, SettingsReader, T> read)
    {
        var named = ImmutableSortedDictionary.CreateBuilder<string, T>(StringComparer.Ordinal);
        var value = Ask(key);
        if (value is not (null or HoconObject)) Bad(key, value, "an object, { NAME { ... } }");
        if (value is not HoconObject map) return named.ToImmutable();
        foreach (var (name, field) in map.Fields)
        {
            if (field is HoconScalar { Kind: HoconScalarKind.Null }) continue;
            if (field is not HoconObject item)
            {
                journal.Add(field.Origin, Join(Join(path, key), name), $"{field.KindName}; right is an object, {{ ... }}");
                continue;
            }
            var reader = new SettingsReader(item, Join(Join(path, key), name), Join(template, key) + ".NAME", journal, item.Origin);
            named[name] = read(name, reader);
            reader.Close();
        }
        return named.ToImmutable();
    }

    /// <summary>Reports a value that is right by itself but not beside others.</summary>
    public void Problem(string key, string problem)
    {
        var at = values is not null && values.TryGet(key, out var value) ? value.Origin : origin;
        journal.Add(at, Join(path, key), problem);
    }

    /// <summary>Reports every key that was not asked for.</summary>
    public void Close()
    {
        if (values is null) return;
        foreach (var (key, value) in values.Fields)
        {
            if (_asked.Contains(key)) continue;
            var meant = Nearest.Of(key, _asked);
            journal.Add(value.Origin, Join(path, key), "unknown key; " +
                (meant is not null ? $"{Join(path, meant)} is probably meant" : $"right are here: {string.Join(", ", _asked.Order(StringComparer.Ordinal))}"));
        }
    }

    private HoconValue? Ask(string key, bool leaf = true)
    {
        _asked.Add(key);
        if (leaf) journal.Keys.Add(Join(template, key));
        return values is not null && values.TryGet(key, out var value) && value is not HoconScalar { Kind: HoconScalarKind.Null } ? value : null;
    }

    private T? Scalar<T>(string key, string right, Func<string, T?> parse, bool secret = false) where T : class
    {
        var value = Ask(key);
        if (value is null) return null;
        var parsed = value is HoconScalar scalar ? parse(scalar.Text) : null;
        if (parsed is null) Bad(key, value, right, secret: secret);
        return parsed;
    }

    private T? Number<T>(string key, string right, Func<string, T?> parse) where T : struct
    {
        var value = Ask(key);
        if (value is null) return null;
        var parsed = value is HoconScalar scalar ? parse(scalar.Text) : null;
        if (parsed is null) Bad(key, value, right);
        return parsed;
    }

    /// <summary>A value is missing, unless it is there and bad, which has been said already.</summary>
    private T Missing<T>(string key, T harmless, string right)
    {
        if (Ask(key) is null) journal.Add(origin, Join(path, key), $"not set; right is {right}");
        return harmless;
    }

    private void Bad(string key, HoconValue value, string right, int index = -1, bool secret = false)
    {
        var what = value is HoconScalar { Kind: not HoconScalarKind.Null } scalar && !secret ? $"\"{Short(scalar.Text)}\"" : value.KindName;
        var place = index < 0 ? Join(path, key) : string.Create(CultureInfo.InvariantCulture, $"{Join(path, key)}[{index}]");
        journal.Add(value.Origin, place, $"{what} is wrong; right is {right}");
    }

    private static string Short(string text)
    {
        var line = string.Concat(text.Take(60).Select(c => char.IsControl(c) ? ' ' : c));
        return text.Length > 60 ? line + "…" : line;
    }

    private static string Join(string path, string key) => path.Length == 0 ? key : path + "." + key;
}
