using System.Net;

namespace Cti.Media.Rtp;

/// <summary>What signalling knows of where a far end may be, and how much it makes speak for a source; see <see cref="LatchMode"/>.</summary>
internal sealed class LatchSources
{
    private LatchMode _mode;
    private SocketAddressKey[] _sipSources = [];
    private bool _isBehindNat;

    /// <summary>The address and port that were signalled.</summary>
    public SocketAddressKey Signalled { get; private set; }

    /// <summary>Takes what signalling says.</summary>
    public void Signal(SocketAddressKey remote, FarEnd farEnd)
    {
        Signalled = remote;
        _mode = farEnd.Latch;
        _sipSources = [.. farEnd.Sources.Select(static address => SocketAddressKey.From(new IPEndPoint(address, 0)))];
        _isBehindNat = _mode switch
        {
            LatchMode.Strict => (remote.IsPrivate || remote.IsUnspecified) && !Array.Exists(_sipSources, remote.HasSameAddress),
            LatchMode.Nat or LatchMode.Authenticated => true,
            _ => false,
        };
    }

    /// <summary>How much speaks for it.</summary>
    public SourceRank RankOf(SocketAddressKey source)
    {
        if (source == Signalled) return SourceRank.Signalled;
        if (!_isBehindNat) return SourceRank.None;
        if (_mode == LatchMode.Authenticated || (_mode == LatchMode.Nat && source.HasSameAddress(Signalled))) return SourceRank.SipSource;
        var rank = SourceRank.None;
        foreach (var address in _sipSources)
        {
            if (source.HasSameAddress(address)) return SourceRank.SipSource;
            if (source.IsNear(address)) rank = SourceRank.Neighbour;
        }
        return rank;
    }
}
