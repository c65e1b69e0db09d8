namespace Cti.Persistence;

/// <summary>
/// The durable side of a cluster: journal, events, ownership, permits, feed positions, idempotency and call records behind one port.
/// An instance's owner is its only writer; every append names owner, epoch and expected tail and is refused alone when one of them is wrong.
/// Transport faults surface as <see cref="StoreUnavailableException"/> (the outcome is unknown); anything else that is thrown is a bug.
/// </summary>
public interface IJournalStore : IAsyncDisposable
{
    /// <summary>
    /// What is wrong with the store for good, and what to do; null while it is sound. It takes no writes from then on, since nothing could be promised by them:
    /// each fails with a <see cref="StoreUnavailableException"/> whose <see cref="StoreUnavailableException.IsBroken"/> is set. Only a restart leads out of it.
    /// </summary>
    string? WhyBroken => null;

    /// <summary>
    /// Creates or migrates the schema and fixes the number of instances at creation.
    /// </summary>
    /// <exception cref="StoreMismatchException">The store was created with another number of instances or by a newer version.</exception>
    ValueTask OpenAsync(int instanceCount, CancellationToken cancellation = default);

    /// <summary>
    /// Takes ownership of instances for <paramref name="node"/>: raises each epoch by one in one transaction and answers epoch and tail as they are now,
    /// in the order of <paramref name="instances"/>.
    /// </summary>
    ValueTask<IReadOnlyList<InstanceOwnership>> ClaimAsync(string node, IReadOnlyList<int> instances, CancellationToken cancellation = default);

    /// <summary>
    /// Writes the row of a new run of a node, in place of an older run's, which can renew no more from then on.
    /// </summary>
    /// <returns>The row as it was before; null when there was none.</returns>
    ValueTask<NodeLease?> JoinAsync(NodeLease self, CancellationToken cancellation = default);

    /// <summary>
    /// Renews the lease of a node's row that has the same name and incarnation, writes what else it says of itself, and answers what there is: in one round
    /// trip. Where the row is gone or another run's nothing is written, and the answer shows it.
    /// </summary>
    /// <param name="self">The node; <see cref="NodeLease.Renewals"/> and <see cref="NodeLease.RenewedAtMillis"/> are the store's to set.</param>
    /// <param name="knownOwnership">The <see cref="LeaseView.OwnershipVersion"/> that the caller knows; -1 for none.</param>
    /// <param name="cancellation">Gives up; the outcome is then unknown.</param>
    ValueTask<LeaseView> RenewAsync(NodeLease self, long knownOwnership, CancellationToken cancellation = default);

    /// <summary>
    /// Takes instances for <paramref name="node"/> in one transaction, each only where its epoch is still the expected one: so two nodes that want the same
    /// instance never both get it. Raises the epoch by one.
    /// </summary>
    /// <param name="node">Who takes.</param>
    /// <param name="instances">What, with the epochs as last read.</param>
    /// <param name="unrenewed">
    /// Their owner, believed to be dead: where its row is another than this by now (it has renewed after all), nothing is taken.
    /// </param>
    /// <param name="cancellation">Gives up; the outcome is then unknown.</param>
    /// <returns>What was taken, in order of id, with epoch and tail as they are now.</returns>
    ValueTask<IReadOnlyList<InstanceOwnership>> TakeAsync(string node, IReadOnlyList<InstanceEpoch> instances, NodeLease? unrenewed = null,
        CancellationToken cancellation = default);

    /// <summary>
    /// Hands an instance over: <paramref name="to"/> owns it from then on ("" for nobody), under the next epoch. False where owner and epoch are not as named.
    /// </summary>
    ValueTask<bool> GiveAsync(int instance, string owner, long epoch, string to, CancellationToken cancellation = default);

    /// <summary>
    /// Removes a node's row, if it is that run's and was not renewed past <paramref name="renewalsMax"/>; instances that it still owns then belong to nobody,
    /// under the next epoch. False where nothing was removed.
    /// </summary>
    ValueTask<bool> RemoveNodeAsync(string node, string incarnation, long renewalsMax = long.MaxValue, CancellationToken cancellation = default);

    /// <summary>Owner, epoch and tail of every instance, in order of id. An instance never claimed has owner "" and epoch 0.</summary>
    ValueTask<IReadOnlyList<InstanceOwnership>> ReadOwnershipAsync(CancellationToken cancellation = default);

    /// <summary>
    /// Appends a batch in one transaction. Outcomes stand in the order of <paramref name="appends"/>: each is accepted, or refused alone
    /// because owner, epoch or tail did not match (then nothing of it was written). Two appends of one instance in one batch must be in order.
    /// </summary>
    /// <exception cref="ArgumentException">An append breaks the numbering rules of <see cref="InstanceAppend"/>; nothing of the batch is written.</exception>
    ValueTask<IReadOnlyList<AppendOutcome>> AppendAsync(IReadOnlyList<InstanceAppend> appends, CancellationToken cancellation = default);

