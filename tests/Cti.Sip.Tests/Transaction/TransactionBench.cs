using System.Net;
using System.Net.Sockets;
using Cti.Kernel;
using Cti.Sip.Message;
using Cti.Sip.Transaction;

namespace Cti.Sip.Tests.Transaction;

/// <summary>A transaction layer on virtual time; everything it sends and reports is a line of <see cref="Trace"/>: "500 > INVITE".</summary>
internal sealed class TransactionBench : ISipTransport, ITransactionUser, IClock, IRandom
{
    public static readonly IPEndPoint Peer = new(IPAddress.Parse("192.0.2.9"), 5060);
    public static readonly SipFlow Udp = new(SipTransportKind.Udp, 0, Peer);
    public static readonly SipFlow Tcp = new(SipTransportKind.Tcp, 0, Peer, 7);

    private readonly long _startMillis;
    private ulong _seed = 42;
    private long _nowMillis = 1_000_000;

    public TransactionBench(SipTimers? timers = null, int max = 1000)
    {
        _startMillis = _nowMillis;
        Layer = new TransactionLayer(this, this, this, this, timers, max) { MayRepeat = client => MayRepeat?.Invoke(client) != false };
    }

    public TransactionLayer Layer { get; }
    public List<string> Trace { get; } = [];
    public List<(SipFlow Flow, SipMessage Message, byte[] Bytes, long Id)> Sent { get; } = [];
    public List<ServerTransaction> Requests { get; } = [];
    public List<(SipRequest Ack, ServerTransaction? Transaction)> Acks { get; } = [];
    public Action<ServerTransaction>? WhenRequest { get; set; }
    public Action<ClientTransaction, SipResponse>? WhenResponse { get; set; }
    public Func<ClientTransaction, bool>? MayRepeat { get; set; }
    public bool TakesMerged { get; set; }
    public Func<SipRequest, TransactionLayer, SipResponse?>? Stateless { get; set; }
    public bool HasTcp { get; set; } = true;

    public long MonotonicNanos => _nowMillis * 1_000_000;
    public long UnixMillis => _nowMillis;
    public SipMessage LastSent => Sent[^1].Message;

    /// <summary>Milliseconds since the beginning.</summary>
    public long Now => _nowMillis - _startMillis;

    public void RunUntil(long millis)
    {
        while (Layer.NextDeadline <= _startMillis + millis)
        {
            Layer.NextDeadline.ShouldBeGreaterThanOrEqualTo(_nowMillis, "a deadline in the past was not dealt with");
            _nowMillis = Layer.NextDeadline;
            Layer.Tick();
        }
        _nowMillis = _startMillis + millis;
        Layer.Tick();
    }

    public void Receive(string text, SipFlow? flow = null)
    {
        var result = SipParser.ParseDatagram(Texts.Bytes(text));
        result.Outcome.ShouldBe(SipParseOutcome.Message, result.Rejection.ToString());
        Layer.Receive(new ReceivedMessage(result.Message!, flow ?? Udp, MonotonicNanos));
    }

    /// <summary>The far end answers what was sent as number <paramref name="index"/>.</summary>
    public void Answer(int index, int status, string tag = "far", SipFlow? flow = null)
    {
        var response = SipResponse.For((SipRequest)Sent[index].Message, status, null, tag);
        Receive(Texts.Of(response), flow ?? Sent[index].Flow);
    }

    public static SipRequest Request(string method, uint number = 1)
    {
        var request = new SipRequest(method, SipUri.Parse("sip:bob@192.0.2.9"));
        request.Add(HeaderId.MaxForwards, "70");
        request.Add(HeaderId.From, "<sip:alice@192.0.2.1>;tag=near");
        request.Add(HeaderId.To, "<sip:bob@192.0.2.9>");
        request.Add(HeaderId.CallId, "call-1");
        request.Add(HeaderId.CSeq, new CSeqValue(number, method).ToString());
        return request;
    }

