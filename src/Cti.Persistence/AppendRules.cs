namespace Cti.Persistence;

/// <summary>What every store checks of an append before it touches anything: a writer that breaks these rules has a bug, not a conflict.</summary>
internal static class AppendRules
{
    internal static void Check(IReadOnlyList<InstanceAppend> appends, int instanceCount)
    {
        for (var i = 0; i < appends.Count; i++) Check(appends[i], instanceCount);
    }

    private static void Check(InstanceAppend append, int instanceCount)
    {
        CheckInstance(append.Instance, instanceCount);
        if (append.NewTail <= append.ExpectedTail || append.ExpectedTail < 0)
            throw new ArgumentException($"instance {append.Instance}: an append moves the tail forward, not from {append.ExpectedTail} to {append.NewTail}");

        // Entries and events share one numbering, so both lists are walked as one rising sequence.
        var entries = append.Entries;
        var events = append.Events;
        var last = append.ExpectedTail;
        for (int entry = 0, occurrence = 0; entry < entries.Count || occurrence < events.Count;)
        {
            long position;
            if (occurrence >= events.Count || (entry < entries.Count && entries[entry].Position <= events[occurrence].Position))
            {
                position = entries[entry++].Position;
            }
            else
            {
                if (events[occurrence].Instance != append.Instance)
                    throw new ArgumentException($"instance {append.Instance}: an event of instance {events[occurrence].Instance} in its append");
                position = events[occurrence++].Position;
            }
            if (position <= last || position > append.NewTail)
                throw new ArgumentException($"instance {append.Instance}: position {position} behind {last} is not rising within "
                    + $"{append.ExpectedTail + 1}..{append.NewTail}");
            last = position;
        }
    }

    internal static void CheckInstance(int instance, int instanceCount)
    {
        if ((uint)instance >= (uint)instanceCount)
            throw new ArgumentException($"instance {instance} is not in 0..{instanceCount - 1}");
    }

    internal static void CheckInstances(IReadOnlyList<int> instances, int instanceCount)
    {
        foreach (var instance in instances) CheckInstance(instance, instanceCount);
    }

    internal static void CheckLimit(int limit) => ArgumentOutOfRangeException.ThrowIfNotEqual(limit, Math.Clamp(limit, 1, 10_000));
}
