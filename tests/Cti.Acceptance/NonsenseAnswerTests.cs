using Cti.Acceptance.Infrastructure;

namespace Cti.Acceptance;

/// <summary>Far ends that answer with sound which nobody can agree to: the call is acknowledged, hung up, and told as not acceptable.</summary>
public sealed class NonsenseAnswerTests
{
    [Theory]
    [InlineData("off", "RTP/AVP", "97", "rtpmap:97 SILK/24000")]
    [InlineData("off", "RTP/AVP", "9", "rtpmap:9 G722/8000")]
    [InlineData("off", "RTP/SAVP", "8", "crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("required", "RTP/AVP", "8", "rtpmap:8 PCMA/8000")]
    [InlineData("required", "RTP/SAVP", "8", "rtpmap:8 PCMA/8000")]
    [InlineData("required", "RTP/SAVP", "8", "crypto:1 NO_SUCH_SUITE inline:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("required", "RTP/SAVP", "8", "crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2hvcnQ=")]
    public async Task It_is_hung_up_and_told(string srtp, string profile, string format, string attribute)
    {
        await using var sipp = await Sipp.StartAsync("answer-nonsense.xml", more: ["-key", "profile", profile, "-key", "format", format, "-key", "attribute",
            attribute]);
        await using var node = await NodeProcess.StartAsync([$$"""cti.trunks=[{ name = odd, address = "127.0.0.1:{{sipp.Port}}", options-interval = 0s"""
            + $$""", media { srtp = {{srtp}} } }]"""]);
        await using var app = await RpcClient.ConnectAsync(node);
        var call = (string)(await app.AskAsync("sys.call.construct", new { to_uri = "sip:sipp@odd", max_answer_seconds = 60 }))!["res_id"]!;
        (await app.ExpectAsync("sys.call.on_dial_completed", call)).Error.ShouldBe(488);
        await app.ExpectAsync("sys.call.on_released", call);
        await sipp.ShouldSucceedAsync();
    }
}
