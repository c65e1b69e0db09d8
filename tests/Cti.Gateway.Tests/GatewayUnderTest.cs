using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Cti.Calls;
using Cti.Calls.Speech;
using Cti.Contract;
using Cti.Gateway.Access;

namespace Cti.Gateway.Tests;

/// <summary>A real gateway on a free port of 127.0.0.1, with fakes behind it.</summary>
internal sealed class GatewayUnderTest : IAsyncDisposable
{
    internal const string Key = "cti_test-key-of-the-default-application";
    internal const string AdminKey = "cti_test-key-of-an-administrator";
    internal const string LimitedKey = "cti_test-key-of-a-limited-application";

    internal FakeRouter Router { get; } = new();

    internal FakeFeeds Feeds { get; } = new();

    internal FakeStatus Status { get; } = new();

    internal ManualClock Clock { get; } = new();

    internal RecordingLog Log { get; } = new();

    internal GatewayServer Server { get; private set; } = null!;

    internal HttpClient Http { get; } = new();

    internal Uri Base => new($"http://127.0.0.1:{Server.Port}");

    internal static GatewayOptions Options { get; } = new()
    {
        States = StateTable.Instance,
        Spoken = SpokenRules.Instance,
        Listen = ["http://127.0.0.1:0"],
        Applications =
        [
            new ApplicationOptions("default", [DefaultKey.Hash(Key)]),
            new ApplicationOptions("operator", [DefaultKey.Hash(AdminKey)]) { Admin = true },
            new ApplicationOptions("limited", [DefaultKey.Hash(LimitedKey)]) { RequestsPerSecond = 2, Burst = 3, ConnectionsMax = 2 },
        ],
        CloseMillis = 2_000,
    };

    internal static async Task<GatewayUnderTest> StartAsync(Func<GatewayOptions, GatewayOptions>? change = null)
    {
        var gateway = new GatewayUnderTest();
        var options = change is null ? Options : change(Options);
        gateway.Server = await GatewayServer.StartAsync(options, gateway.Router, gateway.Feeds, gateway.Status, gateway.Clock, gateway.Log);
        return gateway;
    }

    internal async Task<HttpResponseMessage> PostAsync(string body, ApiGeneration generation = ApiGeneration.V2, string? key = Key,
        string contentType = "application/json")
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(Base, $"/v{(int)generation}/rpc"));
        request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
        request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(contentType);
        if (key is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        return await Http.SendAsync(request);
    }

    internal async Task<JsonElement> CallAsync(string body, ApiGeneration generation = ApiGeneration.V2, string key = Key)
    {
        using var response = await PostAsync(body, generation, key);
        ((int)response.StatusCode).ShouldBe(200);
        return Json(await response.Content.ReadAsStringAsync());
    }

    internal Task<JsonElement> CallAsync(string method, string @params, ApiGeneration generation = ApiGeneration.V2, string key = Key) =>
        CallAsync($$"""{"jsonrpc":"2.0","id":1,"method":"{{method}}","params":{{@params}}}""", generation, key);

    internal Task<RpcClient> ConnectAsync(ApiGeneration generation = ApiGeneration.V2, string key = Key) => RpcClient.ConnectAsync(this, generation, key);

    internal static JsonElement Json(string text)
    {
        using var document = JsonDocument.Parse(text);
        return document.RootElement.Clone();
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await Server.DisposeAsync();
    }
}
