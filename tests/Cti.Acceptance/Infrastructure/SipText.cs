using System.Globalization;
using System.Text;

namespace Cti.Acceptance.Infrastructure;

/// <summary>A SIP message as text: as much of the syntax as a test needs, and nothing of the product.</summary>
internal sealed class SipText
{
    private SipText(string startLine, List<(string Name, string Value)> headers, string body)
    {
        StartLine = startLine;
        Headers = headers;
        Body = body;
    }

    public string StartLine { get; }

    public List<(string Name, string Value)> Headers { get; }

    public string Body { get; }

    public bool IsRequest => !StartLine.StartsWith("SIP/2.0 ", StringComparison.Ordinal);

    /// <summary>The request's method, or that of the request that a response answers.</summary>
    public string Method => IsRequest ? StartLine.Split(' ')[0] : Header("CSeq").Split(' ', StringSplitOptions.RemoveEmptyEntries)[1];

    public string Uri => StartLine.Split(' ')[1];

    /// <summary>The status; 0 of a request.</summary>
    public int Status => IsRequest ? 0 : int.Parse(StartLine.AsSpan(8, 3), CultureInfo.InvariantCulture);

    public int CSeq => int.Parse(Header("CSeq").Split(' ')[0], CultureInfo.InvariantCulture);

    public string CallId => Header("Call-ID");

    public string Branch => Parameter(Header("Via"), "branch");

    public static SipText Parse(string text)
    {
        var end = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        var lines = text[..end].Split("\r\n");
        var headers = lines.Skip(1).Select(static line =>
            (line[..line.IndexOf(':', StringComparison.Ordinal)].Trim(), line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim())).ToList();
        return new SipText(lines[0], headers, text[(end + 4)..]);
    }

    /// <summary>The first header of that name, or "".</summary>
    public string Header(string name) => Headers.FirstOrDefault(h => h.Name.Equals(name, StringComparison.OrdinalIgnoreCase)).Value ?? "";

    public IEnumerable<string> All(string name) => Headers.Where(h => h.Name.Equals(name, StringComparison.OrdinalIgnoreCase)).Select(h => h.Value);

    /// <summary>A header parameter's value, or "".</summary>
    public static string Parameter(string header, string name)
    {
        var at = header.IndexOf(";" + name + "=", StringComparison.OrdinalIgnoreCase);
        if (at < 0) return "";
        var rest = header[(at + name.Length + 2)..];
        return rest[..(rest.IndexOfAny([';', ',', ' ', '>']) is >= 0 and var stop ? stop : rest.Length)];
    }

    /// <summary>What stands between the angle brackets.</summary>
    public static string Address(string header)
    {
        var open = header.IndexOf('<', StringComparison.Ordinal);
        return open < 0 ? header.Split(';')[0].Trim() : header[(open + 1)..header.IndexOf('>', open)];
    }

    public string Line(string type) => Body.Split("\r\n").FirstOrDefault(l => l.StartsWith(type + "=", StringComparison.Ordinal))?[2..] ?? "";

    /// <summary>A response to this request.</summary>
    public string Respond(int status, string reason, string? toTag = "out", string headers = "", string body = "")
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"SIP/2.0 {status} {reason}\r\n");
        foreach (var via in All("Via")) text.Append(CultureInfo.InvariantCulture, $"Via: {via}\r\n");
        foreach (var route in All("Record-Route")) text.Append(CultureInfo.InvariantCulture, $"Record-Route: {route}\r\n");
        var to = Header("To");
        if (toTag is not null && SipText.Parameter(to, "tag").Length == 0) to += ";tag=" + toTag;
        text.Append(CultureInfo.InvariantCulture, $"From: {Header("From")}\r\nTo: {to}\r\nCall-ID: {CallId}\r\nCSeq: {Header("CSeq")}\r\n{headers}");
        if (body.Length > 0) text.Append("Content-Type: application/sdp\r\n");
        text.Append(CultureInfo.InvariantCulture, $"Content-Length: {Encoding.UTF8.GetByteCount(body)}\r\n\r\n{body}");
        return text.ToString();
    }

    public override string ToString()
    {
        var text = new StringBuilder(StartLine);
        foreach (var (name, value) in Headers.Where(h => h.Name is "CSeq" or "Call-ID" or "To" or "Reason"))
            text.Append(CultureInfo.InvariantCulture, $" | {name}: {value}");
        return text.ToString();
    }
}
