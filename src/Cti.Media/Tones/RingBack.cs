using System.Collections.Concurrent;
using System.Collections.Frozen;
using Cti.Media.Files;

namespace Cti.Media.Tones;

/// <summary>Ring-back tones by country (ITU-T E.180 supplement 2): what a caller hears while the far end rings.</summary>
public static class RingBack
{
    private static readonly FrozenDictionary<string, ToneSegment[]> ByCountry = new Dictionary<string, ToneSegment[]>(StringComparer.OrdinalIgnoreCase)
    {
        ["AT"] = [new(420, 0, 1000), new(0, 0, 5000)],
        ["AU"] = [new(400, 450, 400), new(0, 0, 200), new(400, 450, 400), new(0, 0, 2000)],
        ["BE"] = [new(425, 0, 1000), new(0, 0, 3000)],
        ["BR"] = [new(425, 0, 1000), new(0, 0, 4000)],
        ["CA"] = [new(440, 480, 2000), new(0, 0, 4000)],
        ["CH"] = [new(425, 0, 1000), new(0, 0, 4000)],
        ["CN"] = [new(450, 0, 1000), new(0, 0, 4000)],
        ["DE"] = [new(425, 0, 1000), new(0, 0, 4000)],
        ["ES"] = [new(425, 0, 1500), new(0, 0, 3000)],
        ["FR"] = [new(440, 0, 1500), new(0, 0, 3500)],
        ["GB"] = [new(400, 450, 400), new(0, 0, 200), new(400, 450, 400), new(0, 0, 2000)],
        ["HK"] = [new(440, 480, 400), new(0, 0, 200), new(440, 480, 400), new(0, 0, 3000)],
        ["IN"] = [new(400, 0, 400), new(0, 0, 200), new(400, 0, 400), new(0, 0, 2000)],
        ["IT"] = [new(425, 0, 1000), new(0, 0, 4000)],
        ["JP"] = [new(400, 0, 1000), new(0, 0, 2000)],
        ["KR"] = [new(440, 480, 1000), new(0, 0, 2000)],
        ["NL"] = [new(425, 0, 1000), new(0, 0, 4000)],
        ["RU"] = [new(425, 0, 1000), new(0, 0, 4000)],
        ["SE"] = [new(425, 0, 1000), new(0, 0, 5000)],
        ["SG"] = [new(400, 425, 400), new(0, 0, 200), new(400, 425, 400), new(0, 0, 2000)],
        ["TW"] = [new(440, 480, 1000), new(0, 0, 2000)],
        ["US"] = [new(440, 480, 2000), new(0, 0, 4000)],
    }.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    private static readonly ConcurrentDictionary<string, Prompt> Made = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>The countries there are, as ISO 3166 two-letter codes.</summary>
    public static IEnumerable<string> Countries => ByCountry.Keys;

    /// <summary>One turn of a country's ring-back, to be repeated for ever; null for a country that is not in the table.</summary>
    public static Prompt? For(string country) =>
        ByCountry.TryGetValue(country, out var cadence) ? Made.GetOrAdd(country, static (_, segments) => Cadence.Render(segments), cadence) : null;
}
