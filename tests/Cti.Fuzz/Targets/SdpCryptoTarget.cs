using System.Collections.Immutable;
using System.Text;
using Cti.Media.Srtp;
using Cti.Sip.Sdp;

namespace Cti.Fuzz.Targets;

/// <summary>
/// Crypto lines of offers and answers (RFC 4568): whatever they say, a stream is protected by keys of one suite that both can use, under a tag that was
/// offered, or not at all where that may be; and nothing that is kept has a key.
/// </summary>
public sealed class SdpCryptoTarget : IFuzzTarget
{
    private const string Key30 = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz", Key28 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw==";
    private const string Key44 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKis=";

    private static readonly LocalAudio[] Ours = [.. new LocalCrypto?[]
    {
        null, new(false, Keys()), new(true, Keys()), new(true, [Keys()[3]]),
    }.Select(static crypto => new LocalAudio("192.0.2.1", 20_000, 1, 1, ["PCMA", "PCMU"]) { Crypto = crypto })];

    public string Name => "sdp-crypto";

    public IEnumerable<byte[]> Seeds =>
    [
        .. new[]
        {
            $"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{Key30}|2^20|1:32\r\na=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:{Key30}\r\n",
            $"a=crypto:7 AEAD_AES_256_GCM inline:{Key44}|1048576 UNENCRYPTED_SRTP\r\na=crypto:8 AEAD_AES_128_GCM inline:{Key28}|2^31 WSH=60 KDR=0 -x\r\n",
            $"a=Crypto: 999999999 aes_cm_128_hmac_sha1_80  INLINE:{Key30[..40]}\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80\r\na=key-mgmt:mikey AQAFgM0X\r\n",
            $"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{Key30};inline:{Key30}|1:1\r\na=crypto:0 F8_128_HMAC_SHA1_80 inline:{Key30}\r\n",
            $"a=crypto:-1 AES_CM_128_HMAC_SHA1_80 inline:{Key30}|0:0\r\na=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:{Key30}|1:129\r\n"
                + $"a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:{Key30}|1:128 FEC_ORDER=SRTP_FEC\r\n"
                + $"m=audio 5000 RTP/AVP 8\r\na=crypto:3 AEAD_AES_256_GCM inline:{Key44}\r\n",
        }.Select(Encoding.ASCII.GetBytes),
    ];

    public void Run(ReadOnlySpan<byte> input)
    {
        var lines = Encoding.Latin1.GetString(input);
        foreach (var profile in (string[])["RTP/SAVP", "RTP/AVP"])
        {
            var text = $"v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\nm=audio 4000 {profile} 8\r\n{lines}";
            if (!SdpParser.TryParse(text, out var theirs, out _)) continue;
            foreach (var ours in Ours)
            {
                Check(ours, SdpNegotiator.Answer(theirs, ours), theirs);
                var offer = SdpNegotiator.CreateOffer(ours);
                if (SdpNegotiator.ApplyAnswer(offer, theirs).Audio is { } agreed) CheckKeys(ours, agreed.Keys, IsSavp(offer) || IsSavp(theirs));
            }
            Kept(theirs, Encoding.UTF8.GetBytes(text));
        }
    }

    private static ImmutableArray<CryptoKey> Keys() =>
        [new(CryptoSuites.AesCm80, Key30), new(CryptoSuites.AesCm32, Key30), new(CryptoSuites.AesGcm128, Key28), new(CryptoSuites.AesGcm256, Key44)];

    private static bool IsSavp(SdpSession session) => session.Media.First(static media => media.Port != 0).Protocol == "RTP/SAVP";

    private static void Check(LocalAudio ours, SdpOutcome outcome, SdpSession theirs)
    {
        if (outcome.Audio is not { } agreed) return;
        var place = outcome.Local!.Media.ToList().FindIndex(static media => media.Port != 0);
        var lines = outcome.Local.Media[place].Attributes.Where(static attribute => attribute.Name == "crypto").ToList();
        CheckKeys(ours, agreed.Keys, outcome.Local.Media[place].Protocol == "RTP/SAVP");
        if (lines.Count != (agreed.Keys is null ? 0 : 1)) throw new InvalidOperationException($"{lines.Count} crypto lines in an answer");
        if (lines.Count == 0) return;
        // Read here by other means than there: the answer names a line of the offer by its number and its suite.
        var own = lines[0].Value!.Split(' ');
        var isOffered = theirs.Media[place].Attributes.Where(static attribute => attribute.Name.Equals("crypto", StringComparison.OrdinalIgnoreCase))
            .Select(static attribute => (attribute.Value ?? "").Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries))
            .Any(words => words.Length > 2 && words[0].TrimStart('0') == own[0].TrimStart('0') && words[1].Equals(own[1], StringComparison.OrdinalIgnoreCase));
        if (!isOffered) throw new InvalidOperationException("the answer takes a line that nobody offered");
        if (own[2] != "inline:" + agreed.Keys!.Local.KeyAndSalt) throw new InvalidOperationException("the answer has another key than the stream");
    }

    private static void CheckKeys(LocalAudio ours, StreamKeys? keys, bool isSavp)
    {
        if (keys is null)
        {
            if (isSavp || ours.Crypto is { IsRequired: true }) throw new InvalidOperationException("a stream that must be protected is not");
            return;
        }
        if (ours.Crypto?.Keys.Contains(keys.Local) != true) throw new InvalidOperationException("a key of ours that is none");
        if (keys.Remote is not { } remote || remote.Suite != keys.Local.Suite) throw new InvalidOperationException("two suites, or one key");
        if (remote.IdentifierBytes is < 0 or > 128) throw new InvalidOperationException($"an identifier of {remote.IdentifierBytes} bytes");
        var suite = Actors.MediaNode.MediaDescriptions.SuiteOf(remote.Suite);
        if (SrtpKey.Parse(suite, remote.KeyAndSalt) is null) throw new InvalidOperationException("a key that the media side does not read");
        if (remote.ToString().Contains(remote.KeyAndSalt, StringComparison.Ordinal)) throw new InvalidOperationException("a key is printed");
    }

    private static void Kept(SdpSession theirs, byte[] text)
    {
        var journal = theirs.ToJournal();
        foreach (var line in journal.Split("\r\n"))
        {
            var name = line.Split(':')[0];
            if (name.Equals("a=key-mgmt", StringComparison.OrdinalIgnoreCase)) throw new InvalidOperationException("a key of RFC 4567 is kept");
            if (name.Equals("a=crypto", StringComparison.OrdinalIgnoreCase) && line.Split(' ').Length != 2)
                throw new InvalidOperationException("a crypto line is kept with more than its suite");
        }
        var hasSecrets = theirs.Attributes.Concat(theirs.Media.SelectMany(static media => media.Attributes))
            .Any(static attribute => attribute.Name.StartsWith("crypto", StringComparison.OrdinalIgnoreCase));
        if (hasSecrets && !SdpSession.MayHaveKeys(text)) throw new InvalidOperationException("a text with keys passes for one without");
        if (!SdpParser.TryParse(journal, out var again, out _)) return;
        foreach (var ours in Ours)
        {
            if (SdpNegotiator.Answer(again, ours, null, isJournaled: true).Audio?.Keys is { Remote: not null })
                throw new InvalidOperationException("a key comes out of a journal");
        }
    }
}
