using System.Collections.Immutable;
using Cti.Media.Codecs;
using Cti.Node.Configuration;
using Cti.Sip.Sdp;

namespace Cti.Node;

/// <summary>Which of the configured codecs this machine can do: Opus needs a library.</summary>
internal static class CodecWiring
{
    /// <summary>What this machine can do.</summary>
    public static ImmutableArray<string> Able() => OpusLibrary.IsPresent ? AudioNames.Codecs : AudioNames.Codecs.Remove(AudioNames.Opus);

    /// <summary>Of the configured ones those; where that leaves none, what every telephone has.</summary>
    public static ImmutableArray<string> Offered(ImmutableArray<string> configured, ImmutableArray<string> able)
    {
        ImmutableArray<string> offered = [.. configured.Where(able.Contains)];
        return offered.IsEmpty ? [AudioNames.Pcma, AudioNames.Pcmu] : offered;
    }

    /// <summary>Whether Opus is configured anywhere.</summary>
    public static bool WantsOpus(NodeConfiguration configuration) => configuration.Media.Codecs.Contains(AudioNames.Opus)
        || configuration.Trunks.Any(static trunk => trunk.Media.Codecs?.Contains(AudioNames.Opus) == true);
}
