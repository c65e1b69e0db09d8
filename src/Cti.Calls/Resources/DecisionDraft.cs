using System.Collections.Immutable;

namespace Cti.Calls.Resources;

/// <summary>Collects a decision: each fact is applied as it is added, so what follows sees the state that it leads to.</summary>
/// <param name="before">The state before it; null for a creating command.</param>
/// <param name="now">Unix milliseconds.</param>
/// <param name="settings">The configured limits.</param>
/// <param name="apply">Folds a fact into the state.</param>
/// <param name="notice">The fact that the owner is told something; null for resources that nobody drives.</param>
internal sealed class DecisionDraft<TDecision, TState, TEntry>(TState? before, long now, CallSettings settings, Func<TState?, TEntry, TState> apply,
    Func<TState, string, ReadOnlyMemory<byte>, (TEntry Entry, NotifyOwner Effect)>? notice = null)
    where TDecision : ResourceDecision<TState, TEntry>, new()
    where TState : ResourceState
    where TEntry : ResourceEntry
{
    private readonly ImmutableArray<TEntry>.Builder _entries = ImmutableArray.CreateBuilder<TEntry>();
    private readonly ImmutableArray<ResourceEvent>.Builder _events = ImmutableArray.CreateBuilder<ResourceEvent>();
    private readonly ImmutableArray<ResourceEffect>.Builder _effects = ImmutableArray.CreateBuilder<ResourceEffect>();
    private ReadOnlyMemory<byte> _record;
    private TState? _state = before;
    private int _sequence = before?.EventCount ?? 0;

    public TState State => _state!;

    /// <summary>When it is decided: never before the resource's last entry.</summary>
    public long Now { get; } = Math.Max(now, before?.LastMillis ?? 0);

    public CallSettings Settings { get; } = settings;

    public DecisionDraft<TDecision, TState, TEntry> Add(TEntry entry)
    {
        entry = entry with { AtMillis = Now };
        _entries.Add(entry);
        _state = apply(_state, entry);
        return this;
    }

    /// <summary>Tells the application; of a resource that another one drives, its owner is told instead, until it has heard.</summary>
    public DecisionDraft<TDecision, TState, TEntry> Emit(string method, ReadOnlyMemory<byte> parameters)
    {
        if (State.Owner is null || notice is null) return EmitAlways(method, parameters);
        var (entry, effect) = notice(State, method, parameters);
        return Add(entry).Do(effect);
    }

    /// <summary>Tells the application whoever drives the resource.</summary>
    public DecisionDraft<TDecision, TState, TEntry> EmitAlways(string method, ReadOnlyMemory<byte> parameters)
    {
        _events.Add(new ResourceEvent(++_sequence, method, parameters));
        return this;
    }

    public DecisionDraft<TDecision, TState, TEntry> Do(ResourceEffect effect)
    {
        _effects.Add(effect);
        return this;
    }

    public DecisionDraft<TDecision, TState, TEntry> Reply(ReadOnlyMemory<byte> json) => Do(new ReplyResult(json));

    public DecisionDraft<TDecision, TState, TEntry> ReplyNull() => Reply("null"u8.ToArray());

    public void Record(ReadOnlyMemory<byte> callRecord) => _record = callRecord;

    public TDecision Build()
    {
        if (_events.Count > 0)
        {
            if (_entries.Count == 0) throw new InvalidOperationException("an event without an entry would not survive a recovery");
            _entries[^1] = _entries[^1] with { Events = _events.Count };
            _state = _state! with { EventCount = _sequence };
        }
        return new TDecision
        {
            Entries = _entries.ToImmutable(),
            Events = _events.ToImmutable(),
            Effects = _effects.ToImmutable(),
            CallRecord = _record,
            State = _state,
        };
    }
}
