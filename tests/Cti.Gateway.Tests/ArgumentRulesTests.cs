using System.Collections.Immutable;
using System.Text;
using Cti.Calls.Api;
using Cti.Kernel;
using CallDirection = Cti.Calls.Call.CallDirection;

namespace Cti.Gateway.Tests;

/// <summary>Rules of the contract that the table does not show.</summary>
public sealed class ArgumentRulesTests
{
    private static (RpcArguments Arguments, RpcError? Error) Bind(string method, string text, ApiGeneration generation = ApiGeneration.V2, MediaRoots? roots = null)
    {
        var error = ArgumentBinder.TryBind(Catalogue.Find(method)!, generation, Encoding.UTF8.GetBytes(text), roots ?? MediaRoots.None, out var arguments);
        return (arguments, error);
    }

    private static RpcArguments Good(string method, string text, ApiGeneration generation = ApiGeneration.V2, MediaRoots? roots = null)
    {
        var (arguments, error) = Bind(method, text, generation, roots);
        error.ShouldBeNull();
        return arguments;
    }

    private static string Refused(string method, string text, ApiGeneration generation = ApiGeneration.V2) =>
        (string)Bind(method, text, generation).Error.ShouldNotBeNull().Data!["reason"];

    private static ImmutableArray<PlayElement> Play(string content) => Good("sys.call.play_start", $$"""{"res_id":"r","content":{{content}}}""").Content("content")!.Elements;

    private static string PlayRefused(string content) => Refused("sys.call.play_start", $$"""{"res_id":"r","content":{{content}}}""");

    [Fact]
    public void The_older_generation_takes_its_own_order_of_parameters()
    {
        const string Array = """["1","2@gw",60,10,null,"ring.wav","data"]""";
        var v1 = Good("sys.call.construct", Array, ApiGeneration.V1);
        v1.OptionalString("ring_play_file").ShouldBe("ring.wav");
        v1.OptionalString("user_data").ShouldBe("data");
        Good("sys.call.construct", Array).OptionalString("parent_conf_res_id").ShouldBe("ring.wav", "the present one has another parameter there");
        Refused("sys.call.construct", """["1","2@gw",60,10,"a","b"]""").ShouldBe("must be null when parent_call_res_id is given");
        Good("sys.call.construct", """["1","2@gw",60,10,null,null,"ring.wav",2,"data"]""").Int32("ring_play_mode").ShouldBe(2);
    }

    [Fact]
    public void Recording_formats_have_one_name_inside()
    {
        const string Params = """{"res_id":"r","max_seconds":5,"record_file":"a"}""";
        Good("sys.call.record_start", Params, ApiGeneration.V1).String("record_format").ShouldBe("Alaw");
        Good("sys.call.record_start", Params).String("record_format").ShouldBe("Alaw");
        string Name(int number, ApiGeneration generation) => Good("sys.call.record_start", $"{Params[..^1]},\"record_format\":{number}}}", generation).String("record_format");
        Name(1, ApiGeneration.V1).ShouldBe("Pcm8");
        Name(2, ApiGeneration.V1).ShouldBe("Alaw");
        Name(3, ApiGeneration.V1).ShouldBe("Ulaw");
        Name(3, ApiGeneration.V2).ShouldBe("Alaw");
        Name(7, ApiGeneration.V2).ShouldBe("Ulaw");
        Name(8, ApiGeneration.V2).ShouldBe("Pcm8");
        Refused("sys.call.record_start", $"{Params[..^1]},\"record_format\":6}}", ApiGeneration.V1).ShouldBe("6 (Mp3) is not available yet; there are 1 (Pcm8), 2 (Alaw), 3 (Ulaw)");
        Refused("sys.call.record_start", $"{Params[..^1]},\"record_format\":2}}").ShouldBe("must be one of 1 (OkiAdpcm), 3 (Alaw), 4 (G726), 7 (Ulaw), 8 (Pcm8), 21 (G721)");
    }

    [Theory]
    [InlineData(ApiGeneration.V1)]
    [InlineData(ApiGeneration.V2)]
    public void Both_spellings_of_breaking_on_key_are_taken_but_not_at_once(ApiGeneration generation)
    {
        Good("sys.call.receive_dtmf_start", """{"res_id":"r","if_break_on_key":false}""", generation).Boolean("breaking_on_key").ShouldBeFalse();
        Good("sys.call.receive_dtmf_start", """{"res_id":"r","breaking_on_key":false}""", generation).Boolean("breaking_on_key").ShouldBeFalse();
        Refused("sys.call.receive_dtmf_start", """{"res_id":"r","if_break_on_key":false,"breaking_on_key":false}""", generation).ShouldStartWith("is given twice");
    }