    /// <summary>
    /// The journals of some instances' live resources, each in order of position: what a new owner replays. In one round trip where the store is elsewhere;
    /// every instance asked for is there.
    /// </summary>
    ValueTask<IReadOnlyDictionary<int, IReadOnlyList<JournalEntry>>> ReadJournalsAsync(IReadOnlyList<int> instances, CancellationToken cancellation = default);

    /// <summary>Whether no resource lives in any instance: there is no journal entry at all.</summary>
    ValueTask<bool> IsEmptyAsync(CancellationToken cancellation = default);

    /// <summary>Idempotency rows of some instances whose time is at or after <paramref name="sinceUnixMillis"/>, oldest first. As above.</summary>
    ValueTask<IReadOnlyDictionary<int, IReadOnlyList<IdempotencyRow>>> ReadIdempotencyAsync(IReadOnlyList<int> instances, long sinceUnixMillis,
        CancellationToken cancellation = default);

    /// <summary>
    /// Events of one application in one instance behind <paramref name="afterPosition"/> (exclusive), in order, at most <paramref name="limit"/> (1..10000).
    /// </summary>
    ValueTask<IReadOnlyList<StoredEvent>> ReadEventsAsync(string application, int instance, long afterPosition, int limit,
        CancellationToken cancellation = default);

    /// <summary>
    /// The position of the application's newest event that was dropped for age, per instance (0: none was): a cursor before it has expired.
    /// By application, because a cursor of one that was quiet for days must not expire with another's events.
    /// </summary>
    ValueTask<IReadOnlyList<long>> ReadExpiredAsync(string application, CancellationToken cancellation = default);

    /// <summary>The stored positions of a group of consumers, by instance; instances without one are absent.</summary>
    ValueTask<IReadOnlyDictionary<int, long>> ReadFeedPositionsAsync(string application, string group, CancellationToken cancellation = default);

    /// <summary>Stores positions of a group of consumers; a position never moves back.</summary>
    ValueTask WriteFeedPositionsAsync(string application, string group, IReadOnlyDictionary<int, long> positions, CancellationToken cancellation = default);

    /// <summary>
    /// Takes one of <paramref name="max"/> permits of a trunk for <paramref name="permitId"/>; false when all are in use. Repeating a permit id that is held is
    /// true and takes nothing.
    /// </summary>
    ValueTask<bool> TryAcquirePermitAsync(string trunk, int max, string permitId, long nowUnixMillis, CancellationToken cancellation = default);

    /// <summary>Frees a permit that did not become part of a resource. Freeing what is not held does nothing.</summary>
    ValueTask ReleasePermitAsync(string permitId, CancellationToken cancellation = default);

    /// <summary>How many permits of each trunk are in use.</summary>
    ValueTask<IReadOnlyDictionary<string, int>> ReadPermitsInUseAsync(CancellationToken cancellation = default);

    /// <summary>
    /// Drops what is past its time: events older than <paramref name="eventsBeforeUnixMillis"/> (call records stay), idempotency rows older than
    /// <paramref name="idempotencyBeforeUnixMillis"/>, permits older than <paramref name="permitsBeforeUnixMillis"/> that no live resource holds.
    /// </summary>
    ValueTask SweepAsync(long eventsBeforeUnixMillis, long idempotencyBeforeUnixMillis, long permitsBeforeUnixMillis, CancellationToken cancellation = default);

    /// <summary>
    /// Call records behind <paramref name="afterId"/> (exclusive; the row number, 0 for all) that <paramref name="node"/> wrote, in order, at most
    /// <paramref name="limit"/> (1..10000): what the CSV writer copies.
    /// </summary>
    ValueTask<IReadOnlyList<StoredCallRecord>> ReadCallRecordsAsync(string node, long afterId, int limit, CancellationToken cancellation = default);

    /// <summary>
    /// Drops call records that <paramref name="node"/> wrote, the oldest first, whose row number is below <paramref name="beforeRowNumber"/> and whose
    /// time is before <paramref name="beforeUnixMillis"/>. Row numbers are never used again.
    /// </summary>
    ValueTask DropCallRecordsAsync(string node, long beforeRowNumber, long beforeUnixMillis, CancellationToken cancellation = default);
}

/// <summary>Who owns an instance.</summary>
/// <param name="Instance">0..N-1.</param>
/// <param name="Owner">The node's name, "" before the first claim.</param>
/// <param name="Epoch">Raised by one at every claim.</param>
/// <param name="Tail">The position of the instance's last entry; 0 when empty.</param>
public readonly record struct InstanceOwnership(int Instance, string Owner, long Epoch, long Tail);

