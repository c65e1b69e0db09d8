using Cti.Kernel;
using Cti.Persistence;

namespace Cti.Cluster.Membership;

/// <summary>What the store did not answer: counted each time, and said once until a renewal succeeds again.</summary>
internal sealed class StoreTrouble(MemberLife life, ILog log)
{
    private long _failed;
    private bool _isFailing;

    /// <summary>How often the store did not answer. Under the lock.</summary>
    public long Failed => _failed;

    /// <summary>The store did not answer.</summary>
    public void Fail(Exception fault)
    {
        lock (life.Gate)
        {
            if (life.IsStopped) return;
            _failed++;
            if (_isFailing) return;
            _isFailing = true;
        }
        // A store that is broken has said so.
        if (fault is not StoreUnavailableException { IsBroken: true }) log.Write(LogEvents.LeaseNotRenewed, fault.Message);
    }

    /// <summary>A renewal has succeeded. Under the lock.</summary>
    /// <returns>Whether there was trouble before.</returns>
    public bool End()
    {
        var wasFailing = _isFailing;
        _isFailing = false;
        return wasFailing;
    }

    /// <summary>Does what the next view would show as missing, and plan again, if it failed.</summary>
    public async Task TryAsync(Func<Task> work)
    {
        try
        {
            await work().ConfigureAwait(false);
        }
        catch (StoreUnavailableException fault)
        {
            Fail(fault);
        }
        catch (Exception fault)
        {
            // A bug here must be seen in the log: nothing else observes this task.
            TellBug(fault);
        }
    }

    /// <summary>Says what nobody else observes.</summary>
    public void TellBug(Exception fault)
    {
        if (!life.IsStopped) log.Write(LogEvents.MembershipFault, fault);
    }
}
