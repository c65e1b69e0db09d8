using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;

namespace Cti.Node.Hocon;

/// <summary>A resolved value: nothing in it is left to substitute.</summary>
/// <param name="Origin">Where it was written.</param>
public abstract record HoconValue(HoconOrigin Origin)
{
    /// <summary>How an operator would call it: "an object", "a list", "a string"...</summary>
    public abstract string KindName { get; }

    /// <summary>Levels below and with this one, at most <see cref="HoconLimits.ResolveDepthMax"/>.</summary>
    internal virtual int Depth => 1;
}

/// <summary>What a scalar was written as. Strings convert to whatever a key asks for, so only null is treated apart.</summary>
public enum HoconScalarKind
{
    /// <summary>Text, quoted or not.</summary>
    Text,
    /// <summary>A JSON number.</summary>
    Number,
    /// <summary><c>true</c> or <c>false</c>.</summary>
    Boolean,
    /// <summary><c>null</c>: explicitly not set.</summary>
    Null,
}

/// <summary>A string, number, boolean or null.</summary>
/// <param name="Text">The text as written; of a quoted string what it stands for.</param>
/// <param name="Kind">What it was written as.</param>
/// <param name="Origin">Where it was written.</param>
public sealed record HoconScalar(string Text, HoconScalarKind Kind, HoconOrigin Origin) : HoconValue(Origin)
{
    /// <inheritdoc/>
    public override string KindName => Kind switch
    {
        HoconScalarKind.Number => "a number",
        HoconScalarKind.Boolean => "a boolean",
        HoconScalarKind.Null => "null",
        _ => "a string",
    };
}

/// <summary>A list.</summary>
/// <param name="Items">Its elements in order.</param>
/// <param name="Origin">Where it was written.</param>
public sealed record HoconArray(ImmutableArray<HoconValue> Items, HoconOrigin Origin) : HoconValue(Origin)
{
    /// <inheritdoc/>
    public override string KindName => "a list";

    internal override int Depth { get; } = 1 + (Items.IsEmpty ? 0 : Items.Max(item => item.Depth));
}

/// <summary>An object. Fields keep the order in which they were first written.</summary>
public sealed record HoconObject : HoconValue
{
    private readonly Dictionary<string, HoconValue> _fields;

    /// <summary>Takes the fields over.</summary>
    internal HoconObject(IEnumerable<KeyValuePair<string, HoconValue>> fields, HoconOrigin origin) : base(origin)
    {
        Fields = [.. fields];
        _fields = new Dictionary<string, HoconValue>(Fields, StringComparer.Ordinal);
        Depth = 1 + (Fields.IsEmpty ? 0 : Fields.Max(field => field.Value.Depth));
    }

    /// <summary>The fields in the order in which they were first written.</summary>
    public ImmutableArray<KeyValuePair<string, HoconValue>> Fields { get; }

    /// <inheritdoc/>
    public override string KindName => "an object";

    internal override int Depth { get; }

    /// <summary>The field called <paramref name="key"/>, which is one name and not a path.</summary>
    public bool TryGet(string key, [NotNullWhen(true)] out HoconValue? value) => _fields.TryGetValue(key, out value);

    /// <summary>The value at a dotted path of plain names, or null.</summary>
    public HoconValue? Find(string path)
    {
        HoconValue? at = this;
        foreach (var key in path.Split('.'))
        {
            if (at is not HoconObject inner || !inner.TryGet(key, out at)) return null;
        }
        return at;
    }
}
