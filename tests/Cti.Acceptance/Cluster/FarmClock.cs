using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Cti.Acceptance.Cluster;

/// <summary>
/// What makes the phones a measure although they share their processors with what is measured: the kernel says when a packet came, and the phones' two threads
/// go before all others, as telephones have processors of their own.
/// </summary>
internal static partial class FarmClock
{
    private const nuint GetStamp = 0x8907;
    private const int WhichIsThread = 0;
    private const int Niceness = -15;

    /// <summary>Now, milliseconds of the clock that <see cref="Arrival"/> reads.</summary>
    public static double Now => (DateTime.UtcNow - DateTime.UnixEpoch).TotalMilliseconds;

    /// <summary>When the packet that was read last came to a socket, however much later that was; the first question switches that on.</summary>
    public static double Arrival(Socket socket) =>
        Control((int)socket.Handle, GetStamp, out var stamp) == 0 ? (stamp.Seconds * 1e3) + (stamp.Nanos / 1e6) : Now;

    /// <summary>Lets the calling thread go before others; without the right to, it is one of them, and its lateness tells.</summary>
    public static void Precede() => _ = SetPriority(WhichIsThread, GetThreadId(), Niceness);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int Control(int socket, nuint request, out Stamp stamp);

    [LibraryImport("libc", EntryPoint = "setpriority", SetLastError = true)]
    private static partial int SetPriority(int which, int who, int priority);

    [LibraryImport("libc", EntryPoint = "gettid")]
    private static partial int GetThreadId();

    [StructLayout(LayoutKind.Sequential)]
    private readonly struct Stamp
    {
        public readonly long Seconds;
        public readonly long Nanos;
    }
}
