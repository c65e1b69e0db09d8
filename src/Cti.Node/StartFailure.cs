using Cti.Kernel;

namespace Cti.Node;

/// <summary>Why a node cannot start, in a line that says what, where, and what would be right.</summary>
internal static class StartFailure
{
    // errno of Linux, as the framework gives it.
    private const int NoSpace = 28, ReadOnlySystem = 30, Quota = 122;

    private const string Elsewhere = "cti.data, cti.media.record-root and cti.cdr.directory name other folders";

    /// <summary>The line, safe for a terminal.</summary>
    public static string Explain(Exception fault) => VisibleText.Of("cti: the node cannot start: " + fault.Message + fault switch
    {
        UnauthorizedAccessException => $" This process runs as {Environment.UserName}, who must be allowed to write there; {Elsewhere}.",
        IOException { HResult: ReadOnlySystem } => $"; the file system is read-only; {Elsewhere}.",
        IOException { HResult: NoSpace or Quota } => $"; no space is left there: make some; {Elsewhere}.",
        _ => "",
    });
}
