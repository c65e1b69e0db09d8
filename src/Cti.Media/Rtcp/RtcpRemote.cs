using Cti.Media.Rtp;

namespace Cti.Media.Rtcp;

/// <summary>Where RTCP is to be sent: where theirs came from; else as signalled; else, where RTP was latched elsewhere, the port above it.</summary>
internal sealed class RtcpRemote(RemoteLatch latch)
{
    private SocketAddressKey _signalledRtp;
    private SocketAddressKey _signalled;
    private SocketAddressKey _learned;

    /// <summary>Where to, now.</summary>
    public SocketAddressKey Remote => !_learned.IsNone ? _learned
        : latch.Remote.HasSameAddress(_signalledRtp) ? _signalled
        : latch.Remote.WithPort((ushort)(latch.Remote.Port + 1));

    /// <summary>Takes what signalling says; another place of RTP is another place of RTCP.</summary>
    public void Signal(SocketAddressKey rtp, SocketAddressKey rtcp)
    {
        if (rtp != _signalledRtp) _learned = default;
        _signalledRtp = rtp;
        _signalled = rtcp;
    }

    /// <summary>Whether RTCP from there is the far end's.</summary>
    public bool IsFarEnd(SocketAddressKey source) => source.HasSameAddress(latch.Remote) || source == _signalled;

    /// <summary>Theirs came from there.</summary>
    public void Learn(SocketAddressKey source) => _learned = source;
}
