namespace Cti.Node.Hocon;

/// <summary>
/// A configuration put together from several texts, later ones on top, and resolved as one: a substitution in the first text sees what the last one set.
/// </summary>
/// <param name="files">Where <c>include</c> and <see cref="AddFile"/> read; null: nowhere.</param>
/// <param name="environment">Answers <c>${NAME}</c> that is no key; null: no variables.</param>
public sealed class HoconDocument(IHoconFiles? files = null, Func<string, string?>? environment = null)
{
    private readonly ObjectNode _root = new(new HoconOrigin("configuration", 0, 0));
    private readonly HoconInclusion _inclusion = new(files ?? NoHoconFiles.Instance);

    /// <summary>Adds a text; <paramref name="source"/> is its name in origins, and the file that includes are relative to.</summary>
    /// <exception cref="HoconException">It cannot be read.</exception>
    public HoconDocument AddText(string text, string source)
    {
        HoconParser.ParseInto(_root, text, source, _inclusion, [], 0);
        return this;
    }

    /// <summary>Adds a file, by its full path.</summary>
    /// <exception cref="HoconException">It is missing or cannot be read.</exception>
    public HoconDocument AddFile(string path)
    {
        _inclusion.Start(_root, path);
        return this;
    }

    /// <summary>
    /// Sets one key, as a shell does: a value that starts with <c>[</c>, <c>{</c> or <c>"</c> is HOCON, any other is taken literally, so that URLs need no
    /// quotes.
    /// </summary>
    /// <param name="path">Plain names joined by dots.</param>
    /// <param name="value">The value.</param>
    /// <param name="source">Its name in origins.</param>
    /// <exception cref="HoconException">The value cannot be read.</exception>
    public HoconDocument Set(string path, string value, string source)
    {
        var origin = new HoconOrigin(source, 0, 0);
        List<string> elements = [.. path.Split('.')];
        if (elements.Count > HoconLimits.DepthMax || elements.Contains(""))
            throw new HoconException(origin, $"{path} is not a key; a key is names joined by single dots");
        var node = value.Length > 0 && value[0] is '[' or '{' or '"'
            ? HoconParser.ParseValue(value, source, _inclusion, elements)
            : new LiteralNode(new HoconScalar(value, value == "null" ? HoconScalarKind.Null : HoconScalarKind.Text, origin));
        var target = _root;
        foreach (var element in elements.Take(elements.Count - 1)) target = target.GetOrAdd(element).OpenObject(origin);
        target.GetOrAdd(elements[^1]).Push(node);
        return this;
    }

    /// <summary>Works out all substitutions.</summary>
    /// <exception cref="HoconException">One has no value, or they run in a circle.</exception>
    public HoconObject Resolve() => new HoconResolver(_root, environment ?? (_ => null)).Resolve();
}
