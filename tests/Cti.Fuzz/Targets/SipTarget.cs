using Cti.Sip.Dialog;
using Cti.Sip.Message;

namespace Cti.Fuzz.Targets;

/// <summary>
/// SIP messages: whatever comes, the parser does not throw; a stream's part consumes nothing; what is accepted can be asked for everything, written, and
/// read again as the same. A broken promise is an exception here, which is what a fuzzer looks for.
/// </summary>
public static class SipFuzzTarget
{
    private static readonly SipRequestRules Rules = new(["INVITE", "BYE", "OPTIONS"], ["timer"], ["application/sdp"]);
    private static readonly NameAddr Contact = new(SipUri.Parse("sip:us@192.0.2.1"));

    public static void Run(ReadOnlySpan<byte> data)
    {
        Check(SipParser.ParseDatagram(data), data.Length, stream: false);
        var rest = data;
        for (var i = 0; i < 16; i++)
        {
            var result = SipParser.ParseStream(rest);
            Check(result, rest.Length, stream: true);
            if (result.Outcome == SipParseOutcome.NeedMore || result.IsFatal) break;
            rest = rest[result.Consumed..];
        }
        if (NameAddr.TryParse(data, out var address) && !NameAddr.TryParse(address.ToString(), out _))
            throw new InvalidOperationException("an address cannot be read again");
    }

    private static void Check(SipParseResult result, int length, bool stream)
    {
        if (result.Consumed < 0 || result.Consumed > length) throw new InvalidOperationException("consumed what is not there");
        switch (result.Outcome)
        {
            case SipParseOutcome.NeedMore when !stream || result.Consumed != 0 || result.Message is not null:
                throw new InvalidOperationException("needs more, yet took something");
            case SipParseOutcome.Rejected when result.Rejection == SipRejection.None || (stream && result.Consumed == 0):
                throw new InvalidOperationException("rejected without a name or without getting on");
            case SipParseOutcome.Rejected when result is { Message: SipRequest request, Status: not 0 }:
                SipMessageWriter.ToArray(SipResponse.For(request, result.Status, null, "tag"));
                break;
            case SipParseOutcome.Message:
                CheckMessage(result.Message ?? throw new InvalidOperationException("a message without a message"));
                break;
        }
    }

    private static void CheckMessage(SipMessage message)
    {
        AskForEverything(message);
        var again = SipParser.ParseStream(SipMessageWriter.ToArray(message));
        if (again.Outcome != SipParseOutcome.Message) throw new InvalidOperationException($"what was accepted is {again.Rejection} when written");
        if (again.Message!.CallId != message.CallId || again.Message.CSeq != message.CSeq || again.Message.Vias.Count != message.Vias.Count
            || !again.Message.Body.Span.SequenceEqual(message.Body.Span)) throw new InvalidOperationException("what was written is another message");
        if (message is SipRequest request) SipMessageWriter.ToArray(SipResponse.For(request, 200, null, "tag"));
    }

    private static void AskForEverything(SipMessage message)
    {
        foreach (var via in message.Vias) _ = $"{via} {via.Branch} {via.RPort} {via.PortOrDefault} {via.Received}";
        _ = message.From.ToString();
        _ = message.To.ToString();
        foreach (var address in message.Contacts.Concat(message.Routes).Concat(message.RecordRoutes).Append(message.From).Append(message.To))
        {
            _ = $"{address} {address.Tag} {address.Uri.UserUnescaped} {address.Uri.IsLooseRouter} {address.WithoutTag()}";
            if (!NameAddr.TryParse(address.ToString(), out var same) && address.Uri.IsReadable)
                throw new InvalidOperationException("an address that was read cannot be written");
            if (same is not null && address.Uri.IsReadable && same.Tag != address.Tag)
                throw new InvalidOperationException("a tag does not come back as it came");
        }
        _ = message.Require.Count + message.Supported.Count + message.Tokens(HeaderId.Allow).Count;
        if (message is SipRequest asked)
        {
            _ = SessionTimer.Answer(asked, "t", new SessionTimerRules(), out _);
            _ = SipCapabilities.RefuseExtensions(asked, "t");
            _ = InfoDtmf.IsDtmf(asked) ? InfoDtmf.Read(asked) : null;
            _ = SipReason.SipCause(asked);
            _ = DialogTag.TryFind(asked, out _);
            _ = SipRequestValidator.Find(asked, Rules);
        }
        else if (message is SipResponse answered)
        {
            _ = SessionTimer.FromResponse(answered);
            _ = RegisterUsage.GrantedSeconds(answered, Contact, 60);
        }
        _ = message.MaxForwards;
        _ = message.Expires;
        _ = message.ContentType?.ToString();
        foreach (ref readonly var header in message.Headers)
        {
            _ = header.Name;
            _ = header.Value;
        }
    }
}
