using System.Globalization;
using Cti.Sip.Message;

namespace Cti.Testing.Peers;

/// <summary>Provisional responses that are acknowledged (RFC 3262), of either side.</summary>
public sealed partial class PeerCall
{
    private const string Ringing = "reliable";
    private long _lastRSeq;
    private uint _ownRSeq;

    /// <summary>Calls so that ringing has to be acknowledged, and acknowledges what it is told; without an offer it does not.</summary>
    public bool RequiresReliable { get; set; }

    /// <summary>Tells of ringing so that it has to be acknowledged, where the caller can.</summary>
    public bool RingsReliably { get; set; }

    private static bool Lists(SipMessage message) => message.Require.Contains("100rel") || message.Supported.Contains("100rel");

    private void Acknowledge(SipResponse provisional)
    {
        if (!provisional.Require.Contains("100rel")) return;
        if (!RequiresReliable)
        {
            Violated("a reliable response to a caller that does not do it");
            return;
        }
        if (!long.TryParse(provisional.Get(HeaderId.RSeq), CultureInfo.InvariantCulture, out var number) || number is < 1 or > uint.MaxValue
            || provisional.To.Tag is null || provisional.Contact is not { } contact)
        {
            Violated("a reliable response without number, tag or Contact");
            return;
        }
        if (number == _lastRSeq) return;
        if (_lastRSeq != 0 && number != _lastRSeq + 1)
        {
            Violated($"RSeq {number} after {_lastRSeq}");
            return;
        }
        _lastRSeq = number;
        RemoteTarget = contact.Uri;
        var prack = NewRequest(SipMethods.Prack, ++_localCSeq);
        prack.Set(HeaderId.To, provisional.Get(HeaderId.To)!);
        prack.Add(HeaderId.RAck, $"{number} {provisional.CSeq}");
        Start(prack);
    }

    /// <summary>Repeats a 180 until it is acknowledged.</summary>
    private void AwaitPrack(byte[] bytes) => Repeat(_pending[Ringing] =
        new Pending(Ringing, "180 INVITE", null, bytes, _server, _peer.Runtime.ElapsedMillis, _peer.T1));

    private void ReceivePrack(System.Net.IPEndPoint from, SipRequest prack)
    {
        var isRight = prack.Get(HeaderId.RAck) == string.Create(CultureInfo.InvariantCulture, $"{_ownRSeq} {_invite!.CSeq}");
        if (_ownRSeq == 0 || !isRight) Violated($"PRACK of {prack.Get(HeaderId.RAck)}, not of {_ownRSeq} {_invite.CSeq}");
        Stop(Ringing);
        Answer(from, prack, isRight ? 200 : 481);
    }
}
