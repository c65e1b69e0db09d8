using System.Buffers.Binary;
using System.Collections.Immutable;
using Akka.Actor;
using Akka.Persistence;

namespace Cti.Persistence.AkkaJournal;

/// <summary>
/// How Akka's events stand in journal entries: eight bytes of sequence number before the event's own; version 0 is a deletion up to that number.
/// </summary>
internal static class EventForm
{
    private const int DeletionVersion = 0, SequenceBytes = 8;

    /// <summary>The entry of an event, of which only the position is missing.</summary>
    /// <exception cref="ArgumentException">It is no <see cref="JournalEvent"/>, or none that can be read again.</exception>
    internal static JournalEntry Entry(IPersistentRepresentation persisted)
    {
        if (persisted.Payload is not JournalEvent given)
            throw new ArgumentException($"{persisted.Payload?.GetType().ToString() ?? "null"} cannot be stored: a {nameof(JournalEvent)} is wanted");
        if (given.Version <= DeletionVersion) throw new ArgumentException($"version {given.Version}: an event's is 1 or more");
        var payload = new byte[SequenceBytes + given.Bytes.Length];
        BinaryPrimitives.WriteInt64LittleEndian(payload, persisted.SequenceNr);
        given.Bytes.Span.CopyTo(payload.AsSpan(SequenceBytes));
        return new JournalEntry(0, persisted.PersistenceId, given.Version, payload);
    }

    internal static JournalEntry Deletion(string persistenceId, long toSequence)
    {
        var payload = new byte[SequenceBytes];
        BinaryPrimitives.WriteInt64LittleEndian(payload, toSequence);
        return new JournalEntry(0, persistenceId, DeletionVersion, payload);
    }

    internal static IPersistentRepresentation Event(JournalEntry entry) =>
        new Persistent(new JournalEvent(entry.Version, entry.Payload[SequenceBytes..]), Sequence(entry), entry.ResourceId, manifest: "", isDeleted: false,
            ActorRefs.NoSender, writerGuid: "");

    internal static long Sequence(JournalEntry entry) => BinaryPrimitives.ReadInt64LittleEndian(entry.Payload.Span);

    internal static bool IsDeletion(JournalEntry entry) => entry.Version == DeletionVersion;

    /// <summary>
    /// The highest sequence number among a resource's entries, which are in order, and the one up to which they are deleted. A deletion means what was there
    /// when it was written, even where it names a higher number.
    /// </summary>
    internal static (long Highest, long Deleted) Bounds(IReadOnlyList<JournalEntry> entries)
    {
        long highest = 0, deleted = 0;
        foreach (var entry in entries)
        {
            if (IsDeletion(entry)) deleted = Math.Max(deleted, Math.Min(highest, Sequence(entry)));
            else highest = Math.Max(highest, Sequence(entry));
        }
        return (highest, deleted);
    }

    internal static IImmutableList<IPersistentRepresentation> Events(AtomicWrite write) => (IImmutableList<IPersistentRepresentation>)write.Payload;
}