    [Fact]
    public void A_called_party_is_a_string_or_a_list_of_strings()
    {
        ImmutableArray<string> To(string json) => Good("sys.call.construct", $$"""{"max_answer_seconds":9,"to_uri":{{json}}}""").Strings("to_uri");
        To("\"100@gw\"").ShouldBe(["100@gw"]);
        To("[\"100@gw1\",\"SIP:+86-10@[2001:db8::1]:5062;transport=tcp\"]").ShouldBe(["100@gw1", "SIP:+86-10@[2001:db8::1]:5062;transport=tcp"]);
        To("\"%23100*@gw_1.local.\"").ShouldBe(["%23100*@gw_1.local."]);
        Refused("sys.call.construct", """{"max_answer_seconds":9,"to_uri":["a@b","b"]}""").ShouldBe("[1]: must be a SIP URI [sip:]user@host[:port]: the user part is missing");
    }

    [Fact]
    public void A_caller_is_a_uri_or_a_bare_number()
    {
        string? From(string json) => Good("sys.call.construct", $$"""{"max_answer_seconds":9,"to_uri":"a@b","from_uri":{{json}}}""").OptionalString("from_uri");
        From("\"+861012345678\"").ShouldBe("+861012345678");
        From("\"sip:anonymous@anonymous.invalid\"").ShouldBe("sip:anonymous@anonymous.invalid");
        From("null").ShouldBeNull();
    }

    [Fact]
    public void A_redirect_may_leave_the_user_part_out()
    {
        foreach (var uri in (string[])["gw", "sip:gw", "10.0.0.1:5080", "[::1]:5080", "100@gw", "sip:100@gw:5080"])
            Good("sys.call.redirect", $$"""["r","{{uri}}"]""").String("redirect_uri").ShouldBe(uri);
    }

    [Fact]
    public void Null_and_empty_are_the_same_for_files_and_keys()
    {
        foreach (var nothing in (string[])["null", "\"\""])
        {
            Good("sys.call.play_start", $$"""{"res_id":"r","content":"a","finish_keys":{{nothing}}}""").OptionalString("finish_keys").ShouldBeNull();
            Good("sys.call.record_start", $$"""{"res_id":"r","max_seconds":1,"record_file":"a","finish_keys":{{nothing}}}""").OptionalString("finish_keys").ShouldBe("");
            Good("sys.call.receive_dtmf_start", $$"""{"res_id":"r","finish_keys":{{nothing}},"play_content":{{nothing}}}""").Content("play_content").ShouldBeNull();
            Good("sys.call.construct", $$"""{"max_answer_seconds":9,"to_uri":"a@b","ring_play_file":{{nothing}}}""").OptionalString("ring_play_file").ShouldBeNull();
        }
    }

    [Fact]
    public void Causes_have_the_range_of_their_method()
    {
        Good("sys.call.drop", """{"res_id":"r","cause":200}""").Int32("cause").ShouldBe(200);
        Good("sys.call.drop", """{"res_id":"r"}""").Int32("cause").ShouldBe(603);
        Refused("sys.call.reject", """{"res_id":"r","cause":399}""").ShouldBe("must be 400..699");
        Refused("sys.call.drop", """{"res_id":"r","cause":199}""").ShouldBe("must be 200..699");
    }

    [Fact]
    public void A_whole_number_may_be_written_with_a_fraction_of_zero()
    {
        Good("sys.call.answer", """{"res_id":"r","max_answer_seconds":60.0}""").Int32("max_answer_seconds").ShouldBe(60);
        Good("sys.call.answer", """{"res_id":"r","max_answer_seconds":6e1}""").Int32("max_answer_seconds").ShouldBe(60);
        Refused("sys.call.answer", """{"res_id":"r","max_answer_seconds":60.5}""").ShouldBe("must be an integer");
    }

    [Fact]
    public void Absolute_file_names_are_taken_under_their_root_only()
    {
        var roots = new MediaRoots("/srv/media", "/srv/record/");
        Good("sys.call.play_start", """{"res_id":"r","content":"/srv/media/a/../b.wav"}""", roots: roots).Content("content")!.Elements[0].Text.ShouldBe("/srv/media/a/../b.wav");
        Bind("sys.call.play_start", """{"res_id":"r","content":"/srv/media/../b.wav"}""", roots: roots).Error.ShouldNotBeNull();
        Bind("sys.call.play_start", """{"res_id":"r","content":"/srv/mediator/b.wav"}""", roots: roots).Error.ShouldNotBeNull();
        Good("sys.call.record_start", """{"res_id":"r","max_seconds":1,"record_file":"/srv/record/x"}""", roots: roots).String("record_file").ShouldBe("/srv/record/x");
    }

