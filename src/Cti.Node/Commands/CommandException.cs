namespace Cti.Node.Commands;

/// <summary>A command cannot do what it was asked for.</summary>
/// <param name="message">Why, and what to do about it.</param>
internal sealed class CommandException(string message) : Exception(message);
