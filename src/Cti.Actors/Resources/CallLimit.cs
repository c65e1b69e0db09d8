using Cti.Kernel;

namespace Cti.Actors.Resources;

/// <summary>How many calls a node has at once, whoever begins them: callers, applications, flows.</summary>
/// <param name="max">Past it new ones are refused with 503, 1 or more.</param>
/// <param name="directory">Counts what there is.</param>
/// <param name="log">Told of refusals, which are summed up there.</param>
internal sealed class CallLimit(int max, ResourceDirectory directory, ILog log)
{
    private long _refused;

    /// <summary>New calls that were refused so far.</summary>
    public long Refused => Interlocked.Read(ref _refused);

    /// <summary>Whether a new call must be refused; counted and logged as one that is.</summary>
    public bool Refuses()
    {
        if (directory.CallCount < max) return false;
        Interlocked.Increment(ref _refused);
        if (log.IsWanted(LogEvents.CallsMaxReached)) log.Write(LogEvents.CallsMaxReached, max);
        return true;
    }

    /// <summary>The same for a request: null, or its refusal.</summary>
    public RpcError? WhyNot() => Refuses() ? RpcError.Unavailable($"the node has {max} calls, its limit (cti.node.calls-max)") : null;
}
