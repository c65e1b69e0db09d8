using Cti.Sip.Message;

namespace Cti.Actors.Tests.Nodes;

/// <summary>A call that came from 192.0.2.10 and is up.</summary>
/// <param name="Phone">Its far end.</param>
/// <param name="Id">The resource.</param>
/// <param name="Ok">What the node answered.</param>
internal sealed record AnsweredCall(RawPeer Phone, string Id, SipResponse Ok)
{
    internal static AnsweredCall On(NodeBench bench, int maxAnswerSeconds = 60)
    {
        var phone = bench.Peer("192.0.2.10");
        phone.Invite("100", "Contact: <sip:caller@192.0.2.10>");
        var id = bench.Expect("sys.call.on_incoming").GetProperty("res_id").GetString()!;
        phone.Response(180);
        bench.Ask("sys.call.answer", ("res_id", id), ("max_answer_seconds", maxAnswerSeconds)).Error.ShouldBeNull();
        var call = new AnsweredCall(phone, id, phone.Response(200));
        call.Send("ACK", 1);
        bench.Expect("sys.call.on_answer_completed");
        return call;
    }

    /// <summary>Sends a request of its dialog.</summary>
    internal void Send(string method, int number) => Phone.Send($"""
        {method} {Ok.Contact!.Uri} SIP/2.0
        Via: SIP/2.0/UDP {Phone.Local};branch=z9hG4bK{method}{number}
        Max-Forwards: 70
        From: <sip:caller@{Phone.Local.Address}>;tag=caller
        To: {Ok.Get(HeaderId.To)}
        Call-ID: {Ok.CallId}
        CSeq: {number} {method}
        """);
}
