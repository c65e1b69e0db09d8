namespace Cti.Sip.Message;

/// <summary>
/// Reads typed values of header fields, and finds what makes a message useless for its purpose (RFC 3261 sections 8.1.1 and 8.2.2). A field that the
/// purpose does not need is read when somebody asks for it, and is then there or not; it never costs the message.
/// <code>
///   every message               top Via, From, To, Call-ID, CSeq, each told once
///   request, but ACK and BYE    the whole Via field on top (it goes back with the answer), CSeq's method
///   request that makes a dialog, or registers          Contact, Record-Route
/// </code>
/// Responses, ACK and BYE are what a call hangs on: whoever sends one will not send a better one.
/// </summary>
internal static class SipMessageChecks
{
    /// <summary>The first fault, or None. A fault in a request is answered with 400.</summary>
    public static SipRejection Find(SipMessage message)
    {
        if (IsAmbiguous(message)) return SipRejection.RepeatedHeader;
        if (!message.Has(HeaderId.Via) || !message.Has(HeaderId.From) || !message.Has(HeaderId.To)
            || !message.Has(HeaderId.CallId) || !message.Has(HeaderId.CSeq)) return SipRejection.MissingHeader;
        if (message.Vias.Count == 0 || message.FromOrNull is null || message.ToOrNull is null || message.CallIdOrNull is null
            || message.CSeqOrNull is not { } cseq)
            return SipRejection.BadHeaderValue;
        if (message is not SipRequest request || IsTakenAsItIs(message)) return SipRejection.None;
        if (NeedsContact(request) && !ContactsAreValid(message)) return SipRejection.BadHeaderValue;
        if (MakesDialog(request) && message.RecordRoutes.Count == 0 && !CanRead(message, HeaderId.RecordRoute)) return SipRejection.BadHeaderValue;
        return request.Method.Equals(cseq.Method, StringComparison.Ordinal) ? SipRejection.None : SipRejection.MethodMismatch;
    }

    /// <summary>Whether nothing but what tells transaction and dialog may be at fault: a response, an ACK, a BYE.</summary>
    public static bool IsTakenAsItIs(SipMessage message) => message is SipResponse or SipRequest { Method: SipMethods.Ack or SipMethods.Bye };

    /// <summary>Whether all of these header fields could be read; also where there is none.</summary>
    public static bool CanRead(SipMessage message, HeaderId id) => !message.Has(id) || ReadAddresses(message, id) is not null;

    /// <summary>
    /// The Via values in order; null when the top one is malformed or there is none. Of what is below only the number counts, except that the field
    /// on top has to be whole in a request: a list that cannot be told apart cannot be answered (RFC 4475 section 3.1.2.1).
    /// </summary>
    public static ViaValue[]? ReadVias(SipMessage message)
    {
        ViaValue[]? first = null;
        List<ViaValue>? all = null;
        foreach (ref readonly var header in message.Headers)
        {
            if (header.Id != HeaderId.Via) continue;
            var lexer = new SipLexer(header.ValueBytes.Span);
            lexer.SkipSpace();
            var isTopField = all is null && first is null;
            do
            {
                if (lexer.AtEnd && first is not null && IsTakenAsItIs(message)) continue;
                var isWhole = ViaValue.TryRead(ref lexer, out var via);
                lexer.SkipSpace();
                if (!isWhole || (!lexer.AtEnd && lexer.Peek != ','))
                {
                    if ((via is null && first is null) || (isTopField && !IsTakenAsItIs(message))) return null;
                    lexer.SkipElement();
                    via ??= ViaValue.Unreadable;
                }
                if (first is null) first = [via!];
                else (all ??= [first[0]]).Add(via!);
            }
            while (lexer.TakeSeparator(','));
        }
        return all is null ? first : [.. all];
    }

    /// <summary>
    /// From or To; null when missing or malformed. Its parameters are what is needed; of a response, an ACK or a BYE they are found also where nothing
    /// else is well-formed.
    /// </summary>
    public static NameAddr? ReadAddress(SipMessage message, HeaderId id)
    {
        if (!message.TryGet(id, out var header)) return null;
        if (NameAddr.TryParse(header.ValueBytes.Span, anyUri: true, out var value)) return value;
        return IsTakenAsItIs(message) ? NameAddr.Salvage(header.ValueBytes.Span) : null;
    }

    /// <summary>The Contacts that can be read, in order.</summary>
    public static NameAddr[] ReadContacts(SipMessage message) => ReadAddresses(message, HeaderId.Contact, skip: true)!;

    /// <summary>All addresses of that kind in order; null when one is malformed, unless those are to be skipped. Empty elements count for nothing.</summary>
    public static NameAddr[]? ReadAddresses(SipMessage message, HeaderId id, bool skip = false)
    {
        NameAddr[]? first = null;
        List<NameAddr>? all = null;
        foreach (ref readonly var header in message.Headers)
        {
            if (header.Id != id) continue;
            var lexer = new SipLexer(header.ValueBytes.Span);
            lexer.SkipSpace();
            do
            {
                if (lexer.AtEnd || lexer.Peek == ',') continue;
                if (NameAddr.TryRead(ref lexer, out var value))
                {
                    lexer.SkipSpace();
                    if (!lexer.AtEnd && lexer.Peek != ',') value = null;
                }
                if (value is null)
                {
                    if (!skip) return null;
                    lexer.SkipElement();
                    continue;
                }
                if (first is null) first = [value];
                else (all ??= [first[0]]).Add(value);
            }
            while (lexer.TakeSeparator(','));
        }
        return all is null ? first ?? [] : [.. all];
    }

    /// <summary>Whether a field that tells transaction or dialog says two things.</summary>
    private static bool IsAmbiguous(SipMessage message)
    {
        var headers = message.Headers;
        var seen = 0;
        for (var i = 0; i < headers.Length; i++)
        {
            var bit = headers[i].Id switch { HeaderId.From => 1, HeaderId.To => 2, HeaderId.CallId => 4, HeaderId.CSeq => 8, _ => 0 };
            if ((seen & bit) != 0 && message.TryGet(headers[i].Id, out var first) && !first.ValueBytes.Span.SequenceEqual(headers[i].ValueBytes.Span))
                return true;
            seen |= bit;
        }
        return false;
    }

    private static bool MakesDialog(SipRequest request) =>
        request.ToOrNull is { Tag: null } && request.Method is SipMethods.Invite or SipMethods.Subscribe or SipMethods.Refer;

    private static bool NeedsContact(SipRequest request) => request.Method == SipMethods.Register || MakesDialog(request);

    /// <summary>None at all is left to whoever needs one.</summary>
    private static bool ContactsAreValid(SipMessage message)
    {
        if (message.Contacts.Count > 0 || !message.TryGet(HeaderId.Contact, out var header)) return true;
        return header.ValueBytes.IsEmpty || header.ValueBytes.Span.SequenceEqual("*"u8);
    }
}
