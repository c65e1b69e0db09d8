using System.Runtime.ExceptionServices;

namespace Cti.Node;

/// <summary>What a start does with something that may never answer, a disk of another host: it waits so long and goes on without.</summary>
internal static class StartLimit
{
    /// <summary>Runs an action on a thread of its own.</summary>
    /// <param name="name">The thread's, for diagnostics.</param>
    /// <param name="millis">How long it is waited for, 1 or more.</param>
    /// <param name="action">What; it goes on where it takes longer, and a fault of it is nobody's then.</param>
    /// <returns>Whether it has ended.</returns>
    /// <exception cref="Exception">The fault that it ended with.</exception>
    public static bool Within(string name, int millis, Action action)
    {
        ExceptionDispatchInfo? fault = null;
        var thread = new Thread(() =>
        {
            try
            {
                action();
            }
#pragma warning disable CA1031 // A fault on a thread of its own would end the process.
            catch (Exception caught)
#pragma warning restore CA1031
            {
                Volatile.Write(ref fault, ExceptionDispatchInfo.Capture(caught));
            }
        })
        { IsBackground = true, Name = name };
        thread.Start();
        if (!thread.Join(millis)) return false;
        Volatile.Read(ref fault)?.Throw();
        return true;
    }
}
