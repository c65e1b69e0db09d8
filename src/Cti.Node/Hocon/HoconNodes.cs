namespace Cti.Node.Hocon;

/// <summary>A value as parsed, before substitutions.</summary>
internal abstract class HoconNode(HoconOrigin origin)
{
    public HoconOrigin Origin { get; } = origin;
}

/// <summary>A value that stands for itself.</summary>
internal sealed class LiteralNode(HoconValue value) : HoconNode(value.Origin)
{
    public HoconValue Value { get; } = value;
}

/// <summary>
/// An object: for every key the values that were assigned to it, first to last. Nothing is thrown away, because a later value may refer to an earlier one.
/// </summary>
internal sealed class ObjectNode(HoconOrigin origin) : HoconNode(origin)
{
    private readonly Dictionary<string, Slot> _slots = new(StringComparer.Ordinal);

    public List<Slot> Slots { get; } = [];

    public Slot? Find(string key) => _slots.GetValueOrDefault(key);

    public Slot GetOrAdd(string key)
    {
        if (_slots.TryGetValue(key, out var slot)) return slot;
        slot = new Slot(key);
        _slots.Add(key, slot);
        Slots.Add(slot);
        return slot;
    }

    /// <summary>Adds everything of <paramref name="later"/> above what is here.</summary>
    public void MergeFrom(ObjectNode later)
    {
        foreach (var slot in later.Slots)
        {
            var target = GetOrAdd(slot.Key);
            foreach (var layer in slot.Layers) target.Push(layer);
        }
    }
}

/// <summary>One key of an object.</summary>
internal sealed class Slot(string key)
{
    public string Key { get; } = key;

    public List<HoconNode> Layers { get; } = [];

    /// <summary>Assigns a value: an object merges with an object right below it, anything else lies on top.</summary>
    public void Push(HoconNode value)
    {
        if (value is ObjectNode later && Layers.Count > 0 && Layers[^1] is ObjectNode present) present.MergeFrom(later);
        else Layers.Add(value);
    }

    /// <summary>The object on top, made if there is none.</summary>
    public ObjectNode OpenObject(HoconOrigin origin)
    {
        if (Layers.Count > 0 && Layers[^1] is ObjectNode present) return present;
        var made = new ObjectNode(origin);
        Layers.Add(made);
        return made;
    }
}

/// <summary>
/// A node whose value has to be worked out. While that happens it is <see cref="Pending"/>, and a reference that meets it looks at what lies below.
/// </summary>
internal abstract class WorkNode(HoconOrigin origin) : HoconNode(origin)
{
    /// <summary>Place on the resolver's stack, or -1.</summary>
    public int Pending { get; set; } = -1;

    public bool Done { get; set; }

    /// <summary>The outcome once <see cref="Done"/>; null is an optional substitution without a value.</summary>
    public HoconValue? Result { get; set; }
}

/// <summary>A list as written.</summary>
internal sealed class ArrayNode(List<HoconNode> items, HoconOrigin origin) : WorkNode(origin)
{
    public List<HoconNode> Items { get; } = items;
}

/// <summary>Values written one after the other.</summary>
internal sealed class ConcatenationNode(List<HoconNode> pieces, HoconOrigin origin) : WorkNode(origin)
{
    public List<HoconNode> Pieces { get; } = pieces;
}

/// <summary>White space between two pieces: part of a string, nothing between objects or lists.</summary>
internal sealed class SpaceNode(string text, HoconOrigin origin) : HoconNode(origin)
{
    public string Text { get; } = text;
}

/// <summary><c>${path}</c> or <c>${?path}</c>.</summary>
internal sealed class SubstitutionNode(string[] path, int prefix, bool optional, HoconOrigin origin) : WorkNode(origin)
{
    /// <summary>The full path; its first <see cref="Prefix"/> elements are where the text was included.</summary>
    public string[] Path { get; } = path;

    public int Prefix { get; } = prefix;

    public bool Optional { get; } = optional;

    /// <summary>Joined with an object, so it has to be one.</summary>
    public bool ObjectExpected { get; set; }

    /// <summary>For <c>+=</c> in an object inside a list, which no path leads to: the values below.</summary>
    public (Slot Slot, int Count)? Below { get; init; }

    public string Text => (Optional ? "${?" : "${") + HoconPath.Format(Path.AsSpan(Prefix)) + "}";
}
