using System.Collections.Concurrent;
using System.Text;
using System.Threading.Channels;
using Cti.Calls;
using Cti.Calls.Speech;
using Cti.Contract;
using Cti.Gateway;
using Cti.Gateway.Access;
using Cti.Kernel;
using Cti.Transport.Runtime;

namespace Cti.Node.Tests.Commands;

/// <summary>The real gateway over a node that answers as a test says.</summary>
internal sealed class ScriptedGateway : IRequestRouter, IEventFeeds, IGatewayStatus, IAsyncDisposable
{
    private readonly ConcurrentBag<Feed> _feeds = [];
    private GatewayServer _server = null!;
    private int _sequence;

    public const string Key = "cti_key_of_the_tests";

    public string Url => _server.Urls[0];

    public string? WhyNotReady { get; set; }

    public List<string> Drained { get; } = [];

    public DrainRefusal? Drain(string node)
    {
        Drained.Add(node);
        return node != "nobody" ? null : new DrainRefusal(true, "there is no node nobody in the cluster; there is a");
    }

    public ConcurrentQueue<RpcRequest> Asked { get; } = new();

    /// <summary>JSON of the result, or a refusal.</summary>
    public Func<RpcRequest, RpcReply> Answer { get; set; } = _ => Result("null");

    public static RpcReply Result(string json) => RpcReply.Ok(Encoding.UTF8.GetBytes(json));

    public static async Task<ScriptedGateway> StartAsync()
    {
        var gateway = new ScriptedGateway();
        var options = new GatewayOptions
        {
            States = StateTable.Instance,
            Spoken = SpokenRules.Instance,
            Listen = ["http://127.0.0.1:0"],
            Applications = [new ApplicationOptions("default", [DefaultKey.Hash(Key)]) { Admin = true }],
        };
        gateway._server = await GatewayServer.StartAsync(options, gateway, gateway, gateway, new SystemClock(), NullLog.Instance);
        return gateway;
    }

    public ValueTask<RpcReply> AskAsync(RpcRequest request, CancellationToken cancellation)
    {
        Asked.Enqueue(request);
        return new(Answer(request));
    }

    public void Publish(string method, string parameters)
    {
        var number = Interlocked.Increment(ref _sequence);
        foreach (var feed in _feeds)
            feed.Events.Writer.TryWrite(new FeedEvent($"c{number}", "0.0.1-sys.call-1", number, 1_700_000_000_000, method, Encoding.UTF8.GetBytes(parameters),
                default));
    }

    public IEventFeed Open(string application)
    {
        var feed = new Feed();
        _feeds.Add(feed);
        return feed;
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    private sealed class Feed : IEventFeed
    {
        public Channel<FeedEvent> Events { get; } = Channel.CreateUnbounded<FeedEvent>();

        public async ValueTask<IReadOnlyList<FeedEvent>> ReadAsync(int limit, CancellationToken cancellation) => [await Events.Reader.ReadAsync(cancellation)];

        public ValueTask<FeedPosition> SubscribeAsync(string? from, string? group, CancellationToken cancellation) => new(new FeedPosition("c0", null));

        public ValueTask<FeedPosition> AcknowledgeAsync(string cursor, CancellationToken cancellation) => new(new FeedPosition(cursor, null));

        public ValueTask DisposeAsync() => default;
    }
}
