using System.Text;
using Cti.Calls.Call;
using Cti.Contract;
using Cti.Kernel;
using Cti.Persistence;
using Cti.Testing;

namespace Cti.Simulation;

/// <summary>
/// The books: what became durable, in the order in which it did, and the rules that it must keep at every moment. It decodes the journal and folds it,
/// so it knows what is true of a call independently of what the node says.
/// </summary>
internal sealed class Ledger(VirtualWorld world)
{
    private readonly Dictionary<int, long> _tails = [];
    private readonly Dictionary<int, long> _epochs = [];
    private readonly Dictionary<int, string> _owners = [];
    private readonly Dictionary<string, ResourceBook> _books = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ResourceBook> _living = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<CallBook>> _bySipCallId = new(StringComparer.Ordinal);
    private readonly Dictionary<int, long> _newest = [];
    private readonly Dictionary<Guid, IdempotencyRow> _results = [];

    /// <summary>Every resource that ever was.</summary>
    public IReadOnlyCollection<ResourceBook> All => _books.Values;

    /// <summary>Those whose journal is not dropped.</summary>
    public IReadOnlyCollection<ResourceBook> Living => _living.Values;

    public IEnumerable<CallBook> Calls => _books.Values.OfType<CallBook>();

    public long Appends { get; private set; }

    /// <summary>How often each fact was journaled, by its kind and name.</summary>
    public Dictionary<string, int> Facts { get; } = new(StringComparer.Ordinal);

    public ResourceBook? Find(string resource) => _books.GetValueOrDefault(resource);

    public TBook? Find<TBook>(string resource) where TBook : ResourceBook => _books.GetValueOrDefault(resource) as TBook;

    /// <summary>The calls of a telephone's call: an INVITE that is repeated to a node that has restarted makes a second one.</summary>
    public IReadOnlyList<CallBook> FindBySipCallId(string callId) => _bySipCallId.GetValueOrDefault(callId) ?? [];

    /// <summary>The result that a request's effects were stored with.</summary>
    public IdempotencyRow? ResultOf(Guid request) => _results.GetValueOrDefault(request);

    public void Claimed(IReadOnlyList<InstanceOwnership> claims)
    {
        foreach (var claim in claims)
        {
            world.Trace.Add($"claim {claim.Instance} for {claim.Owner} epoch {claim.Epoch} tail {claim.Tail}");
            world.Claimed(claim, OwnerOf(claim.Instance));
            if (claim.Epoch != _epochs.GetValueOrDefault(claim.Instance) + 1)
                world.Fail($"instance {claim.Instance}: epoch {claim.Epoch} after {_epochs.GetValueOrDefault(claim.Instance)}");
            _epochs[claim.Instance] = claim.Epoch;
            _owners[claim.Instance] = claim.Owner;
        }
    }

    /// <summary>Who owns an instance by the store; "" for nobody.</summary>
    public string OwnerOf(int instance) => _owners.GetValueOrDefault(instance, "");

    /// <summary>An owner handed an instance over.</summary>
    public void Given(int instance, string from, long epoch, string to)
    {
        world.Trace.Add($"{from} gives {instance} to {to}, epoch {epoch + 1}");
        if (OwnerOf(instance) != from || _epochs.GetValueOrDefault(instance) != epoch)
            world.Fail($"instance {instance}: {from} gives it away in epoch {epoch}, {OwnerOf(instance)} owns it in {_epochs.GetValueOrDefault(instance)}");
        _epochs[instance] = epoch + 1;
        _owners[instance] = to;
    }

    /// <summary>A node's row was removed, and what it owned is nobody's.</summary>
    public void Removed(string node)
    {
        world.Trace.Add($"{node} is removed");
        foreach (var instance in _owners.Where(owned => owned.Value == node).Select(static owned => owned.Key).ToList())
        {
            _epochs[instance]++;
            _owners[instance] = "";
        }
    }

    public void Accepted(InstanceAppend append)
    {
        Appends++;
        var tail = _tails.GetValueOrDefault(append.Instance);
        if (append.ExpectedTail != tail) world.Fail($"instance {append.Instance}: an append at {append.ExpectedTail + 1} behind position {tail}");
        if (append.Epoch != _epochs.GetValueOrDefault(append.Instance))
            world.Fail($"instance {append.Instance}: an append of epoch {append.Epoch}, the owner's is {_epochs.GetValueOrDefault(append.Instance)}");
        if (append.Owner != OwnerOf(append.Instance))
            world.Fail($"instance {append.Instance}: an append of {append.Owner}, the owner is {OwnerOf(append.Instance)}");
        var expected = append.ExpectedTail;
        foreach (var position in append.Entries.Select(entry => entry.Position).Concat(append.Events.Select(happened => happened.Position)).Order())
        {
            if (position != ++expected) world.Fail($"instance {append.Instance}: position {position} where {expected} is next");
        }
        _tails[append.Instance] = append.NewTail;
        foreach (var entry in append.Entries) Fold(entry);
        foreach (var happened in append.Events) Happened(happened);
        foreach (var row in append.Idempotency)
        {
            if (!_results.TryAdd(row.RequestId, row)) world.Fail($"request {row.RequestId} was carried out twice");
        }
        foreach (var record in append.CallRecords) Book(record.ResourceId).Records++;
        foreach (var resource in append.Entries.Select(entry => entry.ResourceId).Concat(append.Events.Select(happened => happened.ResourceId)).Distinct()
            .ToList())
        {
            Book(resource).Check(world);
            if (Book(resource) is CallBook call) world.Decided(call);
        }
        foreach (var resource in append.ReleasedResources)
        {
            if (!Book(resource).Resource.IsOver) world.Fail($"{resource}: its journal is dropped before it is over");
            Book(resource).IsGone = true;
            _living.Remove(resource);
        }
    }

