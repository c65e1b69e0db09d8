namespace Cti.Fuzz;

/// <summary>
/// One parser under mutation. Put an implementation with a parameterless constructor anywhere in this assembly (the habit is <c>Targets/</c>)
/// and the runner finds it. Files in <c>corpus/NAME/</c> are further seeds; what once failed is kept there and runs first.
/// </summary>
public interface IFuzzTarget
{
    /// <summary>Lower case, also the folder below <c>corpus/</c>.</summary>
    string Name { get; }

    /// <summary>Valid or nearly valid inputs that mutations start from.</summary>
    IEnumerable<byte[]> Seeds { get; }

    /// <summary>Parses the input and asserts what must hold for any input. Every exception that escapes is a finding.</summary>
    void Run(ReadOnlySpan<byte> input);
}
