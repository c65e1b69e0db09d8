namespace Cti.Benchmarks;

/// <summary>Calls that stay up until disposed of; those that a busy machine refused are tried again.</summary>
internal sealed class IdleCalls : IDisposable
{
    private const int CallsPerSecond = 100;
    private const int TriesMax = 5;
    private readonly List<Sipp> _callers = [];

    public IdleCalls(NodeProcess node, int upInAll)
    {
        for (var tries = 0; tries < TriesMax && upInAll - (int)node.Metric("cti_calls") is var missing and > 0; tries++)
        {
            _callers.Add(Sipp.Caller(node.SipPort, CallsPerSecond, missing, 600_000));
            var deadline = Environment.TickCount64 + (missing * 1000L / CallsPerSecond) + 4_000;
            while (node.Metric("cti_calls") < upInAll && Environment.TickCount64 < deadline) Thread.Sleep(100);
        }
        Thread.Sleep(500);
        if (node.Metric("cti_calls") is var up && up < upInAll)
            throw new TimeoutException($"{up} calls of {upInAll} are up; the node's log ends with\n{node.Said}");
    }

    public void Dispose() => _callers.ForEach(static caller => caller.Dispose());
}
