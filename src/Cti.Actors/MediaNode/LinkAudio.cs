using System.Net;
using Cti.Actors.Hosting;
using Cti.Calls;
using Cti.Kernel;
using Cti.Media;
using Cti.Media.Codecs;
using Cti.Media.Srtp;

namespace Cti.Actors.MediaNode;

/// <summary>
/// The other party's place in a bridge or conference where that party lives on another node: a media session of its own that carries the sound there and
/// back, protected by keys that both nodes know from the saga's messages. One pair of keys belongs to one pair of sessions. Nobody hears its reports: keys
/// that the far party pressed are its own call's, and so is its quality.
/// </summary>
internal sealed class LinkAudio
{
    private readonly NodeMedia _media;
    private readonly string _codec;

    private LinkAudio(NodeMedia media, HeldSession held, string codec, LinkSound own) => (_media, Held, _codec, Own) = (media, held, codec, own);

    /// <summary>The session as it is held.</summary>
    public HeldSession Held { get; }

    /// <summary>The session.</summary>
    public MediaSessionId Session => Held.Id;

    /// <summary>What the other node is told of this end.</summary>
    public LinkSound Own { get; }

    /// <summary>Opens this end and draws the keys of both; null where there is no room for another session.</summary>
    public static LinkAudio? Offer(NodeMedia media, ActorHandle holder, IRandom random, string codec)
    {
        var keys = SrtpKeys.Draw(random);
        return Open(media, holder, codec, keys, random.NextHex(8),
            own => own with { Codec = codec, OwnKey = keys.Local.ToBase64(), OtherKey = keys.Remote!.ToBase64() });
    }

    /// <summary>Opens the other end of what was offered; null where there is no room for another session, or the offer is none.</summary>
    public static LinkAudio? Accept(NodeMedia media, ActorHandle holder, LinkSound offer)
    {
        if (offer is not { Codec: { } codec, OwnKey: { } theirs, OtherKey: { } ours } || SrtpKey.Parse(SrtpSuite.AesCm80, ours) is not { } local
            || SrtpKey.Parse(SrtpSuite.AesCm80, theirs) is not { } remote) return null;
        var link = Open(media, holder, codec, new SrtpKeys(local, remote), offer.Id, static own => own);
        link?.Connect(offer);
        return link;
    }

    /// <summary>Sound flows to and from there from now on.</summary>
    public void Connect(LinkSound other)
    {
        if (IPAddress.TryParse(other.Address, out var address) && other.Port is > 0 and < IPEndPoint.MaxPort)
            _media.Port.Configure(Session, MediaDescription.ForLink(new IPEndPoint(address, other.Port), MediaDescriptions.CodecOf(_codec)));
    }

    /// <summary>Ends it: the bridge or conference that it is in goes on without it.</summary>
    public void Close() => NodeMedia.Close(Held);

    private static LinkAudio? Open(NodeMedia media, ActorHandle holder, string codec, SrtpKeys keys, string id, Func<LinkSound, LinkSound> with)
    {
        // A node without the library could carry nothing of it: refused is better than silent.
        if (MediaDescriptions.CodecOf(codec) == AudioCodec.Opus && !OpusLibrary.IsPresent) return null;
        if (media.TryOpen(MediaSessionOptions.ForLink(keys), holder, isHeard: false, out _) is not { } held) return null;
        return new LinkAudio(media, held, codec, with(new LinkSound(id, held.Local.Address.ToString(), held.Local.Port)));
    }
}
