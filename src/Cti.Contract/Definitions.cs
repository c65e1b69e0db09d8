using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using System.Text;

namespace Cti.Contract;

/// <summary>What kind of value a parameter takes; decides how it is read, checked and documented.</summary>
public enum ParameterKind
{
    /// <summary>Any string.</summary>
    Text,
    /// <summary>A resource's id; one that names nothing is 404 (or false), not a fault of the parameter.</summary>
    ResourceId,
    /// <summary>A caller: a SIP URI or a bare number.</summary>
    CallerUri,
    /// <summary>One or more SIP URIs with a user part: a string or a list of strings.</summary>
    TargetUris,
    /// <summary>Where a redirected caller is sent: the user part may be left out.</summary>
    RedirectUri,
    /// <summary>A string of DTMF keys out of <see cref="ParameterDefinition.Alphabet"/>.</summary>
    Keys,
    /// <summary>A file to play, under the media root; names joined by <c>|</c> play in order.</summary>
    PlayFile,
    /// <summary>A file to record to, under the record root.</summary>
    RecordFile,
    /// <summary>Play content: a string or a list of <c>[content, type, options]</c>.</summary>
    Content,
    /// <summary>A 32-bit integer between <see cref="ParameterDefinition.Min"/> and <see cref="ParameterDefinition.Max"/>.</summary>
    Int32,
    /// <summary>A 64-bit integer between <see cref="ParameterDefinition.Min"/> and <see cref="ParameterDefinition.Max"/>.</summary>
    Int64,
    /// <summary>A JSON boolean; 0 and 1 are refused, because JSON has a type for it.</summary>
    Boolean,
    /// <summary>A recording format's number in the table of the generation.</summary>
    RecordFormat,
    /// <summary>A recording format's number in the older generation's table, whichever generation is spoken.</summary>
    RecordFormatV1,
    /// <summary>One of <see cref="ParameterDefinition.Choices"/>.</summary>
    Choice,
    /// <summary>SIP header fields: an object of names (one's own and <see cref="ParameterDefinition.Choices"/>) and values. By name only.</summary>
    Headers,
    /// <summary>Samples a second of a recording: 8000 or 16000. By name only.</summary>
    RecordRate,
}

/// <summary>One parameter of a method.</summary>
/// <param name="Name">The contract's name; the key in <see cref="RpcArguments"/>.</param>
/// <param name="Kind">What it takes.</param>
/// <param name="Doc">What it is for, a sentence or two.</param>
public sealed record ParameterDefinition(string Name, ParameterKind Kind, string Doc)
{
    /// <summary>Whether it must be given.</summary>
    public bool Required { get; init; }

    /// <summary>Whether null is one of its values; given, it is the default (for files and keys <c>""</c> is the same).</summary>
    public bool Nullable { get; init; }

    /// <summary>The default in the present generation, as it stands in <see cref="RpcArguments"/>.</summary>
    public object? Default { get; init; }

    /// <summary>Smallest integer.</summary>
    public long Min { get; init; }

    /// <summary>Largest integer; of a <see cref="ParameterKind.Text"/> the most characters, 0: only the request's size bounds it.</summary>
    public long Max { get; init; }

    /// <summary>The keys that a <see cref="ParameterKind.Keys"/> string may have.</summary>
    public string Alphabet { get; init; } = Catalogue.DtmfKeys;

    /// <summary>Of a <see cref="ParameterKind.ResourceId"/> that names another resource than the one that the method acts on: that one's module.</summary>
    public string? OtherModule { get; init; }

    /// <summary>Whether a string may be empty.</summary>
    public bool EmptyAllowed { get; init; } = true;

    /// <summary>Values of a <see cref="ParameterKind.Choice"/>; names that <see cref="ParameterKind.Headers"/> may have besides one's own.</summary>
    public ImmutableArray<string> Choices { get; init; } = [];

    /// <summary>Other spellings, accepted in both generations; giving two at once is refused.</summary>
    public ImmutableArray<string> Aliases { get; init; } = [];

    /// <summary>The spelling of a generation's documents.</summary>
    public string NameIn(ApiGeneration generation) => Generations.NameOf(Name, generation);

    /// <summary>The default in a generation, as it stands in <see cref="RpcArguments"/>; null for a required parameter.</summary>
    public object? DefaultIn(ApiGeneration generation) => Generations.DefaultOf(Name, Default, generation);

    /// <summary>Whether it is given by name only: it came later than the positions, and a request without it is what it was before.</summary>
    internal bool IsByName => Kind is ParameterKind.Headers or ParameterKind.RecordRate;

    internal byte[] NameUtf8 { get; } = Encoding.UTF8.GetBytes(Name);
}

/// <summary>A type of a result's or an event's field, in the words of JSON Schema.</summary>
public enum FieldType
{
    /// <summary>A string.</summary>
    String,
    /// <summary>An integer.</summary>
    Integer,
    /// <summary>A truth value.</summary>
    Boolean,
    /// <summary>An object.</summary>
    Object,
    /// <summary>A list.</summary>
    Array,
    /// <summary>Nothing: the request was accepted, how it ends an event says.</summary>
    Null,
}

