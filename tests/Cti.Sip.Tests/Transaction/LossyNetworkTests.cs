using System.Net;
using System.Net.Sockets;
using Cti.Kernel;
using Cti.Sip.Message;
using Cti.Sip.Transaction;

namespace Cti.Sip.Tests.Transaction;

/// <summary>Two layers, and between them a network that loses, repeats and delays; each seed is one network.</summary>
public sealed class LossyNetworkTests
{
    [Theory]
    [InlineData("INVITE", 486)]
    [InlineData("INVITE", 200)]
    [InlineData("BYE", 200)]
    public void Whatever_the_network_does_the_request_arrives_once_and_both_ends_forget_it(string method, int status)
    {
        var answered = 0;
        for (var seed = 1UL; seed <= 300; seed++)
        {
            var net = new Network(seed, status);
            net.Start(method);
            net.Run(200_000);
            net.Server.Requests.ShouldBeLessThanOrEqualTo(1, $"seed {seed}");
            net.Client.Layer.Count.ShouldBe(0, $"seed {seed}");
            net.Server.Layer.Count.ShouldBe(0, $"seed {seed}");
            var outcomes = net.Client.Finals + net.Client.Timeouts;
            if (method == "INVITE" && status == 200) outcomes.ShouldBeGreaterThanOrEqualTo(1, $"seed {seed}");
            else outcomes.ShouldBe(1, $"seed {seed}");
            answered += net.Client.Finals > 0 ? 1 : 0;
        }
        answered.ShouldBeGreaterThan(280, "a third of the packets lost is what retransmissions are for");
    }

    private sealed class Network(ulong seed, int status) : IClock, IRandom
    {
        private readonly PriorityQueue<(End To, byte[] Bytes), (long At, long Number)> _wire = new();
        private ulong _state = seed * 7919;
        private long _now;
        private long _sent;
        private End? _client;
        private End? _server;

        public End Client => _client ??= new End(this, "192.0.2.1", status);
        public End Server => _server ??= new End(this, "192.0.2.9", status);
        public long MonotonicNanos => _now * 1_000_000;
        public long UnixMillis => _now;

        public void Start(string method) =>
            Client.Layer.StartClient(TransactionBench.Request(method),
                new SipFlow(SipTransportKind.Udp, 0, new IPEndPoint(IPAddress.Parse("192.0.2.9"), 5060)));

        public void Run(long until)
        {
            while (true)
            {
                var next = Math.Min(Client.Layer.NextDeadline, Server.Layer.NextDeadline);
                if (_wire.TryPeek(out _, out var due)) next = Math.Min(next, due.At);
                if (next > until) break;
                _now = Math.Max(_now, next);
                while (_wire.TryPeek(out _, out due) && due.At <= _now)
                {
                    var (to, bytes) = _wire.Dequeue();
                    to.Receive(bytes);
                }
                Client.Layer.Tick();
                Server.Layer.Tick();
            }
            _now = until;
        }

        public void Carry(End from, ReadOnlyMemory<byte> message)
        {
            var to = from == _client ? Server : Client;
            for (var copies = this.Next(10) == 0 ? 2 : 1; copies > 0; copies--)
            {
                if (this.Next(3) != 0) _wire.Enqueue((to, message.ToArray()), (_now + 5 + this.Next(300), ++_sent));
            }
        }

        public void Fill(Span<byte> buffer)
        {
            foreach (ref var b in buffer)
            {
                _state = (_state * 6364136223846793005UL) + 1442695040888963407UL;
                b = (byte)(_state >> 35);
            }
        }
    }

    private sealed class End : ISipTransport, ITransactionUser
    {
        private readonly Network _net;
        private readonly string _address;
        private readonly int _status;

        public End(Network net, string address, int status)
        {
            _net = net;
            _address = address;
            _status = status;
            Layer = new TransactionLayer(this, this, net, net);
        }

        public TransactionLayer Layer { get; }
        public int Requests { get; private set; }
        public int Finals { get; private set; }
        public int Timeouts { get; private set; }

        public void Receive(byte[] bytes)
        {
            var from = new IPEndPoint(IPAddress.Parse(_address == "192.0.2.1" ? "192.0.2.9" : "192.0.2.1"), 5060);
            Layer.Receive(new ReceivedMessage(SipParser.ParseDatagram(bytes.AsSpan()).Message!, new SipFlow(SipTransportKind.Udp, 0, from), 0));
        }

        public void Send(SipFlow flow, ReadOnlyMemory<byte> message, long sendId) => _net.Carry(this, message);

        public int FindListener(SipTransportKind kind, AddressFamily family) => kind == SipTransportKind.Udp ? 0 : -1;

        public SipHostPort LocalAddress(SipTransportKind kind, int listener) => new(_address, 5060);

        public void OnRequest(ServerTransaction transaction)
        {
            Requests++;
            transaction.Respond(SipResponse.For(transaction.Request, _status, null, "t"));
            // RFC 3261 section 13.3.1.4: repeating a 2xx is the user's job; a few times at once will do for a test of the layer.
            for (var i = 0; i < 6 && transaction.IsInvite && _status == 200; i++) transaction.Respond(SipResponse.For(transaction.Request, _status, null, "t"));
        }

        public void OnResponse(ClientTransaction transaction, SipResponse response) => Finals += response.IsFinal ? 1 : 0;

        public void OnTimeout(ClientTransaction transaction) => Timeouts++;

        public void OnAck(SipRequest ack, SipFlow flow, ServerTransaction? transaction)
        {
        }

        public void OnCancel(ServerTransaction invite, SipRequest cancel)
        {
        }

        public void OnStrayResponse(SipResponse response, SipFlow flow)
        {
        }

        public void OnTransportError(ClientTransaction transaction, SipSendFailure failure) => Timeouts++;

        public void OnServerFailed(ServerTransaction transaction, SipSendFailure? failure)
        {
        }
    }
}
