namespace Cti.Media.Files;

/// <summary>
/// Makes a piece of speech join with any other: at most 16 ms of silence before it and 24 ms after it, so 40 ms at a join, and no step that clicks. The
/// built-in prompts are made so and stay as they are; this is for the recordings that replace them.
/// </summary>
internal static class PieceEnds
{
    private const int SamplesPerMilli = 8;
    private const int BeforeMax = 16 * SamplesPerMilli;
    private const int AfterMax = 24 * SamplesPerMilli;

    /// <summary>What is left of longer silence: a speaker's breath, as at the ends of the built-in prompts.</summary>
    private const int SilenceLeft = 10 * SamplesPerMilli;
    private const int Fade = 4 * SamplesPerMilli;

    /// <summary>Of 32768, -55 dB: below it nothing is heard on a telephone, and a step is no click.</summary>
    private const int Quiet = 56;

    /// <summary>The prompt itself where its ends are right, else one that is.</summary>
    public static Prompt Trim(Prompt prompt)
    {
        var samples = new short[prompt.Samples];
        prompt.CopyLinear(0, samples);
        var first = samples.AsSpan().IndexOfAnyExceptInRange((short)-Quiet, (short)Quiet);
        // A recording of silence is a pause that somebody wants.
        if (first < 0) return prompt;
        var end = samples.AsSpan().LastIndexOfAnyExceptInRange((short)-Quiet, (short)Quiet) + 1;
        var from = first > BeforeMax ? first - SilenceLeft : 0;
        var to = samples.Length - end > AfterMax ? end + SilenceLeft : samples.Length;
        if (from == 0 && to == samples.Length && first > 0 && end < samples.Length) return prompt;
        var trimmed = samples[from..to];
        if (first == 0) FadeIn(trimmed);
        if (end == samples.Length)
        {
            Array.Reverse(trimmed);
            FadeIn(trimmed);
            Array.Reverse(trimmed);
        }
        return Prompt.FromLinear(trimmed);
    }

    private static void FadeIn(short[] samples)
    {
        for (var i = 0; i < Math.Min(Fade, samples.Length); i++) samples[i] = (short)(samples[i] * i / Fade);
    }
}
