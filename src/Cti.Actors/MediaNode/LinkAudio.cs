using System.Net;
using Cti.Calls;
using Cti.Kernel;
using Cti.Media;
using Cti.Media.Srtp;

namespace Cti.Actors.MediaNode;

/// <summary>
/// The other party's place in a bridge or conference where that party lives on another node: a media session of its own that carries the sound there and
/// back, protected by keys that both nodes know from the saga's messages. One pair of keys belongs to one pair of sessions.
/// </summary>
internal sealed class LinkAudio : IMediaEvents
{
    private readonly MediaSessions _media;
    private readonly string _codec;
    private bool _isClosed;

    private LinkAudio(MediaSessions media, string codec) => (_media, _codec) = (media, codec);

    /// <summary>The session.</summary>
    public MediaSessionId Session { get; private set; }

    /// <summary>What the other node is told of this end.</summary>
    public LinkSound Own { get; private set; } = null!;

    /// <summary>Opens this end and draws the keys of both; null where there is no room for another session.</summary>
    public static LinkAudio? Offer(MediaSessions media, IRandom random, string codec)
    {
        var keys = SrtpKeys.Draw(random);
        if (Open(media, codec, keys, random.NextHex(8)) is not { } link) return null;
        link.Own = link.Own with { Codec = codec, OwnKey = keys.Local.ToBase64(), OtherKey = keys.Remote.ToBase64() };
        return link;
    }

    /// <summary>Opens the other end of what was offered; null where there is no room for another session, or the offer is none.</summary>
    public static LinkAudio? Accept(MediaSessions media, LinkSound offer)
    {
        if (offer is not { Codec: { } codec, OwnKey: { } theirs, OtherKey: { } ours } || SrtpKey.Parse(ours) is not { } local || SrtpKey.Parse(theirs) is not { } remote) return null;
        var link = Open(media, codec, new SrtpKeys(local, remote), offer.Id);
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
    public void Close()
    {
        if (_isClosed) return;
        _isClosed = true;
        _media.Port.Close(Session);
    }

    /// <inheritdoc/>
    public void OnMediaEvent(MediaSessionId session, MediaEvent happened)
    {
        // Keys that the far party pressed are its own call's; quality is its own call's as well.
    }

    private static LinkAudio? Open(MediaSessions media, string codec, SrtpKeys keys, string id)
    {
        var link = new LinkAudio(media, codec);
        if (media.TryOpen(MediaSessionOptions.ForLink(keys), link, out _) is not { } opened) return null;
        link.Session = opened.Session;
        link.Own = new LinkSound(id, opened.Local.Address.ToString(), opened.Local.Port);
        return link;
    }
}
