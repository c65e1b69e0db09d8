using Cti.Kernel;
using Cti.Transport.Links;

namespace Cti.Transport.Tests.Links;

public sealed class TcpLinkTransportTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task Bytes_arrive_in_order_whatever_their_pieces()
    {
        var transport = new TcpLinkTransport(NullLog.Instance);
        var (server, client) = (new Receiver(), new Receiver());
        using var listener = transport.Listen("127.0.0.1:0", server);
        var stream = transport.Connect(listener.Address, client);
        stream.Send("before it is open"u8.ToArray()).ShouldBeTrue();
        await client.Opened.Task.WaitAsync(Patience);
        var sent = new List<byte>("before it is open"u8.ToArray());
        var random = new Random(1);
        for (var i = 0; i < 300; i++)
        {
            var piece = new byte[random.Next(1, i % 50 == 0 ? 200_000 : 900)];
            random.NextBytes(piece);
            sent.AddRange(piece);
            stream.Send(piece).ShouldBeTrue();
        }
        await server.Has(sent.Count).WaitAsync(Patience);
        server.Bytes.ShouldBe(sent);
        server.Stream!.Send("and back"u8.ToArray()).ShouldBeTrue();
        await client.Has(8).WaitAsync(Patience);

        stream.Close();
        (await server.Closed.Task.WaitAsync(Patience)).ShouldBe(LinkStreamEnd.Closed);
        (await client.Closed.Task.WaitAsync(Patience)).ShouldBe(LinkStreamEnd.Closed);
        stream.Send(new byte[1]).ShouldBeFalse();
    }

    [Fact]
    public async Task An_address_at_which_nobody_listens_refuses_and_an_unknown_host_is_unreachable()
    {
        var transport = new TcpLinkTransport(NullLog.Instance);
        var unused = transport.Listen("127.0.0.1:0", new Receiver());
        unused.Dispose();
        var (refused, unknown) = (new Receiver(), new Receiver());
        transport.Connect(unused.Address, refused);
        transport.Connect("no-such-host.invalid:7000", unknown);
        (await refused.Closed.Task.WaitAsync(Patience)).ShouldBe(LinkStreamEnd.Refused);
        (await unknown.Closed.Task.WaitAsync(Patience)).ShouldBe(LinkStreamEnd.Unreachable);
    }

    [Fact]
    public void An_address_that_is_in_use_says_so()
    {
        var transport = new TcpLinkTransport(NullLog.Instance);
        using var listener = transport.Listen("127.0.0.1:0", new Receiver());
        Should.Throw<IOException>(() => transport.Listen(listener.Address, new Receiver())).Message.ShouldContain(listener.Address);
    }

    private sealed class Receiver : ILinkStreamEvents, ILinkAcceptor
    {
        private readonly Lock _gate = new();
        private TaskCompletionSource? _enough;
        private int _wanted;

        public TaskCompletionSource Opened { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
        public TaskCompletionSource<LinkStreamEnd> Closed { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
        public List<byte> Bytes { get; } = [];
        public ILinkStream? Stream { get; private set; }

        public Task Has(int count)
        {
            lock (_gate)
            {
                _wanted = count;
                _enough = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                if (Bytes.Count >= count) _enough.SetResult();
                return _enough.Task;
            }
        }

        public ILinkStreamEvents? Accept(ILinkStream stream)
        {
            Stream = stream;
            return this;
        }

        public void OnOpened() => Opened.SetResult();

        public void OnData(ReadOnlySpan<byte> bytes)
        {
            lock (_gate)
            {
                Bytes.AddRange(bytes);
                if (Bytes.Count >= _wanted) _enough?.TrySetResult();
            }
        }

        public void OnClosed(LinkStreamEnd end) => Closed.SetResult(end);
    }
}