    /// <summary>An instance whose positions were reserved must be numbered on from where the durable ones end.</summary>
    public void Refused(InstanceAppend append, AppendOutcome outcome)
    {
        world.Trace.Add($"refused {append.Instance} of {append.Owner} epoch {append.Epoch}: {outcome}");
        // Whoever owns it no more is told so.
        if (append.Owner == OwnerOf(append.Instance) && append.Epoch == _epochs.GetValueOrDefault(append.Instance))
            world.Fail($"instance {append.Instance}: an append of its only owner at {append.ExpectedTail + 1} was refused: {outcome}");
    }

    private ResourceBook Book(string resource) =>
        _books.TryGetValue(resource, out var book) ? book : throw new InvalidOperationException($"{resource} has no creating entry");

    private void Fold(JournalEntry entry)
    {
        if (_books.TryGetValue(entry.ResourceId, out var known))
        {
            var name = known.Fold(entry, world);
            Count(known, name);
            world.Trace.Add($"durable {entry.ResourceId} {name}", entry.Payload.Span);
            return;
        }
        var book = ResourceBook.Begin(entry, out var fact);
        Count(book, fact);
        world.Trace.Add($"durable {entry.ResourceId} {fact}", entry.Payload.Span);
        var born = book.Resource.Id;
        if (born.ToString() != entry.ResourceId) world.Fail($"{entry.ResourceId}: its creating entry names {born}");
        if (_newest.GetValueOrDefault(born.Instance) >= born.ProcessId) world.Fail($"{entry.ResourceId}: process ids of its instance do not rise");
        _newest[born.Instance] = born.ProcessId;
        _books.Add(entry.ResourceId, book);
        _living.Add(entry.ResourceId, book);
        if (book is not CallBook call) return;
        if (!_bySipCallId.TryGetValue(call.State.SipCallId, out var same)) _bySipCallId.Add(call.State.SipCallId, same = []);
        same.Add(call);
        if (call.State.Permit is not null
            && world.Trunk.MaxCalls < _living.Values.Count(other => other is CallBook { State: { Permit: not null, Phase: not CallPhase.Released } }))
            world.Fail($"{entry.ResourceId}: more than {world.Trunk.MaxCalls} calls over the trunk");
    }

    private void Count(ResourceBook book, string fact)
    {
        var key = $"{book.Kind} {fact}";
        Facts[key] = Facts.GetValueOrDefault(key) + 1;
    }

    private void Happened(StoredEvent happened)
    {
        world.Trace.Add($"event {happened.ResourceId} {happened.Sequence} {happened.Method} {Encoding.UTF8.GetString(happened.Params.Span)}");
        Book(happened.ResourceId).Happened(happened, world);
    }
}

/// <summary>Shows the books what the store underneath took.</summary>
internal sealed class BookkeepingStore(IJournalStore inner, Ledger ledger) : ForwardingJournalStore(inner)
{
    public override async ValueTask<IReadOnlyList<AppendOutcome>> AppendAsync(IReadOnlyList<InstanceAppend> appends, CancellationToken cancellation = default)
    {
        var outcomes = await base.AppendAsync(appends, cancellation);
        for (var i = 0; i < outcomes.Count; i++)
        {
            if (outcomes[i] == AppendOutcome.Accepted) ledger.Accepted(appends[i]);
            else ledger.Refused(appends[i], outcomes[i]);
        }
        return outcomes;
    }

    public override async ValueTask<IReadOnlyList<InstanceOwnership>> TakeAsync(string node, IReadOnlyList<InstanceEpoch> instances,
        NodeLease? unrenewed = null, CancellationToken cancellation = default)
    {
        var claims = await base.TakeAsync(node, instances, unrenewed, cancellation);
        ledger.Claimed(claims);
        return claims;
    }

    public override async ValueTask<bool> GiveAsync(int instance, string owner, long epoch, string to, CancellationToken cancellation = default)
    {
        var isGiven = await base.GiveAsync(instance, owner, epoch, to, cancellation);
        if (isGiven) ledger.Given(instance, owner, epoch, to);
        return isGiven;
    }

    public override async ValueTask<bool> RemoveNodeAsync(string node, string incarnation, long renewalsMax = long.MaxValue,
        CancellationToken cancellation = default)
    {
        var isRemoved = await base.RemoveNodeAsync(node, incarnation, renewalsMax, cancellation);
        if (isRemoved) ledger.Removed(node);
        return isRemoved;
    }
}
