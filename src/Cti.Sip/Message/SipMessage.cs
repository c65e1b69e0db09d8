using System.Globalization;
using System.Text;

namespace Cti.Sip.Message;

/// <summary>
/// A SIP message: ordered header fields with typed short-cuts that are read when first asked for. What was read from the network keeps the
/// received buffer; strings are made on demand. Not for use by several threads at once.
/// </summary>
public abstract class SipMessage
{
    private SipHeader[] _headers;
    private int _count;
    private ViaValue[]? _vias;
    private NameAddr? _from;
    private NameAddr? _to;
    private NameAddr[]? _contacts;
    private NameAddr[]? _routes;
    private NameAddr[]? _recordRoutes;
    private CSeqValue _cseq;
    private string? _callId;

    private protected SipMessage(int capacity = 12) => _headers = new SipHeader[capacity];

    /// <summary>Header fields in order.</summary>
    public ReadOnlySpan<SipHeader> Headers => _headers.AsSpan(0, _count);

    /// <summary>The body; empty where there is none.</summary>
    public ReadOnlyMemory<byte> Body { get; private set; }

    /// <summary>Whether this is a request.</summary>
    public bool IsRequest => this is SipRequest;

    /// <summary>The Via values, top first; empty when missing or the top one is malformed.</summary>
    public IReadOnlyList<ViaValue> Vias => _vias ??= SipMessageChecks.ReadVias(this) ?? [];

    /// <summary>The top Via.</summary>
    /// <exception cref="InvalidOperationException">There is none; every message that the parser accepts has one.</exception>
    public ViaValue TopVia => Vias.Count > 0 ? Vias[0] : throw Missing(HeaderId.Via);

    /// <summary>From.</summary>
    /// <exception cref="InvalidOperationException">It is missing or malformed; every message that the parser accepts has one.</exception>
    public NameAddr From => FromOrNull ?? throw Missing(HeaderId.From);

    /// <summary>To.</summary>
    /// <exception cref="InvalidOperationException">It is missing or malformed; every message that the parser accepts has one.</exception>
    public NameAddr To => ToOrNull ?? throw Missing(HeaderId.To);

    /// <summary>Call-ID.</summary>
    /// <exception cref="InvalidOperationException">It is missing; every message that the parser accepts has one.</exception>
    public string CallId => CallIdOrNull ?? throw Missing(HeaderId.CallId);

    /// <summary>CSeq.</summary>
    /// <exception cref="InvalidOperationException">It is missing or malformed; every message that the parser accepts has one.</exception>
    public CSeqValue CSeq => CSeqOrNull ?? throw Missing(HeaderId.CSeq);

    /// <summary>The first Contact that can be read; null where there is none, or <c>*</c>.</summary>
    public NameAddr? Contact => Contacts.Count > 0 ? Contacts[0] : null;

    /// <summary>All Contacts that can be read; empty when missing, malformed or <c>*</c>.</summary>
    public IReadOnlyList<NameAddr> Contacts => _contacts ??= SipMessageChecks.ReadContacts(this);

    /// <summary>Route, top first; empty when one is malformed.</summary>
    public IReadOnlyList<NameAddr> Routes => _routes ??= SipMessageChecks.ReadAddresses(this, HeaderId.Route) ?? [];

    /// <summary>Record-Route, top first; empty when one is malformed.</summary>
    public IReadOnlyList<NameAddr> RecordRoutes => _recordRoutes ??= SipMessageChecks.ReadAddresses(this, HeaderId.RecordRoute) ?? [];

    /// <summary>Service-Route (RFC 3608), top first; empty when one is malformed.</summary>
    public IReadOnlyList<NameAddr> ServiceRoutes => SipMessageChecks.ReadAddresses(this, HeaderId.ServiceRoute) ?? [];

    /// <summary>Max-Forwards, 0..255; null where missing or malformed.</summary>
    public int? MaxForwards => Number(HeaderId.MaxForwards, 255) is { } value ? (int)value : null;

    /// <summary>Expires in seconds, 0..2^32-1; null where missing or malformed.</summary>
    public long? Expires => Number(HeaderId.Expires, uint.MaxValue);

    /// <summary>Content-Type; null where missing or malformed.</summary>
    public MediaType? ContentType =>
        TryGet(HeaderId.ContentType, out var header) && MediaType.TryParse(header.ValueBytes.Span, out var value) ? value : null;

