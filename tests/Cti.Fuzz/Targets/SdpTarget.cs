using System.Collections.Immutable;
using System.Net.Sockets;
using Cti.Kernel;
using Cti.Sip.Sdp;

namespace Cti.Fuzz.Targets;

/// <summary>
/// Bodies and session descriptions: find, parse, write, resolve, negotiate in both roles. Nothing may throw or grow, what was written must read back as the
/// same, and an answer has every stream of the offer in its place.
/// </summary>
public static class SdpTarget
{
    private static readonly string?[] Types =
        [null, "multipart/mixed;boundary=b", "multipart/related; type=\"application/sdp\"; boundary=\"b\"", "multipart/alternative;boundary=b",
            "multipart/x-unknown", "application/sdp"];

    public static void Run(ReadOnlySpan<byte> input)
    {
        foreach (var type in Types)
        {
            var found = SdpBody.Find(type, input);
            if (found.Length > input.Length) throw new InvalidOperationException("more was found than there is");
            if (found.Length < input.Length && SdpParser.TryParse(found, out var part, out _)) Negotiate(part);
        }
        // A type that says what the body begins with.
        if (input.IndexOf("\r\n\r\n"u8) is > 0 and < 200 and var end) _ = SdpBody.Find(System.Text.Encoding.UTF8.GetString(input[..end]), input[(end + 4)..]);
        if (!SdpParser.TryParse(input, out var session, out _)) return;
        if (session.Media.Length > Limits.SdpMediaMax || session.Media.Any(media => media.Formats.Length > Limits.SdpFormatsMax))
            throw new InvalidOperationException("more streams or formats than there may be");
        var text = session.ToString();
        if (!SdpParser.TryParse(text, out var again, out var rejection))
        {
            // Replacement characters for broken UTF-8 are longer than what they replace.
            if (rejection == SdpRejection.TooLarge) return;
            throw new InvalidOperationException($"written, it is rejected as {rejection}");
        }
        if (again.ToString() != text) throw new InvalidOperationException("written, it reads back differently");
        Negotiate(session);
    }

    private static void Negotiate(SdpSession session)
    {
        if (SdpNegotiator.HostToLookUp(session) is { } named)
        {
            if (System.Net.IPAddress.TryParse(named.Address, out _)) throw new InvalidOperationException("an address would be looked up");
            session = session.With(ImmutableDictionary<string, string>.Empty.Add(named.Address, "192.0.2.9"));
            if (SdpNegotiator.HostToLookUp(session)?.Address == named.Address) throw new InvalidOperationException("what was looked up would be again");
        }
        _ = SdpNegotiator.PreferredFamily(session, family => family == AddressFamily.InterNetwork);
        foreach (var address in (string[])["192.0.2.1", "2001:db8::1"])
        {
            foreach (var codecs in (ImmutableArray<string>[])[["PCMA", "PCMU"], ["opus", "G722", "PCMA", "PCMU"]])
            {
                var local = new LocalAudio(address, 20000, 1, 1, codecs);
                var outcome = SdpNegotiator.Answer(session, local);
                if (outcome.Local is { } answer)
                {
                    CheckAnswer(session, answer, outcome.Audio!);
                    CheckOffer(SdpNegotiator.CreateOffer(local, answer));
                }
                if (SdpNegotiator.ApplyAnswer(SdpNegotiator.CreateOffer(local), session).Audio is { } agreed) CheckAgreed(agreed);
            }
        }
    }

    private static void CheckOffer(SdpSession offer)
    {
        var formats = offer.Media.Single(static media => media.Port != 0).Formats;
        if (formats.IsEmpty) throw new InvalidOperationException("nothing is offered");
        if (formats.Distinct().Count() != formats.Length) throw new InvalidOperationException("a payload type is offered twice: " + string.Join(' ', formats));
    }

    private static void CheckAnswer(SdpSession offer, SdpSession answer, NegotiatedAudio audio)
    {
        if (answer.Media.Length != offer.Media.Length || answer.Media.Count(media => media.Port != 0) != 1)
            throw new InvalidOperationException("the answer has not every stream in its place, and one of them on");
        if (answer.Media.Any(media => media.Formats.IsEmpty)) throw new InvalidOperationException("a stream of the answer has no format");
        var text = answer.ToString();
        foreach (var letter in text)
        {
            if (char.IsControl(letter) && letter is not ('\r' or '\n')) throw new InvalidOperationException("the answer has what cannot be printed");
        }
        if (text.Split("\r\n").Count(line => line.StartsWith("m=", StringComparison.Ordinal)) != offer.Media.Length)
            throw new InvalidOperationException("a line of the answer is more than one");
        CheckAgreed(audio);
    }

    private static void CheckAgreed(NegotiatedAudio audio)
    {
        if (audio.Wishes is { PacketMillis: < 10 or > 60 } or { PlaybackRate: < 8_000 or > 48_000 })
            throw new InvalidOperationException($"they would have {audio.Wishes}");
        if (!System.Net.IPAddress.TryParse(audio.RemoteAddress, out _) || !System.Net.IPAddress.TryParse(audio.RemoteRtcpAddress, out _))
            throw new InvalidOperationException("sound goes to no address");
        if (audio.AlsoReceived?.Split(',').Length > 128) throw new InvalidOperationException("more is received than there are numbers");
    }
}
