using Cti.Kernel;
using Cti.Transport.Native;

namespace Cti.Transport.Runtime;

/// <summary>How many files and sockets this process may have open.</summary>
public static unsafe class DescriptorLimit
{
    private const string Descriptors = "/proc/self/fd";

    /// <summary>
    /// Raises the limit to the highest that this process may set, and answers it. Elsewhere than on Linux: <see cref="Limits.DescriptorsAssumed"/>.
    /// </summary>
    public static int Raise()
    {
        Libc.ResourceLimit limit;
        if (!OperatingSystem.IsLinux() || Libc.GetResourceLimit(Libc.LimitOfFiles, &limit) != 0)
            return Limits.DescriptorsAssumed;
        if (limit.Soft < limit.Hard)
        {
            var raised = limit with { Soft = limit.Hard };
            if (Libc.SetResourceLimit(Libc.LimitOfFiles, &raised) == 0)
                limit = raised;
        }

        return (int)Math.Min(limit.Soft, int.MaxValue / 2);
    }

    /// <summary>How many are open now; 0 where that cannot be told.</summary>
    public static int InUse()
    {
        try
        {
            return OperatingSystem.IsLinux() ? Directory.EnumerateFileSystemEntries(Descriptors).Count() : 0;
        }
        catch (IOException)
        {
            return 0;
        }
    }
}
