namespace Cti.Acceptance.Infrastructure;

/// <summary>One node, open to every caller, for the tests that leave it as it was.</summary>
public sealed class SharedNode : IAsyncLifetime
{
    /// <summary>The collection's name.</summary>
    public const string Name = "one node";

    internal NodeProcess Node { get; private set; } = null!;

    /// <inheritdoc/>
    public async Task InitializeAsync() => Node = await NodeProcess.StartAsync(["cti.call.offer-timeout=3s"]);

    /// <inheritdoc/>
    public async Task DisposeAsync() => await Node.DisposeAsync();
}

/// <summary>Tests that share a node.</summary>
[CollectionDefinition(SharedNode.Name)]
public sealed class SharedNodeGroup : ICollectionFixture<SharedNode>;

/// <summary>A test with an application and a telephone on the shared node.</summary>
public abstract class CallTest(SharedNode shared) : IAsyncLifetime
{
    private static int _number;

    private protected NodeProcess Node => shared.Node;

    private protected RpcClient App { get; private set; } = null!;

    private protected TestPhone Phone { get; private set; } = null!;

    /// <summary>A user part that no other call has.</summary>
    private protected static string NewUser() => $"user{Interlocked.Increment(ref _number)}";

    /// <inheritdoc/>
    public async Task InitializeAsync()
    {
        App = await RpcClient.ConnectAsync(Node);
        Phone = new TestPhone();
    }

    /// <inheritdoc/>
    public async Task DisposeAsync()
    {
        await App.DisposeAsync();
        await Phone.DisposeAsync();
    }

    /// <summary>A call from the phone that the application has answered.</summary>
    private protected async Task<(PhoneCall Call, string ResId)> InboundAsync(string codecs = "8 0 101")
    {
        var user = NewUser();
        var call = Phone.Call(Node, user, codecs);
        var res = await App.IncomingAsync(user);
        await App.AskAsync("sys.call.answer", new { res_id = res, max_answer_seconds = 120 });
        await call.AnsweredAsync();
        (await App.ExpectAsync("sys.call.on_answer_completed", res)).Error.ShouldBeNull();
        return (call, res);
    }

    /// <summary>A call to the phone that the phone has answered.</summary>
    private protected async Task<(PhoneCall Call, string ResId)> OutboundAsync()
    {
        var user = NewUser();
        var made = await App.AskAsync("sys.call.construct", new { to_uri = $"sip:{user}@{Phone.Address}", max_answer_seconds = 120 });
        var call = await Phone.InvitedAsync();
        await call.PickUpAsync();
        var res = (string)made!["res_id"]!;
        (await App.ExpectAsync("sys.call.on_dial_completed", res)).Error.ShouldBeNull();
        return (call, res);
    }

    /// <summary>Ends a call from the application's side and sees it gone.</summary>
    private protected async Task DropAsync(PhoneCall call, string res)
    {
        await App.AskAsync("sys.call.drop", new { res_id = res });
        await call.ByeAsync();
        await ReleasedAsync(res);
    }

    /// <summary>The release of a call, checked to be the only one, with no gap in its events.</summary>
    private protected async Task<RpcEvent> ReleasedAsync(string res)
    {
        var released = await App.ExpectAsync("sys.call.on_released", res);
        await App.ExpectAsync("sys.on_chan_closed", res);
        App.ShouldBeGapless(res);
        App.Story(res).Count(static m => m == "on_released").ShouldBe(1);
        return released;
    }
}
