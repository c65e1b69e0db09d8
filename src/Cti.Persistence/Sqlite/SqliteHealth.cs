namespace Cti.Persistence.Sqlite;

/// <summary>
/// Whether the file can still be trusted. Once it cannot, nothing is written to it any more: what would be promised might not be there after a restart.
/// </summary>
/// <param name="path">The file.</param>
/// <param name="told">Told once what is wrong and what to do.</param>
internal sealed class SqliteHealth(string path, Action<string>? told)
{
    private string? _whyBroken;

    /// <summary>What is wrong and what to do; null while nothing is.</summary>
    internal string? WhyBroken => Volatile.Read(ref _whyBroken);

    /// <summary>The file is damaged or gone.</summary>
    /// <param name="what">What was noticed.</param>
    internal void Break(string what)
    {
        var why = $"{path}: {what}; {SqliteOpening.Remedy}";
        if (Interlocked.CompareExchange(ref _whyBroken, why, null) is null) told?.Invoke(why);
    }

    /// <exception cref="StoreUnavailableException">The file is damaged or gone.</exception>
    internal void ThrowIfBroken()
    {
        if (WhyBroken is { } why) throw new StoreUnavailableException(why) { IsBroken = true };
    }
}