    [Fact]
    public void Play_content_becomes_files_in_order()
    {
        Play("\"a.wav|b/c.wav\"").ShouldBe([new PlayElement(0, "a.wav", ""), new PlayElement(0, "b/c.wav", "")]);
        Play("""[["a.wav",0,""],["b|c",7,"lang=en-US"],[null,-1,""],["d",0,null]]""").ShouldBe(
            [new PlayElement(0, "a.wav", ""), new PlayElement(0, "b", "lang=en-US"), new PlayElement(0, "c", "lang=en-US"), new PlayElement(0, "d", "")]);
        Play("""[[{"x":[1]},-5,""]]""").ShouldBeEmpty();
        Play($"[{string.Join(',', Enumerable.Repeat("""["a",0,""]""", 30))}]").Length.ShouldBe(30);
    }

    [Theory]
    [InlineData("1", "\"0123\"", "12a")]
    [InlineData("1", "42", "-1")]
    [InlineData("2", "-5", "1e3")]
    [InlineData("2", "\"9999999999999999.999999\"", "10000000000000000")]
    [InlineData("3", "1086.30", "1.1234567")]
    [InlineData("6", "\"0.05\"", "0.055")]
    [InlineData("4", "\"2012-9-8 1:5:3\"", "2013-2-29")]
    [InlineData("4", "\"2012-02-29\"", "2012-13")]
    [InlineData("4", "\"2012-9\"", "2012-9 1:5")]
    [InlineData("4", "\"23:59\"", "24:00")]
    [InlineData("5", "\"99:99:99\"", "100:0")]
    [InlineData("5", "\"1:23\"", "1")]
    public void Spoken_values_are_checked_though_they_are_not_available_yet(string type, string fits, string doesNot)
    {
        PlayRefused($"[[\"a\",0,\"\"],[{fits},{type},\"\"]]").ShouldBe($"[1]: type {type} is not available yet; 0 (file) and 7 (files) are");
        var reason = PlayRefused($"[[\"{doesNot}\",{type},\"\"]]");
        reason.ShouldStartWith("[0]: ");
        reason.ShouldNotContain("available");
    }

    [Fact]
    public void Text_to_speech_is_not_available_yet() =>
        PlayRefused("""[["你好",10,"lang=zh-CN"]]""").ShouldContain("type 10 is not available yet");

    [Fact]
    public void An_escaped_lone_surrogate_is_refused() =>
        Bind("sys.call.answer", """{"res_id":"r","max_answer_seconds":1,"user_data":"\ud800"}""").Error!.Data!["param"].ShouldBe("params");

    [Fact]
    public void The_hash_tells_other_content_and_not_other_writing()
    {
        ulong Hash(string text, ApiGeneration generation = ApiGeneration.V2) =>
            ArgumentsHash.Compute(Catalogue.Find("sys.call.record_start")!, Good("sys.call.record_start", text, generation));
        var hash = Hash("""{"res_id":"r","max_seconds":5,"record_file":"a"}""");
        Hash("""{"record_file":"\u0061","max_seconds":5.0,"res_id":"r","beep":true,"record_format":3}""").ShouldBe(hash);
        Hash("""["r",5,true,"a",2]""", ApiGeneration.V1).ShouldBe(hash);
        Hash("""{"res_id":"r","max_seconds":6,"record_file":"a"}""").ShouldNotBe(hash);
        Hash("""{"res_id":"r","max_seconds":5,"record_file":"b"}""").ShouldNotBe(hash);
    }

    [Fact]
    public void State_rules_follow_generation_and_direction()
    {
        var drop = Catalogue.Find("sys.call.drop")!;
        drop.AllowedIn(ApiGeneration.V2, CallDirection.Outbound).ShouldBeEmpty();
        drop.AllowedIn(ApiGeneration.V1, CallDirection.Inbound).ShouldBeEmpty();
        drop.AllowedIn(ApiGeneration.V2, CallDirection.Inbound).ShouldBe(["Idle", "Play", "Record", "SendDtmf", "ReceiveDtmf", "Dial", "Connect", "Conf"]);
        Catalogue.Find("sys.call.answer")!.OnlyDirection.ShouldBe(CallDirection.Inbound);
        Catalogue.Find("sys.call.conf_enter")!.AllowedIn(ApiGeneration.V1, CallDirection.Inbound).ShouldBe(["Idle"]);
    }
}
