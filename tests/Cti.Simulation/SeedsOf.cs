using System.Globalization;

namespace Cti.Simulation;

/// <summary>Which seeds a run is asked for: <c>./build.sh simulate [--cluster] [--seed N] [--count N]</c>.</summary>
internal static class SeedsOf
{
    /// <summary>Whether seeds were asked for: then nothing but they are run.</summary>
    public static bool IsAsked => Variable("CTI_SIM_SEED") is not null || Variable("CTI_SIM_COUNT") is not null;

    private static bool IsCluster => Variable("CTI_SIM_CLUSTER") is not null;

    /// <summary>After how many failing seeds a run stops.</summary>
    public static int FailuresMax => int.TryParse(Variable("CTI_SIM_FAILURES"), CultureInfo.InvariantCulture, out var most) ? most : 5;

    /// <summary>For worlds of one node; none where clusters were asked for.</summary>
    public static (ulong First, ulong Count) OneNode(ulong byDefault) => IsCluster ? (1, 0) : Asked(byDefault);

    /// <summary>For clusters; none where worlds of one node were asked for.</summary>
    public static (ulong First, ulong Count) Cluster(ulong byDefault) => IsAsked && !IsCluster ? (1, 0) : Asked(byDefault);

    private static (ulong First, ulong Count) Asked(ulong byDefault)
    {
        var seed = Variable("CTI_SIM_SEED");
        var count = Variable("CTI_SIM_COUNT");
        return (seed is null ? 1ul : ulong.Parse(seed, CultureInfo.InvariantCulture),
            count is not null ? ulong.Parse(count, CultureInfo.InvariantCulture) : seed is null ? byDefault : 1ul);
    }

    private static string? Variable(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;
}
