using System.Net;
using Cti.Media.Codecs;
using Cti.Media.Rtp;

namespace Cti.Media.Session;

/// <summary>
/// Whether the far end may be sent to: whatever it says where it is trusted or has shown itself (see <see cref="FarEnd.Shown"/>), and else only in return
/// for what came from there. The latch decides where it is.
/// </summary>
internal sealed class FarEndReach(RemoteLatch latch)
{
    /// <summary>What a far end has to its credit at most: a second of G.711.</summary>
    private const int CreditBytesMax = 50 * (RtpPacket.HeaderBytes + Audio.FrameSamples);

    private bool _isTrusted;
    private SocketAddressKey _shown;
    private SocketAddressKey _creditor;
    private int _credit;

    /// <summary>Whether it may be sent to without anything in return.</summary>
    public bool IsFree => _isTrusted || (!_shown.IsNone && latch.Remote.HasSameAddress(_shown));

    /// <summary>Takes what signalling knows of it.</summary>
    public void Configure(FarEnd farEnd)
    {
        _isTrusted = farEnd.IsTrusted;
        _shown = farEnd.Shown is { } shown ? SocketAddressKey.From(new IPEndPoint(shown, 0)) : default;
    }

    /// <summary>Whether so many bytes may be sent now.</summary>
    public bool Allows(int bytes) => !latch.Remote.IsUnspecified && (IsFree || (_creditor == latch.Remote && _credit >= bytes));

    /// <summary>Something came from where we send to.</summary>
    public void Earn(int bytes)
    {
        if (IsFree) return;
        if (_creditor != latch.Remote) (_creditor, _credit) = (latch.Remote, 0);
        _credit = Math.Min(_credit + (FarEnd.ReturnFactor * bytes), CreditBytesMax);
    }

    /// <summary>Something was sent.</summary>
    public void Spend(int bytes)
    {
        if (!IsFree) _credit -= bytes;
    }
}
