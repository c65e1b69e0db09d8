using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Akka.Actor.Setup;
using Cti.Kernel;
using Cti.Persistence.Journal;

namespace Cti.Persistence.AkkaJournal;

/// <summary>
/// The instances that a node owns, for the plug-in of its actor system: put into the system's setup, opened after each claim, closed when they move.
/// </summary>
/// <param name="store">Where journals are read.</param>
public sealed class JournalInstances(IJournalStore store) : Setup
{
    private readonly ConcurrentDictionary<int, OpenInstance> _open = new();

    internal IJournalStore Store => store;

    /// <summary>The instance is this node's: its persistent actors recover from what the store has from now on.</summary>
    public void Open(InstanceJournal journal) => _open[journal.Instance] = new OpenInstance(journal);

    /// <summary>The instance is not this node's any more.</summary>
    public void Close(InstanceJournal journal)
    {
        if (_open.TryGetValue(journal.Instance, out var open) && open.Journal == journal) _open.TryRemove(new(journal.Instance, open));
    }

    /// <summary>The instance of a persistence id, which is a resource's; false with the reason where this node has none.</summary>
    internal bool TryFind(string persistenceId, [NotNullWhen(true)] out OpenInstance? instance, [NotNullWhen(false)] out Exception? fault)
    {
        (instance, fault) = (null, null);
        if (!ResourceId.TryParse(persistenceId, out var id)) fault = new ArgumentException($"'{persistenceId}' is no resource's id");
        else if (!_open.TryGetValue(id.Instance, out var open)) fault = new NotOwnerException($"instance {id.Instance} of {persistenceId} is not this node's");
        else if (open.Journal.IsDeposed) fault = Deposed(open);
        else instance = open;
        return fault is null;
    }

    internal static NotOwnerException Deposed(OpenInstance instance) => new($"another node owns instance {instance.Journal.Instance}");
}
