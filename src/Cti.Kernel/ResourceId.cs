using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Cti.Kernel;

/// <summary>
/// Names a resource: <c>AREA.STATION.INSTANCE-MODULE-PROCESS_ID</c>, e.g. <c>0.0.7-sys.call-23479873432234</c>.
/// </summary>
/// <param name="Area">First half of the cluster's name, 0 or more.</param>
/// <param name="Station">Second half of the cluster's name, 0 or more.</param>
/// <param name="Instance">The shard that owns the resource, 0..N-1.</param>
/// <param name="Module">What it is: one of <see cref="Modules"/>.</param>
/// <param name="ProcessId">Positive, below 2^53, unique in the cluster, rising within an instance.</param>
public readonly record struct ResourceId(int Area, int Station, int Instance, string Module, long ProcessId)
{
    /// <summary>The largest process id: 2^53 - 1, so that every JSON reader keeps it exact.</summary>
    public const long ProcessIdMax = (1L << 53) - 1;

    /// <summary>The contract's text form.</summary>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Area}.{Station}.{Instance}-{Module}-{ProcessId}");

    /// <summary>Reads the text form; false when any part is missing, negative, out of range or not in canonical form.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out ResourceId id)
    {
        id = default;
        if (text is null || text.Length > 100) return false;
        var dash1 = text.IndexOf('-', StringComparison.Ordinal);
        var dash2 = text.LastIndexOf('-');
        if (dash1 <= 0 || dash2 <= dash1 + 1) return false;
        var node = text.AsSpan(0, dash1);
        var dot1 = node.IndexOf('.');
        if (dot1 < 0) return false;
        var dot2 = node[(dot1 + 1)..].IndexOf('.');
        if (dot2 < 0) return false;
        dot2 += dot1 + 1;
        if (!TryNumber(node[..dot1], out var area) || !TryNumber(node[(dot1 + 1)..dot2], out var station) ||
            !TryNumber(node[(dot2 + 1)..], out var instance) || !TryNumber(text.AsSpan(dash2 + 1), out var process)) return false;
        if (area > int.MaxValue || station > int.MaxValue || instance > int.MaxValue || process is < 1 or > ProcessIdMax) return false;
        if (!Modules.TryIntern(text.AsSpan(dash1 + 1, dash2 - dash1 - 1), out var module)) return false;
        id = new ResourceId((int)area, (int)station, (int)instance, module, process);
        return true;
    }

    private static bool TryNumber(ReadOnlySpan<char> text, out long value) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value) && (text.Length == 1 || text[0] != '0');
}

/// <summary>The modules of the contract.</summary>
public static class Modules
{
    /// <summary>A call.</summary>
    public const string Call = "sys.call";
    /// <summary>A conference.</summary>
    public const string Conference = "sys.conf";
    /// <summary>Call someone and play a message.</summary>
    public const string NotifyCall = "ext.notify_call";
    /// <summary>Call someone, play a prompt, collect keys.</summary>
    public const string CaptchaCall = "ext.captcha_call";
    /// <summary>Call two parties and connect them.</summary>
    public const string DuoCallback = "ext.duo_callback";

    private static readonly string[] All = [Call, Conference, NotifyCall, CaptchaCall, DuoCallback];

    internal static bool TryIntern(ReadOnlySpan<char> text, [NotNullWhen(true)] out string? module)
    {
        foreach (var known in All)
        {
            if (!text.SequenceEqual(known)) continue;
            module = known;
            return true;
        }
        module = null;
        return false;
    }
}
