using System.Security.Cryptography;
using System.Text;
using Cti.Acceptance.Infrastructure;

namespace Cti.Acceptance;

/// <summary>Header fields that an application adds to SIP messages, and hears of them, by the configuration of an operator.</summary>
public sealed class HeaderTests
{
    private const string Key = "header-test-key-that-guards-nothing";

    [Fact]
    public async Task An_application_adds_fields_and_hears_those_that_its_configuration_names()
    {
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Key)));
        await using var phone = new TestPhone();
        await using var node = await NodeProcess.StartAsync(configuration: $$"""
            cti.gateway { applications.main { keys = ["sha256:{{hash}}"], headers = ["X-*", Reason] }, default-application = main }
            """);
        await using var app = await RpcClient.ConnectAsync(node, key: Key);

        var incoming = phone.Call(node, "100", extra: "X-Ticket: 17\r\nUser-Agent: nobody\r\n");
        var offered = await app.ExpectAsync("sys.call.on_incoming", null);
        offered.Params["headers"]!.ToJsonString().ShouldBe("""{"X-Ticket":["17"]}""");
        await app.AskAsync("sys.call.reject", new { res_id = offered.ResId, cause = 480, headers = new Dictionary<string, string> { ["X-Why"] = "closed" } });
        (await incoming.RefusedAsync(480)).Header("X-Why").ShouldBe("closed");

        var call = (string)(await app.AskAsync("sys.call.construct", new
        {
            to_uri = $"sip:1000@{phone.Address}", max_answer_seconds = 60,
            headers = new Dictionary<string, object> { ["User-to-User"] = "00c0ffee;encoding=hex", ["X-Two"] = new[] { "a", "b" } },
        }))!["res_id"]!;
        var outgoing = await phone.InvitedAsync();
        outgoing.Invited!.Header("User-to-User").ShouldBe("00c0ffee;encoding=hex");
        outgoing.Invited.All("X-Two").ShouldBe(["a", "b"]);
        await outgoing.PickUpAsync();
        await app.ExpectAsync("sys.call.on_dial_completed", call);
        await outgoing.HangUpAsync("Reason: Q.850;cause=16\r\n");
        (await app.ExpectAsync("sys.call.on_released", call)).Params["headers"]!.ToJsonString().ShouldBe("""{"Reason":["Q.850;cause=16"]}""");

        (await app.RefusedAsync("sys.call.construct", new
        {
            to_uri = $"sip:1000@{phone.Address}", max_answer_seconds = 60, headers = new Dictionary<string, string> { ["Route"] = "<sip:elsewhere;lr>" },
        })).ShouldBe(-32602);
    }
}
