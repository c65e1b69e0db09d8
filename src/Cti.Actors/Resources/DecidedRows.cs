using System.Buffers;
using System.Text.Json;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Persistence;
using Cti.Persistence.Journal;

namespace Cti.Actors.Resources;

/// <summary>What one append writes of a decision: its entries, its events, and what its request was answered.</summary>
internal static class DecidedRows
{
    /// <summary>The rows, numbered from <paramref name="first"/> on.</summary>
    /// <param name="first">The first free position.</param>
    /// <param name="decision">What was decided.</param>
    /// <param name="version">The version of the entries' bytes.</param>
    /// <param name="encode">An entry's bytes.</param>
    /// <param name="ask">The request that it answers, if any.</param>
    public static JournalRows Of<TState, TEntry>(long first, ResourceDecision<TState, TEntry> decision, int version, Func<TEntry,
        ReadOnlyMemory<byte>> encode, RpcAsk? ask)
        where TState : ResourceState
        where TEntry : ResourceEntry
    {
        var state = decision.State!;
        var id = state.Id.ToString();
        var position = first;
        var entries = new List<JournalEntry>(decision.Entries.Length);
        foreach (var entry in decision.Entries) entries.Add(new JournalEntry(position++, id, version, encode(entry)));
        var events = new List<StoredEvent>(decision.Events.Length);
        foreach (var happened in decision.Events)
            events.Add(new StoredEvent(state.Application, state.Id.Instance, position++, id, happened.Sequence, state.LastMillis, happened.Method,
                happened.Params, default));
        return new JournalRows
        {
            Tag = state,
            Entries = entries,
            Events = events,
            Idempotency = Remember(decision.Effects, ask, state.LastMillis),
            ReleasedResources = state.IsOver ? [id] : [],
        };
    }

    private static IReadOnlyList<IdempotencyRow> Remember(IEnumerable<ResourceEffect> effects, RpcAsk? ask, long now)
    {
        if (ask?.Request is not { RequestId: { } id } request) return [];
        return effects.OfType<ReplyResult>().FirstOrDefault() is { } reply
            ? [new IdempotencyRow(request.Application, id, request.ParametersHash, now, StoredReply.Write(reply.Result))]
            : [];
    }
}

/// <summary>The bytes of an answer that is remembered: <c>{"result": …}</c>.</summary>
internal static class StoredReply
{
    /// <summary>An answer's bytes.</summary>
    public static byte[] Write(ReadOnlyMemory<byte> result) => [.. "{\"result\":"u8, .. result.Span, (byte)'}'];

    /// <summary>The answer, whichever version wrote it.</summary>
    public static RpcReply Read(ReadOnlyMemory<byte> stored)
    {
        using var document = JsonDocument.Parse(stored);
        var result = new ArrayBufferWriter<byte>(stored.Length);
        using (var json = new Utf8JsonWriter(result)) document.RootElement.GetProperty("result").WriteTo(json);
        return RpcReply.Ok(result.WrittenMemory);
    }
}