    /// <summary>Option tags of Require.</summary>
    public IReadOnlyList<string> Require => Tokens(HeaderId.Require);

    /// <summary>Option tags of Supported.</summary>
    public IReadOnlyList<string> Supported => Tokens(HeaderId.Supported);

    internal NameAddr? FromOrNull => _from ??= SipMessageChecks.ReadAddress(this, HeaderId.From);

    internal NameAddr? ToOrNull => _to ??= SipMessageChecks.ReadAddress(this, HeaderId.To);

    internal string? CallIdOrNull => _callId ??= TryGet(HeaderId.CallId, out var header) && header.ValueBytes.Length > 0 ? header.Value : null;

    internal CSeqValue? CSeqOrNull
    {
        get
        {
            if (_cseq.Method is null && !(TryGet(HeaderId.CSeq, out var header)
                && CSeqValue.TryParse(header.ValueBytes.Span, (this as SipRequest)?.Method, out _cseq)))
                return null;
            return _cseq;
        }
    }

    /// <summary>The first header field of that kind.</summary>
    public bool TryGet(HeaderId id, out SipHeader header)
    {
        foreach (ref readonly var item in Headers)
        {
            if (item.Id != id) continue;
            header = item;
            return true;
        }
        header = default;
        return false;
    }

    /// <summary>Whether there is a header field of that kind.</summary>
    public bool Has(HeaderId id) => TryGet(id, out _);

    /// <summary>The first value of that kind as text; null where there is none. Allocates.</summary>
    public string? Get(HeaderId id) => TryGet(id, out var header) ? header.Value : null;

    /// <summary>The first value of that name, in any case and also compact; null where there is none. Allocates.</summary>
    public string? Get(string name)
    {
        var bytes = Encoding.UTF8.GetBytes(name);
        var id = HeaderNames.Find(bytes);
        if (id != HeaderId.Unknown) return Get(id);
        foreach (ref readonly var item in Headers)
        {
            if (item.Id == HeaderId.Unknown && Ascii.EqualsIgnoreCase(item.NameBytes.Span, bytes)) return item.Value;
        }
        return null;
    }

    /// <summary>Comma-separated tokens of all header fields of that kind, in order (Require, Supported, Allow, Unsupported, …).</summary>
    public IReadOnlyList<string> Tokens(HeaderId id)
    {
        List<string>? result = null;
        foreach (ref readonly var item in Headers)
        {
            if (item.Id != id) continue;
            var rest = item.ValueBytes.Span;
            while (!rest.IsEmpty)
            {
                var comma = rest.IndexOf((byte)',');
                var token = Ascii.Trim(comma < 0 ? rest : rest[..comma]);
                rest = comma < 0 ? [] : rest[(comma + 1)..];
                if (!token.IsEmpty) (result ??= []).Add(Ascii.Text(token));
            }
        }
        return result ?? (IReadOnlyList<string>)[];
    }

    /// <summary>Adds a header field at the end.</summary>
    /// <exception cref="ArgumentException">The value holds a line end.</exception>
    public void Add(HeaderId id, string value) => Add(id, Encode(value));

    /// <summary>Adds a header field at the end; the bytes are kept, not copied.</summary>
    public void Add(HeaderId id, ReadOnlyMemory<byte> value) => Append(new SipHeader(id, HeaderNames.Of(id), value));

    /// <summary>Adds a header field at the end, whatever its name.</summary>
    /// <exception cref="ArgumentException">The name is not a token or the value holds a line end.</exception>
    public void Add(string name, string value)
    {
        if (!Ascii.IsToken(name)) throw new ArgumentException($"not a header name: {name}", nameof(name));
        var bytes = Encoding.UTF8.GetBytes(name);
        Append(new SipHeader(HeaderNames.Find(bytes), bytes, Encode(value)));
    }

    /// <summary>Adds a header field before all others of its kind, or before everything where there is none (Via, Record-Route).</summary>
    public void AddFirst(HeaderId id, string value)
    {
        var at = 0;
        while (at < _count && _headers[at].Id != id) at++;
        if (at == _count) at = 0;
        Insert(at, new SipHeader(id, HeaderNames.Of(id), Encode(value)));
    }

    /// <summary>Sets the only header field of that kind: in the place of the first, others are removed; at the end where there was none.</summary>
    public void Set(HeaderId id, string value)
    {
        var header = new SipHeader(id, HeaderNames.Of(id), Encode(value));
        var at = IndexOf(id);
        if (at < 0)
        {
            Append(header);
            return;
        }
        _headers[at] = header;
        RemoveFrom(at + 1, id);
        Forget(id);
    }

