using System.Collections.Immutable;
using System.Text;
using Cti.Calls;
using Cti.Calls.Speech;
using Cti.Contract;
using Cti.Kernel;

namespace Cti.Contract.Tests;

/// <summary>Rules of the contract that the table does not show.</summary>
public sealed class ArgumentRulesTests
{
    private static (RpcArguments Arguments, RpcError? Error) Bind(string method, string text, ApiGeneration generation = ApiGeneration.V2,
        MediaRoots? roots = null)
    {
        var error = ArgumentBinder.TryBind(Catalogue.Find(method)!, generation, Encoding.UTF8.GetBytes(text),
            new ArgumentRules(roots ?? MediaRoots.None, SpokenRules.Instance), out var arguments);
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

    private static ImmutableArray<PlayElement> Play(string content) =>
        Good("sys.call.play_start", $$"""{"res_id":"r","content":{{content}}}""").Content("content")!.Elements;

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
        string Name(int number, ApiGeneration generation) =>
            Good("sys.call.record_start", $"{Params[..^1]},\"record_format\":{number}}}", generation).String("record_format");
        Name(1, ApiGeneration.V1).ShouldBe("Pcm8");
        Name(2, ApiGeneration.V1).ShouldBe("Alaw");
        Name(3, ApiGeneration.V1).ShouldBe("Ulaw");
        Name(3, ApiGeneration.V2).ShouldBe("Alaw");
        Name(7, ApiGeneration.V2).ShouldBe("Ulaw");
        Name(8, ApiGeneration.V2).ShouldBe("Pcm8");
        Name(6, ApiGeneration.V1).ShouldBe("Mp3");
        Name(4, ApiGeneration.V1).ShouldBe("ImaAdpcm");
        Name(5, ApiGeneration.V1).ShouldBe("Gsm");
        Name(1, ApiGeneration.V2).ShouldBe("OkiAdpcm");
        Name(4, ApiGeneration.V2).ShouldBe("G726");
        Name(21, ApiGeneration.V2).ShouldBe("G721");
        Refused("sys.call.record_start", $"{Params[..^1]},\"record_format\":7}}", ApiGeneration.V1)
            .ShouldBe("must be one of 1 (Pcm8), 2 (Alaw), 3 (Ulaw), 4 (ImaAdpcm), 5 (Gsm), 6 (Mp3)");
        Refused("sys.call.record_start", $"{Params[..^1]},\"record_format\":2}}")
            .ShouldBe("must be one of 1 (OkiAdpcm), 3 (Alaw), 4 (G726), 7 (Ulaw), 8 (Pcm8), 21 (G721)");
    }

    [Theory]
    [InlineData(ApiGeneration.V1)]
    [InlineData(ApiGeneration.V2)]
    public void Both_spellings_of_breaking_on_key_are_taken_but_not_at_once(ApiGeneration generation)
    {
        Good("sys.call.receive_dtmf_start", """{"res_id":"r","if_break_on_key":false}""", generation).Boolean("breaking_on_key").ShouldBeFalse();
        Good("sys.call.receive_dtmf_start", """{"res_id":"r","breaking_on_key":false}""", generation).Boolean("breaking_on_key").ShouldBeFalse();
        Refused("sys.call.receive_dtmf_start", """{"res_id":"r","if_break_on_key":false,"breaking_on_key":false}""", generation)
            .ShouldStartWith("is given twice");
    }

