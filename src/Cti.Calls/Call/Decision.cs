using System.Collections.Immutable;

namespace Cti.Calls.Call;

/// <summary>Collects a decision: each fact is applied as it is added, so what follows sees the state that it leads to.</summary>
internal sealed class Decision(CallState? before, long now, CallSettings settings)
{
    private readonly ImmutableArray<CallEntry>.Builder entries = ImmutableArray.CreateBuilder<CallEntry>();
    private readonly ImmutableArray<CallEvent>.Builder events = ImmutableArray.CreateBuilder<CallEvent>();
    private readonly ImmutableArray<CallEffect>.Builder effects = ImmutableArray.CreateBuilder<CallEffect>();
    private ReadOnlyMemory<byte> record;
    private CallState? state = before;
    private int sequence = before?.EventCount ?? 0;

    public CallState State => state!;

    /// <summary>When it is decided: never before the call's last entry.</summary>
    public long Now { get; } = Math.Max(now, before?.LastMillis ?? 0);

    public CallSettings Settings { get; } = settings;

    public Decision Add(CallEntry entry)
    {
        entry = entry with { AtMillis = Now };
        entries.Add(entry);
        state = CallDecider.Apply(state, entry);
        return this;
    }

    public Decision Emit(string method, ReadOnlyMemory<byte> parameters)
    {
        events.Add(new CallEvent(++sequence, method, parameters));
        return this;
    }

    public Decision Do(CallEffect effect)
    {
        effects.Add(effect);
        return this;
    }

    public Decision Reply(ReadOnlyMemory<byte> json) => Do(new ReplyResult(json));

    public Decision ReplyNull() => Reply("null"u8.ToArray());

    public void Record(ReadOnlyMemory<byte> callRecord) => record = callRecord;

    public CallDecision Build()
    {
        if (events.Count > 0)
        {
            if (entries.Count == 0) throw new InvalidOperationException("an event without an entry would not survive a recovery");
            entries[^1] = entries[^1] with { Events = events.Count };
            state = state! with { EventCount = sequence };
        }
        return new CallDecision
        {
            Entries = entries.ToImmutable(),
            Events = events.ToImmutable(),
            Effects = effects.ToImmutable(),
            CallRecord = record,
            State = state,
        };
    }
}
