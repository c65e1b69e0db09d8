namespace Cti.Testing.Links;

/// <summary>Byte streams between nodes: TCP in a node, virtual in a simulation. What the bytes mean is not its business.</summary>
public interface ILinkTransport
{
    /// <summary>Accepts streams at an address from now on.</summary>
    /// <param name="address">host:port; port 0 lets the system choose.</param>
    /// <param name="acceptor">Asked who receives each accepted stream.</param>
    /// <exception cref="IOException">The address cannot be used.</exception>
    ILinkListener Listen(string address, ILinkAcceptor acceptor);

    /// <summary>Opens a stream. Never fails at once: <paramref name="events"/> hear what became of it, after this call.</summary>
    /// <param name="address">host:port.</param>
    /// <param name="events">Told everything about the stream.</param>
    ILinkStream Connect(string address, ILinkStreamEvents events);
}

/// <summary>An address at which streams are accepted, until disposed.</summary>
public interface ILinkListener : IDisposable
{
    /// <summary>host:port, with the port that is really used.</summary>
    string Address { get; }
}

/// <summary>Takes accepted streams.</summary>
public interface ILinkAcceptor
{
    /// <summary>A peer connected.</summary>
    /// <param name="stream">The open stream.</param>
    /// <returns>Who receives it, or null to refuse it.</returns>
    ILinkStreamEvents? Accept(ILinkStream stream);
}

/// <summary>One stream, in order and without gaps while it lasts.</summary>
public interface ILinkStream
{
    /// <summary>Bytes that were given to <see cref="Send"/> and have not left this process.</summary>
    long QueuedBytes { get; }

    /// <summary>Queues bytes; never blocks and never calls back. The sender bounds the queue by <see cref="QueuedBytes"/>.</summary>
    /// <param name="bytes">Not changed by the caller afterwards.</param>
    /// <returns>False when the stream is closed.</returns>
    bool Send(ReadOnlyMemory<byte> bytes);

    /// <summary>Closes it, whatever waits; the closing is reported later, never within this call. Calling twice is harmless.</summary>
    void Close();
}

/// <summary>Hears of one stream: one call at a time, nothing after <see cref="OnClosed"/>.</summary>
public interface ILinkStreamEvents
{
    /// <summary>A stream that was begun with <see cref="ILinkTransport.Connect"/> is open. Not called for accepted ones.</summary>
    void OnOpened();

    /// <summary>Bytes came.</summary>
    /// <param name="bytes">Valid during the call only.</param>
    void OnData(ReadOnlySpan<byte> bytes);

    /// <summary>It is over.</summary>
    void OnClosed(LinkStreamEnd end);
}

/// <summary>How a stream ended.</summary>
public enum LinkStreamEnd
{
    /// <summary>It was open; either side closed it, or the connection failed.</summary>
    Closed,
    /// <summary>The host answered that nobody listens there: the program at that address does not run.</summary>
    Refused,
    /// <summary>No connection came about for another reason: no answer, no such host, no route.</summary>
    Unreachable,
}
