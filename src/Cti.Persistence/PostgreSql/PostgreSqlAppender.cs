using Npgsql;
using NpgsqlTypes;

namespace Cti.Persistence.PostgreSql;

/// <summary>
/// A batch of appends as the parameters of one statement: an array a column, and with each row the number of the append that it belongs to (from 1).
/// </summary>
internal static class PostgreSqlAppender
{
    private const int ParameterCount = 38;

    internal static readonly string Sql = $"SELECT cti_append_1({string.Join(", ", Enumerable.Range(1, ParameterCount).Select(static i => $"${i}"))})";

    private static readonly NpgsqlDbType Ints = NpgsqlDbType.Array | NpgsqlDbType.Integer, Longs = NpgsqlDbType.Array | NpgsqlDbType.Bigint,
        Texts = NpgsqlDbType.Array | NpgsqlDbType.Text, Uuids = NpgsqlDbType.Array | NpgsqlDbType.Uuid, Bytes = NpgsqlDbType.Array | NpgsqlDbType.Bytea;

    internal static NpgsqlParameter[] Parameters(IReadOnlyList<InstanceAppend> appends) =>
    [
        .. Heads(appends), .. Entries(appends), .. Events(appends), .. Idempotency(appends), .. CallRecords(appends), .. Permits(appends),
        .. Rows(appends, static append => append.ReleasedResources, static rows => new NpgsqlParameter[] { Column(Texts, rows, static row => row) }),
    ];

    internal static AppendOutcome[] Outcomes(int[] codes) => Array.ConvertAll(codes, static code => code switch
    {
        0 => AppendOutcome.Accepted,
        1 => AppendOutcome.Fenced,
        _ => AppendOutcome.TailMismatch,
    });

    private static NpgsqlParameter[] Heads(IReadOnlyList<InstanceAppend> appends) =>
    [
        Column(Ints, appends, static append => append.Instance),
        Column(Texts, appends, static append => append.Owner),
        Column(Longs, appends, static append => append.Epoch),
        Column(Longs, appends, static append => append.ExpectedTail),
        Column(Longs, appends, static append => append.NewTail),
    ];

    private static NpgsqlParameter[] Entries(IReadOnlyList<InstanceAppend> appends) =>
        Rows(appends, static append => append.Entries, static rows => new NpgsqlParameter[]
    {
        Column(Longs, rows, static entry => entry.Position),
        Column(Texts, rows, static entry => entry.ResourceId),
        Column(Ints, rows, static entry => entry.Version),
        Column(Bytes, rows, static entry => entry.Payload),
    }, IsKept);

    /// <summary>What the same append writes and deletes is not sent: the last entries of each call.</summary>
    private static bool IsKept(InstanceAppend append, JournalEntry entry)
    {
        var released = append.ReleasedResources;
        for (var i = 0; i < released.Count; i++)
        {
            if (released[i] == entry.ResourceId) return false;
        }
        return true;
    }

    private static NpgsqlParameter[] Events(IReadOnlyList<InstanceAppend> appends) =>
        Rows(appends, static append => append.Events, static rows => new NpgsqlParameter[]
    {
        Column(Texts, rows, static stored => stored.Application),
        Column(Longs, rows, static stored => stored.Position),
        Column(Texts, rows, static stored => stored.ResourceId),
        Column(Ints, rows, static stored => stored.Sequence),
        Column(Longs, rows, static stored => stored.UnixMillis),
        Column(Texts, rows, static stored => stored.Method),
        Column(Bytes, rows, static stored => stored.Params),
        Column(Bytes, rows, static stored => stored.Media),
    });

    private static NpgsqlParameter[] Idempotency(IReadOnlyList<InstanceAppend> appends) =>
        Rows(appends, static append => append.Idempotency, static rows => new NpgsqlParameter[]
    {
        Column(Texts, rows, static row => row.Application),
        Column(Uuids, rows, static row => row.RequestId),
        Column(Longs, rows, static row => unchecked((long)row.ParametersHash)),
        Column(Longs, rows, static row => row.UnixMillis),
        Column(Bytes, rows, static row => row.Reply),
    });

    private static NpgsqlParameter[] CallRecords(IReadOnlyList<InstanceAppend> appends) =>
        Rows(appends, static append => append.CallRecords, static rows => new NpgsqlParameter[]
    {
        Column(Uuids, rows, static record => record.Id),
        Column(Texts, rows, static record => record.Node),
        Column(Texts, rows, static record => record.ResourceId),
        Column(Longs, rows, static record => record.UnixMillis),
        Column(Bytes, rows, static record => record.Fields),
    });

    private static NpgsqlParameter[] Permits(IReadOnlyList<InstanceAppend> appends) =>
    [
        .. Rows(appends, static append => append.BoundPermits, static rows => new NpgsqlParameter[]
        {
            Column(Texts, rows, static bound => bound.Key),
            Column(Texts, rows, static bound => bound.Value),
        }),
        .. Rows(appends, static append => append.ReleasedPermits, static rows => new NpgsqlParameter[] { Column(Texts, rows, static row => row) }),
    ];

    /// <summary>All rows of one kind of all appends: first the numbers of their appends, then their columns.</summary>
    private static NpgsqlParameter[] Rows<T>(IReadOnlyList<InstanceAppend> appends, Func<InstanceAppend, IReadOnlyList<T>> of,
        Func<List<T>, NpgsqlParameter[]> columns, Func<InstanceAppend, T, bool>? isKept = null)
    {
        List<int> numbers = [];
        List<T> rows = [];
        for (var n = 0; n < appends.Count; n++)
        {
            var list = of(appends[n]);
            for (var i = 0; i < list.Count; i++)
            {
                if (isKept is not null && !isKept(appends[n], list[i])) continue;
                numbers.Add(n + 1);
                rows.Add(list[i]);
            }
        }
        return [Column(Ints, numbers, static n => n), .. columns(rows)];
    }

    private static NpgsqlParameter<TValue[]> Column<TRow, TValue>(NpgsqlDbType type, IReadOnlyList<TRow> rows, Func<TRow, TValue> value)
    {
        var values = new TValue[rows.Count];
        for (var i = 0; i < values.Length; i++) values[i] = value(rows[i]);
        return new NpgsqlParameter<TValue[]> { NpgsqlDbType = type, TypedValue = values };
    }
}
