using System.Globalization;

namespace Cti.Acceptance.Cluster;

/// <summary>What was seen in a round.</summary>
internal sealed record RoundReport(int Number, Fault Fault, string Victim)
{
    public int Calls { get; set; }
    public int Moved { get; set; }
    public int Lost { get; set; }
    /// <summary>From the fault until nobody's calls are the victim's, ms; negative where nothing moves.</summary>
    public double OwnershipMillis { get; set; } = -1;
    /// <summary>From the fault until a node says that the victim is gone, ms; negative where none does.</summary>
    public double DetectedMillis { get; set; } = -1;
    public double LastReinviteMillis { get; set; } = -1;
    /// <summary>Of calls with a new owner, and of the others.</summary>
    public double[] MovedGaps { get; set; } = [];
    public double[] OtherGaps { get; set; } = [];
    /// <summary>While the victim came back and the instances were spread again.</summary>
    public double[] ReturnGaps { get; set; } = [];
    /// <summary>By how much the phones themselves were late.</summary>
    public double Lateness { get; set; }
    public List<string> Problems { get; } = [];

    public const string Head = "round fault           victim  calls moved  lost  seen ms  owners ms  last re-INVITE ms   gap p50/p99/max ms     others "
        + "p99/max   return p99/max   phones late  problems";

    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Number,5} {Fault,-15} {Victim,7} {Calls,6} {Moved,5} {Lost,5} {DetectedMillis,8:F0} {OwnershipMillis,10:F0} {LastReinviteMillis,18:F0}   "
            + $"{Percentile(MovedGaps, 0.5),6:F0} {Percentile(MovedGaps, 0.99),6:F0} {Percentile(MovedGaps, 1),6:F0}  {Percentile(OtherGaps, 0.99),8:F0} "
            + $"{Percentile(OtherGaps, 1),6:F0}  {Percentile(ReturnGaps, 0.99),8:F0} {Percentile(ReturnGaps, 1),6:F0} {Lateness,12:F0} {Problems.Count,9}");

    public static double Percentile(double[] samples, double share) =>
        samples.Length == 0 ? 0 : samples.Order().ElementAt(Math.Min(samples.Length - 1, (int)(share * samples.Length)));
}
