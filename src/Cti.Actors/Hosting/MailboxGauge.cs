namespace Cti.Actors.Hosting;

/// <summary>
/// The mailboxes of one kind of actor: how many messages waited in the fullest, and how many were refused. A message costs two reads and no memory.
/// </summary>
internal sealed class MailboxGauge(string kind)
{
    /// <summary>The highest mark of the present minute and the one before are told: one that never fell again would say nothing of today.</summary>
    private const long WindowNanos = 60_000_000_000;

    private readonly Lock _gate = new();
    private long _refused, _turnedNanos;
    private int _highest, _highestBefore;

    /// <summary>So many wait in a mailbox.</summary>
    public void Waits(int messages)
    {
        // Written only where it rises, so that mailboxes do not fight for it.
        if (messages > Volatile.Read(ref _highest)) Rise(messages);
    }

    /// <summary>A full mailbox took no message.</summary>
    public void Refused() => Interlocked.Increment(ref _refused);

    /// <summary>What was seen.</summary>
    /// <param name="nowNanos">On the monotonic clock.</param>
    public MailboxStatistics Read(long nowNanos)
    {
        lock (_gate)
        {
            if (nowNanos - _turnedNanos >= WindowNanos)
            {
                // Who has not asked for longer hears of the last minutes all the same.
                _highestBefore = Interlocked.Exchange(ref _highest, 0);
                _turnedNanos = nowNanos;
            }
            return new MailboxStatistics(kind, Math.Max(_highestBefore, Volatile.Read(ref _highest)), Interlocked.Read(ref _refused));
        }
    }

    private void Rise(int messages)
    {
        for (var seen = Volatile.Read(ref _highest); messages > seen;)
        {
            var now = Interlocked.CompareExchange(ref _highest, messages, seen);
            if (now == seen) return;
            seen = now;
        }
    }
}

/// <summary>The mailboxes of one kind of actor.</summary>
/// <param name="Kind">The first word of the actors' names.</param>
/// <param name="Highest">Messages that waited in the fullest mailbox during the last minute or two.</param>
/// <param name="Refused">Messages that found a mailbox full.</param>
public readonly record struct MailboxStatistics(string Kind, int Highest, long Refused);
