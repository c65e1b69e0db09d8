using System.Collections.Immutable;

namespace Cti.Node.Configuration;

/// <summary>A configuration that a node does not start with.</summary>
/// <param name="problems">Each with its place, key, what is wrong and what would be right; at least one.</param>
public sealed class ConfigurationException(ImmutableArray<string> problems) : Exception(string.Join(Environment.NewLine, problems))
{
    /// <summary>One line each.</summary>
    public ImmutableArray<string> Problems { get; } = problems;
}
