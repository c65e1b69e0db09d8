namespace Cti.Sip.Message;

/// <summary>Header fields that are known by name; any other is <see cref="Unknown"/> and found by its name.</summary>
public enum HeaderId : byte
{
    /// <summary>A header field that this stack has no number for.</summary>
    Unknown,
#pragma warning disable CS1591 // Each member is the header field of that name in its RFC.
    Accept, AcceptContact, AcceptEncoding, AcceptLanguage, AlertInfo, Allow, AllowEvents, AuthenticationInfo, Authorization,
    CallId, CallInfo, Contact, ContentDisposition, ContentEncoding, ContentLanguage, ContentLength, ContentType, CSeq,
    Date, Diversion, ErrorInfo, Event, Expires, From, HistoryInfo, InReplyTo, MaxForwards, MimeVersion, MinExpires, MinSE,
    Organization, PAssertedIdentity, PPreferredIdentity, Path, Priority, Privacy, ProxyAuthenticate, ProxyAuthorization, ProxyRequire,
    RAck, Reason, RecordRoute, ReferTo, ReferredBy, RejectContact, RemotePartyId, Replaces, ReplyTo, RequestDisposition, Require,
    RetryAfter, Route, RSeq, Server, ServiceRoute, SessionExpires, Subject, SubscriptionState, Supported, Timestamp, To,
    Unsupported, UserAgent, Via, Warning, WwwAuthenticate,
#pragma warning restore CS1591
}

/// <summary>Names of header fields: canonical, compact (RFC 3261 section 7.3.3), and back.</summary>
public static class HeaderNames
{
    private static readonly byte[][] Canonical = BuildNames();
    private static readonly (byte[] Name, HeaderId Id)[] Slots = BuildSlots();

    /// <summary>The canonical spelling, e.g. <c>Call-ID</c>; empty for <see cref="HeaderId.Unknown"/>.</summary>
    public static ReadOnlyMemory<byte> Of(HeaderId id) => Canonical[(int)id];

    /// <summary>Finds a name, long or compact, in any case; after the hash the name itself is compared.</summary>
    public static HeaderId Find(ReadOnlySpan<byte> name)
    {
        if (name.IsEmpty) return HeaderId.Unknown;
        var slot = Hash(name);
        while (true)
        {
            ref readonly var entry = ref Slots[slot];
            if (entry.Name is null) return HeaderId.Unknown;
            if (Ascii.EqualsIgnoreCase(entry.Name, name)) return entry.Id;
            slot = (slot + 1) & (Slots.Length - 1);
        }
    }

    private static int Hash(ReadOnlySpan<byte> name) =>
        ((name.Length * 37) + ((name[0] | 0x20) * 11) + ((name[^1] | 0x20) * 5) + ((name[name.Length / 2] | 0x20) * 3)) & 511;

    private static byte[][] BuildNames()
    {
        var names = new byte[Enum.GetValues<HeaderId>().Length][];
        names[0] = [];
        foreach (var id in Enum.GetValues<HeaderId>())
        {
            if (id == HeaderId.Unknown) continue;
            names[(int)id] = System.Text.Encoding.ASCII.GetBytes(Spell(id));
        }
        return names;
    }

    private static string Spell(HeaderId id)
    {
        switch (id)
        {
            case HeaderId.CallId: return "Call-ID";
            case HeaderId.CSeq: return "CSeq";
            case HeaderId.MimeVersion: return "MIME-Version";
            case HeaderId.MinSE: return "Min-SE";
            case HeaderId.PAssertedIdentity: return "P-Asserted-Identity";
            case HeaderId.PPreferredIdentity: return "P-Preferred-Identity";
            case HeaderId.RAck: return "RAck";
            case HeaderId.RemotePartyId: return "Remote-Party-ID";
            case HeaderId.RSeq: return "RSeq";
            case HeaderId.WwwAuthenticate: return "WWW-Authenticate";
        }
        var text = new System.Text.StringBuilder();
        foreach (var c in id.ToString())
        {
            if (char.IsUpper(c) && text.Length > 0) text.Append('-');
            text.Append(c);
        }
        return text.ToString();
    }

    private static (byte[], HeaderId)[] BuildSlots()
    {
        var slots = new (byte[], HeaderId)[512];
        foreach (var id in Enum.GetValues<HeaderId>())
        {
            if (id != HeaderId.Unknown) Put(slots, Canonical[(int)id], id);
        }
        foreach (var (letter, id) in Compact) Put(slots, [(byte)letter], id);
        return slots;
    }

    private static void Put((byte[] Name, HeaderId Id)[] slots, byte[] name, HeaderId id)
    {
        var slot = Hash(name);
        while (slots[slot].Name is not null) slot = (slot + 1) & (slots.Length - 1);
        slots[slot] = (name, id);
    }

    private static (char, HeaderId)[] Compact =>
    [
        ('a', HeaderId.AcceptContact), ('b', HeaderId.ReferredBy), ('c', HeaderId.ContentType), ('d', HeaderId.RequestDisposition),
        ('e', HeaderId.ContentEncoding), ('f', HeaderId.From), ('i', HeaderId.CallId), ('j', HeaderId.RejectContact),
        ('k', HeaderId.Supported), ('l', HeaderId.ContentLength), ('m', HeaderId.Contact), ('o', HeaderId.Event), ('r', HeaderId.ReferTo),
        ('s', HeaderId.Subject), ('t', HeaderId.To), ('u', HeaderId.AllowEvents), ('v', HeaderId.Via), ('x', HeaderId.SessionExpires),
    ];
}

/// <summary>Methods that this stack knows. Methods are compared case-sensitively (RFC 3261 section 7.1).</summary>
public static class SipMethods
{
#pragma warning disable CS1591 // Each is the method of that name in its RFC.
    public const string Invite = "INVITE";
    public const string Ack = "ACK";
    public const string Bye = "BYE";
    public const string Cancel = "CANCEL";
    public const string Options = "OPTIONS";
    public const string Register = "REGISTER";
    public const string Prack = "PRACK";
    public const string Update = "UPDATE";
    public const string Info = "INFO";
    public const string Refer = "REFER";
    public const string Notify = "NOTIFY";
    public const string Subscribe = "SUBSCRIBE";
    public const string Message = "MESSAGE";
    public const string Publish = "PUBLISH";
#pragma warning restore CS1591

    private static readonly string[] All =
        [Invite, Ack, Bye, Cancel, Options, Register, Prack, Update, Info, Refer, Notify, Subscribe, Message, Publish];

    /// <summary>Whether this stack has heard of the method.</summary>
    public static bool IsKnown(string method) => All.AsSpan().Contains(method);

    /// <summary>The method's text; no allocation for a known one.</summary>
    public static string Intern(ReadOnlySpan<byte> name)
    {
        foreach (var known in All)
        {
            if (known.Length == name.Length && System.Text.Ascii.Equals(name, known)) return known;
        }
        return System.Text.Encoding.UTF8.GetString(name);
    }
}
