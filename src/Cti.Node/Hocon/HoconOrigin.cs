using System.Globalization;

namespace Cti.Node.Hocon;

/// <summary>Where a value was written.</summary>
/// <param name="Source">A file's path, or the name of what is not a file: <c>environment variable CTI_AREA</c>, <c>--set cti.area</c>.</param>
/// <param name="Line">From 1; 0 where the source has no lines.</param>
/// <param name="Column">From 1, in characters; 0 where the source has no lines.</param>
public readonly record struct HoconOrigin(string Source, int Line, int Column)
{
    /// <summary><c>file:line:column</c>, or the source alone where it has no lines.</summary>
    public override string ToString() =>
        Line == 0 ? Source : string.Create(CultureInfo.InvariantCulture, $"{Source}:{Line}:{Column}");
}

/// <summary>A configuration text that cannot be read: where, what is wrong, and what would be right.</summary>
/// <param name="origin">Where.</param>
/// <param name="problem">What is wrong and what would be right, without the place.</param>
public sealed class HoconException(HoconOrigin origin, string problem) : Exception($"{origin}: {problem}")
{
    /// <summary>Where.</summary>
    public HoconOrigin Origin { get; } = origin;

    /// <summary>The message without the place.</summary>
    public string Problem { get; } = problem;
}
