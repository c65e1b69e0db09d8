namespace Cti.Node.Hocon;

/// <summary>Follows includes: relative to the including file, without cycles, within bounds.</summary>
internal sealed class HoconInclusion(IHoconFiles files)
{
    private readonly List<string> _open = [];
    private int _count;
    private long _characters;

    /// <summary>Counts a text against <see cref="HoconLimits.TotalCharactersMax"/>.</summary>
    public void Charge(int characters, HoconOrigin origin)
    {
        _characters += characters;
        if (_characters > HoconLimits.TotalCharactersMax)
            throw new HoconException(origin, $"all files together are larger than {HoconLimits.TotalCharactersMax} characters");
    }

    /// <summary>Reads the first file of a chain.</summary>
    public void Start(ObjectNode root, string path)
    {
        var origin = new HoconOrigin(path, 0, 0);
        var text = Read(path, origin) ?? throw new HoconException(origin, "no such file");
        _open.Add(path);
        HoconParser.ParseInto(root, text, path, this, [], 0);
        _open.RemoveAt(_open.Count - 1);
    }

    /// <summary>
    /// Reads an included file into <paramref name="target"/>, which stands at <paramref name="path"/>. A missing file is nothing, unless required;
    /// with <paramref name="heuristic"/> NAME.conf and NAME.json are tried where NAME is not there.
    /// </summary>
    public void Include(ObjectNode target, string name, bool required, bool heuristic, string from, HoconOrigin at, List<string> path, int depth)
    {
        if (++_count > HoconLimits.IncludesMax) throw new HoconException(at, $"more than {HoconLimits.IncludesMax} includes");
        string[] candidates = heuristic ? [name, name + ".conf", name + ".json"] : [name];
        foreach (var candidate in candidates)
        {
            var full = Resolve(from, candidate, at);
            if (_open.Contains(full))
                throw new HoconException(at, $"{candidate} includes itself: {string.Join(" → ", _open.SkipWhile(f => f != full).Append(full))}");
            if (Read(full, at) is not { } text) continue;
            if (_open.Count >= HoconLimits.IncludeDepthMax) throw new HoconException(at, $"includes nested more than {HoconLimits.IncludeDepthMax} deep");
            _open.Add(full);
            HoconParser.ParseInto(target, text, full, this, [.. path], depth);
            _open.RemoveAt(_open.Count - 1);
            return;
        }
        if (required) throw new HoconException(at, $"no file {Resolve(from, name, at)}; it is included as required");
    }

    private string Resolve(string from, string name, HoconOrigin at)
    {
        try
        {
            return files.Resolve(from, name);
        }
        catch (IOException e)
        {
            throw new HoconException(at, e.Message);
        }
    }

    private string? Read(string path, HoconOrigin at)
    {
        try
        {
            return files.Read(path);
        }
        catch (IOException e)
        {
            throw new HoconException(at, $"cannot read {path}: {e.Message}");
        }
    }
}
