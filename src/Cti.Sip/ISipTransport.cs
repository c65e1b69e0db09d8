using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Cti.Sip.Message;

namespace Cti.Sip;

/// <summary>How SIP messages travel.</summary>
public enum SipTransportKind
{
    /// <summary>Datagrams.</summary>
    Udp,
    /// <summary>A TCP stream.</summary>
    Tcp,
    /// <summary>TLS over TCP.</summary>
    Tls,
}

/// <summary>A way to a peer: what a message came by, or is to go by.</summary>
/// <param name="Kind">By what.</param>
/// <param name="Listener">The local listener's index among those of the configuration: its socket for UDP, its address and name for streams.</param>
/// <param name="Remote">The peer's address.</param>
/// <param name="Connection">A stream's connection; 0 for UDP, and for "any connection to Remote, opened where there is none".</param>
public readonly record struct SipFlow(SipTransportKind Kind, int Listener, IPEndPoint Remote, long Connection = 0)
{
    /// <summary>Whether the transport itself retransmits (RFC 3261's "reliable transport").</summary>
    public bool IsReliable => Kind != SipTransportKind.Udp;

    /// <summary>The transport's name in Via, e.g. <c>UDP</c>.</summary>
    public string ViaTransport => Kind switch
    {
        SipTransportKind.Udp => "UDP",
        SipTransportKind.Tcp => "TCP",
        _ => "TLS",
    };
}

/// <summary>Host and port as they stand in Via and Contact.</summary>
/// <param name="Host">Name or address, IPv6 in brackets.</param>
/// <param name="Port">1..65535.</param>
public readonly record struct SipHostPort(string Host, int Port)
{
    /// <summary><c>host:port</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Host}:{Port}");
}

/// <summary>The sockets, as the protocol sees them. Methods return at once; results come by <see cref="ISipTransportEvents"/>.</summary>
public interface ISipTransport
{
    /// <summary>
    /// Sends bytes that nobody changes any more. A connection other than 0 that is gone, a connection that cannot be opened and an ICMP error that can be
    /// told are reported once with <paramref name="sendId"/>; success is not reported.
    /// </summary>
    void Send(SipFlow flow, ReadOnlyMemory<byte> message, long sendId);

    /// <summary>The first listener of that kind and address family; -1 where there is none.</summary>
    int FindListener(SipTransportKind kind, AddressFamily family);

    /// <summary>Whether that listener is of that kind and address family.</summary>
    bool IsListener(int listener, SipTransportKind kind, AddressFamily family) => FindListener(kind, family) == listener;

    /// <summary>Host and port that a listener is known by: its advertised address, else what it is bound to.</summary>
    SipHostPort LocalAddress(SipTransportKind kind, int listener);

    /// <summary>Host and port by which the peer of a flow reaches us: where a listener is bound to every address, the one that faces the peer.</summary>
    SipHostPort LocalAddressTowards(SipFlow flow) => LocalAddress(flow.Kind, flow.Listener);

    /// <summary>
    /// A call begins (1) or ends (-1) that is reached by a flow: its connection is not closed for want of room or of messages. From any thread.
    /// </summary>
    void CountCall(SipFlow flow, int change)
    {
    }

    /// <summary>
    /// Whether the far end of a connection that was accepted has shown a certificate, one that was verified, which names that host or domain
    /// (RFC 5922 section 7.1). Only names that the transport was told to look for are known. From any thread.
    /// </summary>
    bool IsShown(SipFlow flow, string name) => false;
}

/// <summary>Why a send failed.</summary>
public enum SipSendFailure
{
    /// <summary>The connection that the message was to use is gone.</summary>
    ConnectionGone,
    /// <summary>No connection could be opened.</summary>
    ConnectFailed,
    /// <summary>The network or the peer's host refused the datagram.</summary>
    Unreachable,
    /// <summary>The queue towards that peer is full.</summary>
    Overloaded,
}

/// <summary>A message from the network.</summary>
/// <param name="Message">The message.</param>
/// <param name="Flow">What it came by.</param>
/// <param name="ReceivedAtNanos">When, on the monotonic clock.</param>
public readonly record struct ReceivedMessage(SipMessage Message, SipFlow Flow, long ReceivedAtNanos)
{
    /// <summary>How many bytes it took on the wire; 0 where nobody counted.</summary>
    public int Length { get; init; }
}

/// <summary>What a transport reports; receivers serialise by posting to a mailbox of their own.</summary>
public interface ISipTransportEvents
{
    /// <summary>A message came.</summary>
    void OnReceived(in ReceivedMessage received);

    /// <summary>Something came that the parser rejected; where <see cref="SipParseResult.Status"/> is not 0 it can be answered.</summary>
    void OnRejected(in SipParseResult rejected, SipFlow flow);

    /// <summary>A send failed.</summary>
    void OnSendFailed(SipFlow flow, long sendId, SipSendFailure failure);
}
