namespace Cti.Persistence.AkkaJournal;

/// <summary>
/// What a persistent actor persists: bytes in a form that has a version, as every entry of the journal. An event adapter may make it of something else; an
/// event that is none in the end is refused alone.
/// </summary>
/// <param name="Version">The version of the bytes' form, 1 or more.</param>
/// <param name="Bytes">The event itself. Not to be changed once it is persisted.</param>
/// <param name="EndsResource">
/// The resource ends with this event: its whole journal is dropped in the same transaction, so nothing is replayed and its id is never used again.
/// </param>
public sealed record JournalEvent(int Version, ReadOnlyMemory<byte> Bytes, bool EndsResource = false);

/// <summary>Another node owns the instance, or none here does: what was to be written or read belongs to somebody else.</summary>
public sealed class NotOwnerException(string message) : Exception(message);
