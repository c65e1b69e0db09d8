using System.Collections.Immutable;

namespace Cti.Contract;

/// <summary>
/// The arguments of one request after validation: every parameter of the method has a value of its declared type, or null where that is allowed.
/// Values are <see cref="string"/>, <see cref="int"/>, <see cref="long"/>, <see cref="bool"/>, <see cref="ImmutableArray{T}"/> of string, or
/// <see cref="PlayContent"/>.
/// </summary>
public sealed class RpcArguments(IReadOnlyDictionary<string, object?> values)
{
    /// <summary>All, by name.</summary>
    public IReadOnlyDictionary<string, object?> Values { get; } = values;

    /// <summary>Whether the method has such a parameter.</summary>
    public bool Has(string name) => Values.ContainsKey(name);

    /// <summary>A string that must be there.</summary>
    public string String(string name) => (string)Values[name]!;

    /// <summary>A string or null.</summary>
    public string? OptionalString(string name) => (string?)Values[name];

    /// <summary>An integer that must be there.</summary>
    public int Int32(string name) => (int)Values[name]!;

    /// <summary>An integer or null.</summary>
    public int? OptionalInt32(string name) => (int?)Values[name];

    /// <summary>A 64-bit integer (Unix seconds).</summary>
    public long Int64(string name) => (long)Values[name]!;

    /// <summary>A truth value.</summary>
    public bool Boolean(string name) => (bool)Values[name]!;

    /// <summary>A list of strings (a single string arrives as a list of one).</summary>
    public ImmutableArray<string> Strings(string name) => (ImmutableArray<string>)Values[name]!;

    /// <summary>Header fields, a line each; null for none, and where the request came from a node that does not know the parameter.</summary>
    public string? HeaderLines(string name) =>
        Values.GetValueOrDefault(name) is ImmutableArray<string> { IsDefaultOrEmpty: false } lines ? string.Join('\n', lines) : null;

    /// <summary>Play content or null.</summary>
    public PlayContent? Content(string name) => (PlayContent?)Values[name];
}

/// <summary>Play content as parsed from a request, in order (names joined by <c>|</c> are elements of their own).</summary>
/// <param name="Elements">From a list of at most 30; none when all elements of the list were of a negative type, which are left out.</param>
public sealed record PlayContent(ImmutableArray<PlayElement> Elements);

/// <summary>One element of play content.</summary>
/// <param name="Type">The contract's number: 0 file, 1 digits, … 10 text to speech. A file name of a joined list is a type 0 element of its own.</param>
/// <param name="Text">The content as text, a number without an exponent.</param>
/// <param name="Options">The option string, "" when none.</param>
public sealed record PlayElement(int Type, string Text, string Options)
{
    /// <summary>The type of a file.</summary>
    public const int TypeFile = 0;
}
