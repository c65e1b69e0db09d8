using Cti.Kernel;
using Cti.Media;

namespace Cti.Transport.Media;

/// <summary>Counts what was not opened, by reason, and says it to the log. Any thread.</summary>
internal sealed class MediaRefusalCounts(ILog log)
{
    private readonly long[] _counts = new long[Enum.GetValues<MediaRefusal>().Length];

    /// <param name="refusal">Why.</param>
    /// <param name="number">Of the session or conference.</param>
    public void Count(MediaRefusal refusal, long number)
    {
        Interlocked.Increment(ref _counts[(int)refusal]);
        var kind = refusal switch
        {
            MediaRefusal.OwnWork or MediaRefusal.Backlog => LogEvents.MediaOverBudget,
            MediaRefusal.Lateness => LogEvents.MediaTooLate,
            _ => LogEvents.MediaRefused,
        };
        if (log.IsWanted(kind))
            log.Write(kind, number, refusal.Text());
    }

    public IReadOnlyDictionary<MediaRefusal, long> Read() => Enum.GetValues<MediaRefusal>().Where(static refusal => refusal != MediaRefusal.None)
        .ToDictionary(static refusal => refusal, refusal => Volatile.Read(ref _counts[(int)refusal]));
}