    /// <summary>Removes all header fields of that kind.</summary>
    public void Remove(HeaderId id)
    {
        RemoveFrom(0, id);
        Forget(id);
    }

    /// <summary>Adds all header fields of that kind of another message, in order, without copying their bytes.</summary>
    public void AddAll(SipMessage source, HeaderId id)
    {
        foreach (ref readonly var item in source.Headers)
        {
            if (item.Id == id) Append(item);
        }
    }

    /// <summary>Sets body and Content-Type; an empty body removes both. The bytes are kept, not copied.</summary>
    public void SetBody(string contentType, ReadOnlyMemory<byte> body)
    {
        Body = body;
        if (body.IsEmpty) Remove(HeaderId.ContentType);
        else Set(HeaderId.ContentType, contentType);
    }

    /// <summary>Replaces the top Via by <paramref name="value"/>, keeping what follows it.</summary>
    internal void ReplaceTopVia(ViaValue value)
    {
        var at = IndexOf(HeaderId.Via);
        if (at < 0) throw Missing(HeaderId.Via);
        var all = Vias;
        var lexer = new SipLexer(_headers[at].ValueBytes.Span);
        lexer.SkipSpace();
        ViaValue.TryRead(ref lexer, out _);
        lexer.SkipSpace();
        _headers[at] = new SipHeader(HeaderId.Via, HeaderNames.Of(HeaderId.Via), Encode(value + Ascii.Text(lexer.Rest)));
        var replaced = new ViaValue[all.Count];
        replaced[0] = value;
        for (var i = 1; i < replaced.Length; i++) replaced[i] = all[i];
        _vias = replaced;
    }

    internal void SetBodyRaw(ReadOnlyMemory<byte> body) => Body = body;

    internal void Append(SipHeader header)
    {
        if (_count == _headers.Length) Array.Resize(ref _headers, _count * 2);
        _headers[_count++] = header;
        Forget(header.Id);
    }

    private void Insert(int at, SipHeader header)
    {
        Append(header);
        Array.Copy(_headers, at, _headers, at + 1, _count - 1 - at);
        _headers[at] = header;
    }

    private int IndexOf(HeaderId id)
    {
        for (var i = 0; i < _count; i++)
        {
            if (_headers[i].Id == id) return i;
        }
        return -1;
    }

    private void RemoveFrom(int start, HeaderId id)
    {
        var kept = start;
        for (var i = start; i < _count; i++)
        {
            if (_headers[i].Id != id) _headers[kept++] = _headers[i];
        }
        _headers.AsSpan(kept, _count - kept).Clear();
        _count = kept;
    }

    private void Forget(HeaderId id)
    {
        switch (id)
        {
            case HeaderId.Via: _vias = null; break;
            case HeaderId.From: _from = null; break;
            case HeaderId.To: _to = null; break;
            case HeaderId.Contact: _contacts = null; break;
            case HeaderId.Route: _routes = null; break;
            case HeaderId.RecordRoute: _recordRoutes = null; break;
            case HeaderId.CSeq: _cseq = default; break;
            case HeaderId.CallId: _callId = null; break;
        }
    }

    internal long? Number(HeaderId id, long max)
    {
        if (!TryGet(id, out var header)) return null;
        var text = header.ValueBytes.Span;
        var end = id == HeaderId.Expires ? text.IndexOfAny((byte)';', (byte)' ') : -1;
        return Ascii.TryNumber(end < 0 ? text : text[..end], max, out var value) ? value : null;
    }

    private static byte[] Encode(string value)
    {
        if (value.AsSpan().ContainsAny('\r', '\n')) throw new ArgumentException("a header value holds a line end", nameof(value));
        return Encoding.UTF8.GetBytes(value);
    }

    private static InvalidOperationException Missing(HeaderId id) =>
        new(string.Create(CultureInfo.InvariantCulture, $"no valid {Ascii.Text(HeaderNames.Of(id).Span)}"));
}

/// <summary>A SIP request.</summary>
public sealed class SipRequest : SipMessage
{
    /// <summary>A request without any header field.</summary>
    /// <param name="method">The method, a token.</param>
    /// <param name="uri">The Request-URI.</param>
    /// <exception cref="ArgumentException">The method is not a token.</exception>
    public SipRequest(string method, SipUri uri)
    {
        if (!Ascii.IsToken(method)) throw new ArgumentException($"not a method: {method}", nameof(method));
        Method = method;
        Uri = uri;
    }