    void ISipTransport.Send(SipFlow flow, ReadOnlyMemory<byte> message, long sendId)
    {
        var result = SipParser.ParseDatagram(message.Span);
        result.Outcome.ShouldBe(SipParseOutcome.Message, Texts.Of(message));
        Sent.Add((flow, result.Message!, message.ToArray(), sendId));
        var name = result.Message is SipRequest request
            ? request.Method
            : ((SipResponse)result.Message!).Status.ToString(System.Globalization.CultureInfo.InvariantCulture) + " " + result.Message!.CSeq.Method;
        Trace.Add($"{Now} > {name}" + (flow.Kind == SipTransportKind.Udp ? "" : " tcp"));
    }

    int ISipTransport.FindListener(SipTransportKind kind, AddressFamily family) => kind switch
    {
        SipTransportKind.Udp => 0,
        SipTransportKind.Tcp when HasTcp => 0,
        _ => -1,
    };

    SipHostPort ISipTransport.LocalAddress(SipTransportKind kind, int listener) => new("192.0.2.1", 5060);

    SipResponse? ITransactionUser.AnswerStateless(SipRequest request, SipFlow flow) => Stateless?.Invoke(request, Layer);

    void ITransactionUser.OnRequest(ServerTransaction transaction)
    {
        Trace.Add($"{Now} request {transaction.Request.Method}");
        Requests.Add(transaction);
        WhenRequest?.Invoke(transaction);
    }

    bool ITransactionUser.OnMerged(ServerTransaction existing, ServerTransaction arrived)
    {
        if (TakesMerged) Requests.Add(arrived);
        return TakesMerged;
    }

    void ITransactionUser.OnAck(SipRequest ack, SipFlow flow, ServerTransaction? transaction)
    {
        Trace.Add($"{Now} ack");
        Acks.Add((ack, transaction));
    }

    void ITransactionUser.OnCancel(ServerTransaction invite, SipRequest cancel) => Trace.Add($"{Now} cancelled");

    void ITransactionUser.OnResponse(ClientTransaction transaction, SipResponse response)
    {
        Trace.Add($"{Now} response {response.Status}");
        WhenResponse?.Invoke(transaction, response);
    }

    void ITransactionUser.OnStrayResponse(SipResponse response, SipFlow flow) => Trace.Add($"{Now} stray {response.Status}");

    void ITransactionUser.OnTimeout(ClientTransaction transaction) => Trace.Add($"{Now} timeout {transaction.Request.Method}");

    void ITransactionUser.OnTransportError(ClientTransaction transaction, SipSendFailure failure) => Trace.Add($"{Now} failed {failure}");

    void ITransactionUser.OnServerFailed(ServerTransaction transaction, SipSendFailure? failure) =>
        Trace.Add($"{Now} server failed {failure?.ToString() ?? "no ACK"}");

    void IRandom.Fill(Span<byte> buffer)
    {
        foreach (ref var b in buffer)
        {
            _seed = (_seed * 6364136223846793005UL) + 1442695040888963407UL;
            b = (byte)(_seed >> 33);
        }
    }
}

internal static class Texts
{
    /// <summary>Bytes of a message written with plain line ends.</summary>
    public static byte[] Bytes(string text) => System.Text.Encoding.UTF8.GetBytes(text.ReplaceLineEndings("\r\n"));

    public static string Of(SipMessage message) => Of(SipMessageWriter.ToArray(message));

    public static string Of(ReadOnlyMemory<byte> bytes) => System.Text.Encoding.UTF8.GetString(bytes.Span);

    /// <summary>The line of a message's first header field of that name.</summary>
    public static string Line(string text, string name) => text.Split('\n').First(line => line.StartsWith(name + ":", StringComparison.Ordinal)).TrimEnd();

    /// <summary>A request as a far end would send it.</summary>
    public static string Request(string method, string branch = "z9hG4bKfar1", string extra = "", string? toTag = null, uint number = 1,
        string via = "SIP/2.0/UDP 192.0.2.9:5060", string uri = "sip:app@192.0.2.1", string callId = "far-call", string fromTag = "far") =>
        $"""
        {method} {uri} SIP/2.0
        Via: {via}{(branch.Length == 0 ? "" : ";branch=" + branch)}
        Max-Forwards: 70
        From: <sip:carol@192.0.2.9>;tag={fromTag}
        To: <sip:app@192.0.2.1>{(toTag is null ? "" : ";tag=" + toTag)}
        Call-ID: {callId}
        CSeq: {number} {method}
        {extra}Content-Length: 0


        """;
}
