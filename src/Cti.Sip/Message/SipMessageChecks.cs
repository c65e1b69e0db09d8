namespace Cti.Sip;

/// <summary>Reads typed values of header fields and finds what makes a message unacceptable on its own (RFC 3261 sections 8.1.1 and 20).</summary>
internal static class SipMessageChecks
{
    /// <summary>The first fault, or None. A fault in a request is answered with 400.</summary>
    public static SipRejection Find(SipMessage message)
    {
        var repeated = FindRepeated(message);
        if (repeated != SipRejection.None) return repeated;
        if (!message.Has(HeaderId.Via) || !message.Has(HeaderId.From) || !message.Has(HeaderId.To)
            || !message.Has(HeaderId.CallId) || !message.Has(HeaderId.CSeq)) return SipRejection.MissingHeader;
        if (message.Vias.Count == 0 || message.FromOrNull is null || message.ToOrNull is null || message.CSeqOrNull is not { } cseq) return SipRejection.BadHeaderValue;
        if (message.TryGet(HeaderId.CallId, out var callId) && !IsCallId(callId.ValueBytes.Span)) return SipRejection.BadHeaderValue;
        if (message.Has(HeaderId.MaxForwards) && message.MaxForwards is null) return SipRejection.BadHeaderValue;
        if (message.Has(HeaderId.ContentType) && message.ContentType is null) return SipRejection.BadHeaderValue;
        if (message.Has(HeaderId.Contact) && !ContactsAreValid(message)) return SipRejection.BadHeaderValue;
        if (message.Has(HeaderId.Route) && message.Routes.Count == 0) return SipRejection.BadHeaderValue;
        if (message.Has(HeaderId.RecordRoute) && message.RecordRoutes.Count == 0) return SipRejection.BadHeaderValue;
        if (message is SipRequest request && !request.Method.Equals(cseq.Method, StringComparison.Ordinal)) return SipRejection.MethodMismatch;
        return SipRejection.None;
    }

    /// <summary>All Via values in order; null when one is malformed or there is none.</summary>
    public static ViaValue[]? ReadVias(SipMessage message)
    {
        ViaValue[]? first = null;
        List<ViaValue>? all = null;
        foreach (ref readonly var header in message.Headers)
        {
            if (header.Id != HeaderId.Via) continue;
            var lexer = new SipLexer(header.ValueBytes.Span);
            lexer.SkipSpace();
            do
            {
                if (!ViaValue.TryRead(ref lexer, out var via)) return null;
                if (first is null) first = [via];
                else (all ??= [first[0]]).Add(via);
            }
            while (lexer.TakeSeparator(','));
            lexer.SkipSpace();
            if (!lexer.AtEnd) return null;
        }
        return all is null ? first : [.. all];
    }

    /// <summary>The only address of that kind; null when missing or malformed.</summary>
    public static NameAddr? ReadAddress(SipMessage message, HeaderId id) =>
        message.TryGet(id, out var header) && NameAddr.TryParse(header.ValueBytes.Span, out var value) ? value : null;

    /// <summary>All addresses of that kind in order; null when one is malformed or there is none.</summary>
    public static NameAddr[]? ReadAddresses(SipMessage message, HeaderId id)
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
                if (!NameAddr.TryRead(ref lexer, out var value)) return null;
                if (first is null) first = [value];
                else (all ??= [first[0]]).Add(value);
            }
            while (lexer.TakeSeparator(','));
            lexer.SkipSpace();
            if (!lexer.AtEnd) return null;
        }
        return all is null ? first : [.. all];
    }

    private static SipRejection FindRepeated(SipMessage message)
    {
        ulong seen = 0;
        ulong seenHigh = 0;
        foreach (ref readonly var header in message.Headers)
        {
            if (!IsSingle(header.Id)) continue;
            ref var word = ref seen;
            if ((int)header.Id >= 64) word = ref seenHigh;
            var bit = 1UL << ((int)header.Id & 63);
            if ((word & bit) != 0) return SipRejection.RepeatedHeader;
            word |= bit;
        }
        return SipRejection.None;
    }

    private static bool IsSingle(HeaderId id) => id is HeaderId.From or HeaderId.To or HeaderId.CallId or HeaderId.CSeq or HeaderId.MaxForwards
        or HeaderId.ContentType or HeaderId.ContentLength or HeaderId.Expires or HeaderId.SessionExpires or HeaderId.RSeq or HeaderId.RAck;

    private static bool ContactsAreValid(SipMessage message)
    {
        if (message.Contacts.Count > 0) return true;
        return message.TryGet(HeaderId.Contact, out var header) && header.ValueBytes.Span.SequenceEqual("*"u8);
    }

    private static bool IsCallId(ReadOnlySpan<byte> text)
    {
        var at = text.IndexOf((byte)'@');
        return at < 0 ? Ascii.IsWord(text) : Ascii.IsWord(text[..at]) && Ascii.IsWord(text[(at + 1)..]);
    }
}
