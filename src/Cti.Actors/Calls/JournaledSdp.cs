using System.Globalization;
using System.Text;
using Cti.Calls.Call;
using Cti.Sip.Sdp;

namespace Cti.Actors.Calls;

/// <summary>Our description as the journal has it, and what a node that takes the call over says instead.</summary>
internal static class JournaledSdp
{
    /// <summary>What we said last; null where the journal does not tell.</summary>
    public static SdpSession? Of(CallState call) => SdpParser.TryParse(Encoding.UTF8.GetBytes(call.LocalSdp ?? ""), out var sdp, out _) ? sdp : null;

    /// <summary>What held, at our new place: who was on hold stays there.</summary>
    public static SdpSession Offer(CallState call, LocalAudio local)
    {
        var previous = Of(call);
        var live = previous?.Media.FirstOrDefault(static media => media.Port != 0);
        return SdpNegotiator.CreateOffer(live is null ? local : local with { Direction = previous!.DirectionOf(live) }, previous);
    }

    /// <summary>The version rises even where the same port was free again: sequence numbers and source are new.</summary>
    public static SdpSession Raised(SdpSession sdp, CallState call)
    {
        if (Of(call) is not { } previous || previous.Origin.Version != sdp.Origin.Version || !ulong.TryParse(sdp.Origin.Version, out var version)) return sdp;
        return sdp with { Origin = sdp.Origin with { Version = (version + 1).ToString(CultureInfo.InvariantCulture) } };
    }
}