/// <summary>
/// What one decision of one resource adds to its instance: all of it or nothing. Positions are numbered by the owner without gaps:
/// the first row has ExpectedTail + 1; entries and events share the numbering.
/// </summary>
public sealed class InstanceAppend
{
    /// <summary>The instance written to.</summary>
    public required int Instance { get; init; }
    /// <summary>The node that believes to own it.</summary>
    public required string Owner { get; init; }
    /// <summary>The epoch under which it does.</summary>
    public required long Epoch { get; init; }
    /// <summary>The tail before this append.</summary>
    public required long ExpectedTail { get; init; }
    /// <summary>The tail after it: ExpectedTail plus the number of positions used (at least 1).</summary>
    public required long NewTail { get; init; }
    /// <summary>Journal entries, in order.</summary>
    public IReadOnlyList<JournalEntry> Entries { get; init; } = [];
    /// <summary>Events for the application's feed, in order.</summary>
    public IReadOnlyList<StoredEvent> Events { get; init; } = [];
    /// <summary>Results to remember for repeated requests.</summary>
    public IReadOnlyList<IdempotencyRow> Idempotency { get; init; } = [];
    /// <summary>Call records.</summary>
    public IReadOnlyList<CallRecordRow> CallRecords { get; init; } = [];
    /// <summary>
    /// Resources that were released: their journal entries, this append's included, are deleted and permits bound to them freed in this transaction.
    /// </summary>
    public IReadOnlyList<string> ReleasedResources { get; init; } = [];
    /// <summary>Trunk permits freed in this transaction.</summary>
    public IReadOnlyList<string> ReleasedPermits { get; init; } = [];
    /// <summary>Trunk permits that this transaction ties to a resource, so that no sweep frees them: permit id and resource id.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> BoundPermits { get; init; } = [];
}

/// <summary>How one append ended.</summary>
public enum AppendOutcome
{
    /// <summary>It is durable.</summary>
    Accepted,
    /// <summary>Owner or epoch did not match: this node was deposed and must stand down.</summary>
    Fenced,
    /// <summary>Owner and epoch match but the tail does not: a resent batch that was already written, or a bug of the writer.</summary>
    TailMismatch,
}

/// <summary>One journal entry.</summary>
/// <param name="Position">Its number in the instance.</param>
/// <param name="ResourceId">Whose it is.</param>
/// <param name="Version">The version of the payload's form.</param>
/// <param name="Payload">Opaque bytes.</param>
public sealed record JournalEntry(long Position, string ResourceId, int Version, ReadOnlyMemory<byte> Payload);

/// <summary>One event of an application's feed.</summary>
/// <param name="Application">Whose feed.</param>
/// <param name="Instance">The instance it belongs to.</param>
/// <param name="Position">Its number in the instance.</param>
/// <param name="ResourceId">The resource it tells of.</param>
/// <param name="Sequence">Its number among the resource's events, from 1 without gaps.</param>
/// <param name="UnixMillis">When it was decided.</param>
/// <param name="Method">E.g. <c>sys.call.on_incoming</c>.</param>
/// <param name="Params">UTF-8 JSON of <c>params</c>.</param>
/// <param name="Media">UTF-8 JSON of <c>meta.media</c>; empty for most events.</param>
public sealed record StoredEvent(string Application, int Instance, long Position, string ResourceId, int Sequence, long UnixMillis,
    string Method, ReadOnlyMemory<byte> Params, ReadOnlyMemory<byte> Media);

/// <summary>The remembered outcome of a request.</summary>
/// <param name="Application">Who asked.</param>
/// <param name="RequestId">The UUID of the request.</param>
/// <param name="ParametersHash">A hash of method and parameters: the same id with other content is refused.</param>
/// <param name="UnixMillis">When.</param>
/// <param name="Reply">UTF-8 JSON of the answer (an object with <c>result</c> or <c>error</c>).</param>
public sealed record IdempotencyRow(string Application, Guid RequestId, ulong ParametersHash, long UnixMillis, ReadOnlyMemory<byte> Reply);

/// <summary>A call record to be written.</summary>
/// <param name="Id">Identifies repeats downstream.</param>
/// <param name="Node">The node that closed the channel.</param>
/// <param name="ResourceId">The resource it is for.</param>
/// <param name="UnixMillis">When the channel was closed.</param>
/// <param name="Fields">
/// UTF-8 JSON array of the contract's fields in its order, followed by one object with the media quality (null for a call without media).
/// </param>
public sealed record CallRecordRow(Guid Id, string Node, string ResourceId, long UnixMillis, ReadOnlyMemory<byte> Fields);

/// <summary>A call record as stored.</summary>
/// <param name="RowNumber">Rises with every record.</param>
/// <param name="Record">The record.</param>
public sealed record StoredCallRecord(long RowNumber, CallRecordRow Record);

/// <summary>The store could not be reached or the connection broke: whether a write happened is unknown.</summary>
public sealed class StoreUnavailableException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>The store itself is damaged or gone, so waiting does not help; it has said so once, in full (<see cref="IJournalStore.WhyBroken"/>).</summary>
    public bool IsBroken { get; init; }
}

/// <summary>The store is not the one that the configuration describes.</summary>
public sealed class StoreMismatchException(string message) : Exception(message);