    [Fact]
    public void A_called_party_is_a_string_or_a_list_of_strings()
    {
        ImmutableArray<string> To(string json) => Good("sys.call.construct", $$"""{"max_answer_seconds":9,"to_uri":{{json}}}""").Strings("to_uri");
        To("\"100@gw\"").ShouldBe(["100@gw"]);
        To("[\"100@gw1\",\"SIP:+86-10@[2001:db8::1]:5062;transport=tcp\"]").ShouldBe(["100@gw1", "SIP:+86-10@[2001:db8::1]:5062;transport=tcp"]);
        To("\"%23100*@gw_1.local.\"").ShouldBe(["%23100*@gw_1.local."]);
        Refused("sys.call.construct", """{"max_answer_seconds":9,"to_uri":["a@b","b"]}""")
            .ShouldBe("[1]: must be a SIP URI [sip:]user@host[:port]: the user part is missing");
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
            Good("sys.call.record_start", $$"""{"res_id":"r","max_seconds":1,"record_file":"a","finish_keys":{{nothing}}}""").OptionalString("finish_keys")
                .ShouldBe("");
            Good("sys.call.receive_dtmf_start", $$"""{"res_id":"r","finish_keys":{{nothing}},"play_content":{{nothing}}}""").Content("play_content")
                .ShouldBeNull();
            Good("sys.call.construct", $$"""{"max_answer_seconds":9,"to_uri":"a@b","ring_play_file":{{nothing}}}""").OptionalString("ring_play_file")
                .ShouldBeNull();
        }
    }

    [Fact]
    public void Where_the_default_has_keys_null_is_the_default_and_empty_is_none()
    {
        Good("sys.call.receive_dtmf_start", """{"res_id":"r","finish_keys":null}""").OptionalString("finish_keys").ShouldBe("#");
        Good("sys.call.receive_dtmf_start", """["r",null,null,null]""").OptionalString("finish_keys").ShouldBe("#");
        Good("sys.call.receive_dtmf_start", """{"res_id":"r","finish_keys":""}""").OptionalString("finish_keys").ShouldBe("");
        Good("sys.call.receive_dtmf_start", """{"res_id":"r","valid_keys":null}""").OptionalString("valid_keys").ShouldBe(Catalogue.DtmfKeys);
    }

    [Theory]
    [InlineData("sys.call.play_start", "{\"res_id\":\"r\",\"contents\":\"a\"}", "did you mean content?")]
    [InlineData("sys.call.receive_dtmf_start", "{\"res_id\":\"r\",\"firstKeyTimeout\":3}", "did you mean first_key_timeout?")]
    [InlineData("sys.call.answer", "{\"resid\":\"r\"}", "did you mean res_id?")]
    [InlineData("sys.call.answer", "{\"zzzzzzzz\":\"r\"}", "unknown; sys.call.answer takes")]
    public void An_unknown_parameter_is_refused_with_the_one_that_was_probably_meant(string method, string text, string says) =>
        Refused(method, text).ShouldContain(says);

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
        Good("sys.call.play_start", """{"res_id":"r","content":"/srv/media/a/../b.wav"}""", roots: roots)
            .Content("content")!.Elements[0].Text.ShouldBe("/srv/media/a/../b.wav");
        Bind("sys.call.play_start", """{"res_id":"r","content":"/srv/media/../b.wav"}""", roots: roots).Error.ShouldNotBeNull();
        Bind("sys.call.play_start", """{"res_id":"r","content":"/srv/mediator/b.wav"}""", roots: roots).Error.ShouldNotBeNull();
        Good("sys.call.record_start", """{"res_id":"r","max_seconds":1,"record_file":"/srv/record/x"}""", roots: roots).String("record_file")
            .ShouldBe("/srv/record/x");
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
    [InlineData("1", "\"0123\"", "0123", "12a", "digits (type 1) must be digits only")]
    [InlineData("1", "42", "42", "-1", "digits (type 1) must be digits only")]
    [InlineData("2", "-5", "-5", "1e3", "must be a decimal number")]
    [InlineData("2", "1.5e3", "1500", "1.1234567", "must have at most 6 decimals")]
    [InlineData("2", "\"9999999999999999.999999\"", "9999999999999999.999999", "10000000000000000", "must be below 10^16")]
    [InlineData("3", "1086.30", "1086.30", "1.1234567", "must have at most 6 decimals")]
    [InlineData("6", "\"0.05\"", "0.05", "0.055", "must have at most 2 decimals")]
    [InlineData("6", "5.0", "5.0", "1,5", "must be a decimal number")]
    [InlineData("4", "\"2012-9-8 1:5:3\"", "2012-9-8 1:5:3", "2013-2-29", "must be a date that exists: 2013-02 has days 1..28")]
    [InlineData("4", "\"2012-02-29\"", "2012-02-29", "2012-13", "months are 1..12")]
    [InlineData("4", "\"2012-9\"", "2012-9", "2012-9 1:5", "must be YYYY-mm-dd HH:MM:SS")]
    [InlineData("4", "\"23:59\"", "23:59", "24:00", "hours are 0..23")]
    [InlineData("5", "\"99:99:99\"", "99:99:99", "100:0", "must be HH:MM:SS or HH:MM, each 0..99")]
    [InlineData("5", "\"1:23\"", "1:23", "1", "must be HH:MM:SS or HH:MM, each 0..99")]
    [InlineData("10", "\"你好\\n[[x\"", "你好\n[[x", " \\n ", "is blank")]
    [InlineData("10", "\"Hello\"", "Hello", "a\\u0000b", "control character")]
    public void Spoken_values_keep_their_text_and_what_does_not_fit_names_the_element(string type, string fits, string text, string doesNot, string reason)
    {
        Play($"[[\"a\",0,\"\"],[{fits},{type},\"lang=en-US\"],[\"x\",-3,\"\"]]").ShouldBe(
            [new PlayElement(0, "a", ""), new PlayElement(int.Parse(type, System.Globalization.CultureInfo.InvariantCulture), text, "lang=en-US")]);
        var refused = PlayRefused($"[[1,-1,\"\"],[\"{doesNot}\",{type},\"\"]]");
        refused.ShouldStartWith("[1]: ");
        refused.ShouldContain(reason);
    }

    [Theory]
    [InlineData("1e3", 1, "digits only")]
    [InlineData("5.0", 1, "digits only")]
    [InlineData("-1", 1, "digits only")]
    [InlineData("1e16", 2, "below 10^16")]
    [InlineData("1e400", 3, "below 10^16")]
    [InlineData("9999999999999999.9999999", 2, "below 10^16")]
    [InlineData("5", 4, "the content must be a string")]
    [InlineData("5", 5, "the content must be a string")]
    [InlineData("5", 10, "the content must be a string")]
    [InlineData("5", 0, "the content must be a string")]
    [InlineData("null", 2, "the content must be a string or, where something is spoken, a number")]
    [InlineData("[1]", 2, "the content must be a string or, where something is spoken, a number")]
    [InlineData("\"\"", 2, "the content is empty")]
    [InlineData("\"\"", 10, "the content is empty")]
    [InlineData("\"1\"", 8, "there is no such type; there are below 0, 0..7 and 10")]
    [InlineData("\"1\"", 9, "there is no such type")]
    [InlineData("\"1\"", 11, "there is no such type")]
    public void A_json_value_that_does_not_fit_its_type_is_refused(string content, int type, string reason) =>
        PlayRefused($"[[{content},{type},\"\"]]").ShouldContain(reason);

    [Theory]
    [InlineData("0.30000000000000004", 2, "0.3")]
    [InlineData("0.30000000000000004", 3, "0.3")]
    [InlineData("0.30000000000000004", 6, "0.3")]
    [InlineData("1e-7", 3, "0")]
    [InlineData("1e-3", 6, "0")]
    [InlineData("1.005", 6, "1")]
    [InlineData("-19.989999999999998", 6, "-19.99")]
    public void A_json_number_is_rounded_and_never_refused_for_its_digits(string number, int type, string text) =>
        Play($"[[{number},{type},\"\"]]").ShouldBe([new PlayElement(type, text, "")]);

    [Theory]
    [InlineData("lang=fr-FR")]
    [InlineData("lang=")]
    [InlineData("speed=2")]
    [InlineData(" ")]
    public void Another_option_is_refused_with_every_type(string option)
    {
        foreach (var type in (int[])[0, 1, 2, 3, 6, 7, 10])
            PlayRefused($"[[\"a\",0,\"\"],[\"1\",{type},\"{option}\"]]").ShouldBe("[1]: unknown option; lang=zh-CN and lang=en-US are known");
    }

    [Fact]
    public void What_a_content_comes_to_is_bounded()
    {
        Play($"[[\"{new string('7', 1000)}\",1,\"\"]]").Single().Text.Length.ShouldBe(1000);
        PlayRefused($"[[\"{new string('7', 1001)}\",1,\"\"]]").ShouldBe("[0]: digits (type 1) must be at most 1000 digits");
        Play($"[[\"{new string('7', 4000)}\",10,\"\"]]").Length.ShouldBe(1);
        PlayRefused($"[[\"{new string('7', 4001)}\",10,\"\"]]").ShouldBe("[0]: text (type 10) must be at most 4000 characters");
        var thousand = $"[\"{new string('7', 1000)}\",1,\"\"]";
        Play($"[{thousand},{thousand},{thousand}]").Length.ShouldBe(3);
        PlayRefused($"[{thousand},{thousand},{thousand},[\"1\",2,\"\"]]").ShouldBe("[3]: the content comes to over 3000 files and spoken pieces");
        Play($"\"{string.Join('|', Enumerable.Repeat("a", 3000))}\"").Length.ShouldBe(3000);
        PlayRefused($"\"{string.Join('|', Enumerable.Repeat("a", 3001))}\"").ShouldBe("the content comes to over 3000 files and spoken pieces");
    }

    [Theory]
    [InlineData("spoken:zh-CN:1:5")]
    [InlineData("say::hello")]
    [InlineData("Voice:zh-CN:a.wav")]
    [InlineData("FILE:en-US:a.wav")]
    public void Names_that_stand_for_spoken_content_are_no_file_names(string name)
    {
        foreach (var content in (string[])[$"\"{name}\"", $"\"a|{name}\"", $"[[\"{name}\",0,\"\"]]", $"[[\"a|{name}\",7,\"\"]]"])
            PlayRefused(content).ShouldContain("a file name must not begin with spoken:, say:, voice: or file:");
        Refused("sys.call.record_start", $$"""{"res_id":"r","max_seconds":1,"record_file":"{{name}}"}""").ShouldContain("must not begin with");
    }

    [Fact]
    public void The_prompt_of_received_keys_takes_the_same_content() =>
        Good("sys.call.receive_dtmf_start", """{"res_id":"r","play_content":[["x.wav",0,""],[12,1,"lang=zh-CN"],["Hello",10,"lang=en-US"]]}""")
            .Content("play_content")!.Elements
            .ShouldBe([new PlayElement(0, "x.wav", ""), new PlayElement(1, "12", "lang=zh-CN"), new PlayElement(10, "Hello", "lang=en-US")]);

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
        Hash("""{"res_id":"r","max_seconds":5,"record_file":"a","beep":null,"record_format":null,"finish_keys":null}""").ShouldBe(hash, "null is the default");
        Hash("""{"res_id":"r","max_seconds":6,"record_file":"a"}""").ShouldNotBe(hash);
        Hash("""{"res_id":"r","max_seconds":5,"record_file":"b"}""").ShouldNotBe(hash);
    }

    [Fact]
    public void State_rules_follow_generation_and_direction()
    {
        var table = StateTable.Instance;
        table.AllowedIn("sys.call.drop", ApiGeneration.V2, CallDirection.Outbound).ShouldBeEmpty();
        table.AllowedIn("sys.call.drop", ApiGeneration.V1, CallDirection.Inbound).ShouldBeEmpty();
        table.AllowedIn("sys.call.drop", ApiGeneration.V2, CallDirection.Inbound)
            .ShouldBe(["Idle", "Play", "Record", "SendDtmf", "ReceiveDtmf", "Dial", "Connect", "Conf"]);
        table.OnlyDirectionOf("sys.call.answer").ShouldBe(CallDirection.Inbound);
        table.AllowedIn("sys.call.conf_enter", ApiGeneration.V1, CallDirection.Inbound).ShouldBe(["Idle"]);
    }
}
