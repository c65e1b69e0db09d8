using System.Net.Sockets;
using Cti.Sip.Sdp;

namespace Cti.Fuzz.Targets;

/// <summary>Session descriptions: parse, write, negotiate in both roles. Nothing may throw, and what was written must read back as the same.</summary>
public static class SdpTarget
{
    public static void Run(ReadOnlySpan<byte> input)
    {
        _ = SdpBody.Find("multipart/mixed;boundary=b", input);
        if (!SdpParser.TryParse(input, out var session, out _)) return;
        var text = session.ToString();
        if (!SdpParser.TryParse(text, out var again, out var rejection))
        {
            // Replacement characters for broken UTF-8 are longer than what they replace.
            if (rejection == SdpRejection.TooLarge) return;
            throw new InvalidOperationException($"written, it is rejected as {rejection}");
        }
        if (again.ToString() != text) throw new InvalidOperationException("written, it reads back differently");
        var six = SdpNegotiator.PreferredFamily(session) == AddressFamily.InterNetworkV6;
        var local = new LocalAudio(six ? "2001:db8::1" : "192.0.2.1", 20000, 1, 1, ["PCMA", "PCMU"]);
        var outcome = SdpNegotiator.Answer(session, local);
        if (outcome.Local is { } answer && answer.Media.Length != session.Media.Length)
            throw new InvalidOperationException("the answer has another number of streams");
        _ = SdpNegotiator.ApplyAnswer(SdpNegotiator.CreateOffer(local), session);
    }
}