    internal SipRequest(string method, SipUri uri, int capacity)
        : base(capacity)
    {
        Method = method;
        Uri = uri;
    }

    /// <summary>The method; known ones are interned.</summary>
    public string Method { get; }

    /// <summary>The Request-URI.</summary>
    public SipUri Uri { get; set; }

    /// <summary>Method and Request-URI.</summary>
    public override string ToString() => $"{Method} {Uri}";
}

/// <summary>A SIP response.</summary>
public sealed class SipResponse : SipMessage
{
    /// <summary>In a 503 of ours: what a call, a place in the journal or another node takes to be there again.</summary>
    private const string RetryAfterSeconds = "1";

    /// <summary>A response without any header field.</summary>
    /// <param name="status">100..699.</param>
    /// <param name="reason">The reason phrase; null for the RFC's own.</param>
    /// <exception cref="ArgumentOutOfRangeException">The status is out of range.</exception>
    /// <exception cref="ArgumentException">The reason holds a line end.</exception>
    public SipResponse(int status, string? reason = null)
    {
        if (status is < 100 or > 699) throw new ArgumentOutOfRangeException(nameof(status), status, "a SIP status is 100..699");
        if (reason is not null && reason.AsSpan().ContainsAny('\r', '\n')) throw new ArgumentException("a reason phrase holds a line end", nameof(reason));
        Status = status;
        Reason = reason ?? ReasonPhrases.Of(status);
    }

    internal SipResponse(int status, string reason, int capacity)
        : base(capacity)
    {
        Status = status;
        Reason = reason;
    }

    /// <summary>100..699.</summary>
    public int Status { get; }

    /// <summary>The reason phrase, maybe empty.</summary>
    public string Reason { get; }

    /// <summary>Whether this is a 1xx.</summary>
    public bool IsProvisional => Status < 200;

    /// <summary>Whether this is a final response.</summary>
    public bool IsFinal => Status >= 200;

    /// <summary>Whether this is a 2xx.</summary>
    public bool IsSuccess => Status is >= 200 and < 300;

    /// <summary>
    /// A response to <paramref name="request"/> as RFC 3261 section 8.2.6 wants it: Via, From, To, Call-ID and CSeq copied, Record-Route too where the
    /// response can make a dialog (section 12.1.1), Timestamp in a 100, Retry-After in a 503.
    /// </summary>
    /// <param name="request">The request; what it lacks is left out.</param>
    /// <param name="status">100..699.</param>
    /// <param name="reason">The reason phrase; null for the RFC's own.</param>
    /// <param name="toTag">Our tag, added where To has none; null for none (only a 100 may go without).</param>
    public static SipResponse For(SipRequest request, int status, string? reason = null, string? toTag = null)
    {
        var response = new SipResponse(status, reason);
        response.AddAll(request, HeaderId.Via);
        if (status is > 100 and < 300 && request.Method is SipMethods.Invite or SipMethods.Subscribe or SipMethods.Refer or SipMethods.Notify)
        {
            response.AddAll(request, HeaderId.RecordRoute);
        }
        response.AddAll(request, HeaderId.From);
        if (toTag is not null && request.ToOrNull is { Tag: null } && request.TryGet(HeaderId.To, out var to))
        {
            response.Add(HeaderId.To, WithTag(to.ValueBytes.Span, toTag));
        }
        else
        {
            response.AddAll(request, HeaderId.To);
        }
        response.AddAll(request, HeaderId.CallId);
        response.AddAll(request, HeaderId.CSeq);
        if (status == 100) response.AddAll(request, HeaderId.Timestamp);
        // Who is not told when to come again comes at once, and makes what is short shorter (section 21.5.4).
        if (status == 503) response.Add(HeaderId.RetryAfter, RetryAfterSeconds);
        return response;
    }

    /// <summary>Status and reason.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Status} {Reason}");

    private static byte[] WithTag(ReadOnlySpan<byte> to, string tag)
    {
        if (!Ascii.IsToken(tag)) throw new ArgumentException($"not a tag: {tag}", nameof(tag));
        var value = new byte[to.Length + 5 + tag.Length];
        to.CopyTo(value);
        ";tag="u8.CopyTo(value.AsSpan(to.Length));
        Encoding.ASCII.GetBytes(tag, value.AsSpan(to.Length + 5));
        return value;
    }
}
