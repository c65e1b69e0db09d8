namespace Cti.Media.Rtcp;

/// <summary>The E-model (ITU-T G.107) reduced to what a gateway sees: loss and delay, everything else at its default.</summary>
internal static class MosEstimate
{
    /// <summary>The rating with all defaults and no impairment.</summary>
    private const double RatingMax = 93.2;

    /// <summary>G.711's robustness against random loss, with concealment (ITU-T G.113 appendix I).</summary>
    private const double LossRobustness = 25.1;

    /// <summary>The mean opinion score, 1..4.41.</summary>
    /// <param name="lossFraction">Packets lost, 0..1.</param>
    /// <param name="oneWayMillis">Delay from mouth to ear.</param>
    public static double From(double lossFraction, double oneWayMillis)
    {
        var percent = 100 * Math.Clamp(lossFraction, 0, 1);
        var delay = 0.024 * oneWayMillis + (oneWayMillis > 177.3 ? 0.11 * (oneWayMillis - 177.3) : 0);
        var equipment = 95 * percent / (percent + LossRobustness);
        var rating = RatingMax - delay - equipment;
        if (rating <= 0) return 1;
        return Math.Clamp(1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6, 1, 4.5);
    }
}
