using Cti.Testing.Links;
using Cti.Kernel;

namespace Cti.Simulation.Cluster;

/// <summary>A node's way to its links: what comes waits while its process stands still.</summary>
internal sealed class ProcessLinks(ILinkTransport inner, NodeProcess process) : ILinkTransport
{
    public ILinkListener Listen(string address, ILinkAcceptor acceptor) => inner.Listen(address, new Door(acceptor, process));

    public ILinkStream Connect(string address, ILinkStreamEvents events) => inner.Connect(address, new Ears(process) { Receiver = events });

    private sealed class Door(ILinkAcceptor acceptor, NodeProcess process) : ILinkAcceptor
    {
        // The operating system accepts; the process finds the stream when it runs.
        public ILinkStreamEvents? Accept(ILinkStream stream)
        {
            var ears = new Ears(process);
            process.Hear(() =>
            {
                ears.Receiver = acceptor.Accept(stream);
                if (ears.Receiver is null) stream.Close();
            });
            return ears;
        }
    }

    private sealed class Ears(NodeProcess process) : ILinkStreamEvents
    {
        public ILinkStreamEvents? Receiver { get; set; }

        public void OnOpened() => process.Hear(() => Receiver?.OnOpened());

        public void OnData(ReadOnlySpan<byte> bytes)
        {
            var copy = bytes.ToArray();
            process.Hear(() => Receiver?.OnData(copy));
        }

        public void OnClosed(LinkStreamEnd end) => process.Hear(() => Receiver?.OnClosed(end));
    }
}
