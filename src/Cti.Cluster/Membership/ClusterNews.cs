using Cti.Kernel;
using Cti.Persistence;

namespace Cti.Cluster.Membership;

/// <summary>
/// Tells the subscribers what happens to the cluster: in the order in which it was noted under the member's lock, one at a time and outside of it, whoever
/// brought it. The newest view is there for everybody before it is told.
/// </summary>
internal sealed class ClusterNews(ClusterMemberOptions options, MemberLife life, ILog log)
{
    private readonly List<IClusterEvents> _receivers = [];
    private readonly Queue<Action> _news = new();
    private ClusterView _view = new(0, [], []);
    private int _untoldLosses;
    private bool _isTelling;

    /// <inheritdoc cref="ICluster.View"/>
    public ClusterView View => Volatile.Read(ref _view);

    /// <summary>Instances that this node lost or handed over. Under the lock.</summary>
    public long Lost { get; private set; }

    /// <summary>Whether there are losses that not everybody has been told. Under the lock.</summary>
    public bool HasUntoldLosses => _untoldLosses > 0;

    /// <inheritdoc cref="ICluster.Subscribe"/>
    public void Subscribe(IClusterEvents events) => _receivers.Add(events);

    /// <summary>Puts what a step tells into the order of the news. Under the lock.</summary>
    public void Note(MembershipStep step)
    {
        if (step.IsReplaced) log.Write(LogEvents.NodeReplaced, options.Name);
        if (!step.Lost.IsEmpty)
        {
            Lost += step.Lost.Length;
            log.Write(LogEvents.InstancesLost, step.Lost.Length);
            _untoldLosses++;
            _news.Enqueue(() => Lose(step));
        }
        if (step.Changed is not { } changed) return;
        Volatile.Write(ref _view, changed.Now);
        _news.Enqueue(() => Change(changed.Before, changed.Now));
    }

    /// <summary>Puts what was taken into the order of the news. Under the lock.</summary>
    public void NoteGain(TakePlan plan, IReadOnlyList<InstanceOwnership> taken) => _news.Enqueue(() => Gain(plan, taken));

    /// <summary>Tells what was noted, unless somebody is just doing it.</summary>
    public void Tell()
    {
        lock (life.Gate)
        {
            if (_isTelling) return;
            _isTelling = true;
        }
        while (true)
        {
            Action tell;
            lock (life.Gate)
            {
                if (!_news.TryDequeue(out tell!))
                {
                    _isTelling = false;
                    return;
                }
            }
            try
            {
                tell();
            }
            catch (Exception fault)
            {
                // One receiver's bug must not keep the news from all others.
                log.Write(LogEvents.MembershipFault, fault);
            }
        }
    }

    private void Gain(TakePlan plan, IReadOnlyList<InstanceOwnership> taken)
    {
        log.Write(LogEvents.InstancesTaken, taken.Count, plan.From.Length == 0 ? "nobody" : plan.From);
        foreach (var receiver in _receivers) receiver.OnGained(taken, plan.LostAtMillis, plan.IsHandedOver);
    }

    private void Lose(MembershipStep step)
    {
        try
        {
            foreach (var receiver in _receivers) receiver.OnLost(step.Lost);
        }
        finally
        {
            lock (life.Gate) _untoldLosses--;
        }
    }

    private void Change(ClusterView before, ClusterView now)
    {
        foreach (var node in now.Nodes)
        {
            if (node.Name != options.Name && before.Find(node.Name)?.Incarnation != node.Incarnation) log.Write(LogEvents.NodeJoined, node.Name);
        }
        foreach (var node in before.Nodes)
        {
            if (now.Find(node.Name) is not null) continue;
            log.Write(LogEvents.NodeGone, node.Name);
            // It may live, cut off from the database alone: then it shall not sound beside its successors.
            if (node.Name != options.Name) options.Links?.Send(node.Name, LinkChannel.Control, new[] { ControlMessages.PutOut });
        }
        foreach (var receiver in _receivers) receiver.OnViewChanged(before, now);
    }
}