/// <summary>A field of a result or a parameter of an event.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">Its type.</param>
/// <param name="Doc">What it says.</param>
/// <param name="Nullable">Whether it may be null.</param>
public sealed record FieldDefinition(string Name, FieldType Type, string Doc, bool Nullable = false)
{
    /// <summary>The fields of an object, or of a list's objects.</summary>
    public ImmutableArray<FieldDefinition> Fields { get; init; } = [];

    /// <summary>
    /// The types of a list's elements where they are no objects with <see cref="Fields"/>; of a list of lists, those of the inner ones' elements.
    /// </summary>
    public ImmutableArray<FieldType> Elements { get; init; } = [];

    /// <summary>Whether the elements are lists themselves.</summary>
    public bool IsNested { get; init; }

    /// <summary>Whether it may be left out.</summary>
    public bool Optional { get; init; }
}

/// <summary>The shape of a result.</summary>
/// <param name="Type">Its type.</param>
/// <param name="Doc">What it says.</param>
/// <param name="Fields">The fields of an object, or of a list's objects.</param>
public sealed record ResultDefinition(FieldType Type, string Doc, ImmutableArray<FieldDefinition> Fields)
{
    /// <summary>Null: accepted.</summary>
    public static readonly ResultDefinition Accepted = new(FieldType.Null, "Accepted.", []);
}

/// <summary>
/// In which states of their resources methods are allowed. Told by the states themselves, so the documents cannot say anything else than a refusal does.
/// </summary>
public interface IStateTable
{
    /// <summary>The states in which a method is allowed; empty: in every one that such a resource can be in.</summary>
    /// <param name="method">Its full name.</param>
    /// <param name="generation">Through which generation.</param>
    /// <param name="direction">On which calls; a method for one direction alone has the same states for both.</param>
    ImmutableArray<string> AllowedIn(string method, ApiGeneration generation, CallDirection direction);

    /// <summary>The only direction of call that a method is for, or null: on a call of the other direction it is 409 in every state.</summary>
    /// <param name="method">Its full name.</param>
    CallDirection? OnlyDirectionOf(string method);

    /// <summary>Whether there is a state, a direction and a generation in which it is not allowed.</summary>
    /// <param name="method">Its full name.</param>
    bool IsLimited(string method) =>
        Generations.All.Any(generation => Enum.GetValues<CallDirection>().Any(direction => !AllowedIn(method, generation, direction).IsEmpty));
}

/// <summary>One method: all that dispatch, validation, OpenRPC and the documentation know of it.</summary>
/// <param name="Name">Full name, e.g. <c>sys.call.answer</c>.</param>
/// <param name="Doc">What it does.</param>
/// <param name="Parameters">In the contract's order.</param>
/// <param name="Result">What it answers.</param>
public sealed record MethodDefinition(string Name, string Doc, ImmutableArray<ParameterDefinition> Parameters, ResultDefinition Result)
{
    /// <summary>What it acts on: its name up to the last dot.</summary>
    public string Module { get; } = Name[..Name.LastIndexOf('.')];

    /// <summary>What it does there: its name behind the last dot.</summary>
    public string Verb { get; } = Name[(Name.LastIndexOf('.') + 1)..];

    /// <summary>Whether it makes a resource.</summary>
    public bool IsConstruct => Verb == "construct";

    /// <summary>
    /// The parameter that names a second resource, which must be there; null for none, and for a construct, whose parent is looked for where it lives.
    /// </summary>
    public ParameterDefinition? Other { get; } = Name.EndsWith(".construct", StringComparison.Ordinal)
        ? null
        : Parameters.FirstOrDefault(static parameter => parameter.OtherModule is not null);

    /// <summary>Whether it changes something, so that a repeat with the same UUID must answer the first one's result.</summary>
    public bool Changes { get; init; }

    /// <summary>Whether it needs an administrator's key.</summary>
    public bool AdminOnly { get; init; }

    /// <summary>Codes of <see cref="Cti.Kernel.ErrorCodes"/> that it may answer besides those of every method.</summary>
    public ImmutableArray<int> Errors { get; init; } = [];

    /// <summary>There is one of each name.</summary>
    public bool Equals(MethodDefinition? other) => ReferenceEquals(this, other);

    /// <inheritdoc/>
    public override int GetHashCode() => RuntimeHelpers.GetHashCode(this);

    /// <summary>The parameters that an array may give, in order; the others go by name only.</summary>
    public ImmutableArray<ParameterDefinition> PositionsIn(ApiGeneration generation)
    {
        if (_positions.TryGetValue(generation, out var known)) return known;
        ImmutableArray<ParameterDefinition> order = Generations.PositionsOf(Name, generation) is { } names
            ? [.. names.Select(name => Parameters.Single(p => p.Name == name))]
            : [.. Parameters.Where(static parameter => !parameter.IsByName)];
        return _positions.GetOrAdd(generation, order);
    }

    private readonly ConcurrentDictionary<ApiGeneration, ImmutableArray<ParameterDefinition>> _positions = new();
}

/// <summary>One event.</summary>
/// <param name="Name">Full name, e.g. <c>sys.call.on_ringing</c>.</param>
/// <param name="Doc">When it is sent.</param>
/// <param name="Parameters">What it carries.</param>
public sealed record EventDefinition(string Name, string Doc, ImmutableArray<FieldDefinition> Parameters)
{
    /// <summary>What its <c>meta.media</c> is, or null where it has none.</summary>
    public string? Media { get; init; }
}
