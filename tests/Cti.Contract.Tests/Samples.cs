using System.Globalization;
using System.Text.Json;
using Cti.Contract;

namespace Cti.Contract.Tests;

/// <summary>Values for every kind of parameter, made from its definition: fitting ones, mistyped ones and ones out of range.</summary>
internal static class Samples
{
    internal static string Valid(ParameterDefinition parameter, ApiGeneration generation) => parameter.Kind switch
    {
        // A call has one parent: where every parameter is given, this one is not.
        _ when parameter.Name == "parent_conf_res_id" => "null",
        ParameterKind.ResourceId => $"\"0.0.7-sys.call-{parameter.Name.Length}\"",
        ParameterKind.CallerUri => "\"sip:1000@example.com\"",
        ParameterKind.TargetUris => "\"sip:2000@example.com:5060\"",
        ParameterKind.RedirectUri => "\"sip:gateway.example.com:5070\"",
        ParameterKind.Keys => "\"*#\"",
        ParameterKind.PlayFile => "\"folder/ring.wav\"",
        ParameterKind.RecordFile => "\"folder/said.wav\"",
        ParameterKind.Content => "\"welcome.wav|menu.wav\"",
        ParameterKind.Int32 or ParameterKind.Int64 => parameter.Min.ToString(CultureInfo.InvariantCulture),
        ParameterKind.Boolean => "true",
        ParameterKind.RecordFormat => generation == ApiGeneration.V1 ? "3" : "7",
        ParameterKind.RecordFormatV1 => "3",
        ParameterKind.RecordRate => "8000",
        ParameterKind.Choice => $"\"{parameter.Choices[0]}\"",
        ParameterKind.Headers => "{\"X-Account\":\"42\",\"User-to-User\":[\"00c0ffee;encoding=hex\",\"x\"]}",
        _ => "\"text\"",
    };

    internal static IEnumerable<string> Mistyped(ParameterDefinition parameter)
    {
        return parameter.Kind switch
        {
            ParameterKind.Int32 or ParameterKind.Int64 or ParameterKind.RecordFormat or ParameterKind.RecordFormatV1 or ParameterKind.RecordRate =>
                ["\"5\"", "true", "5.5", "[5]", "{}"],
            ParameterKind.Boolean => ["0", "1", "\"true\"", "[]", "{}"],
            ParameterKind.TargetUris => ["1", "true", "{}", "[1]", "[null]", "[]"],
            ParameterKind.Headers => ["1", "true", "\"X-A: 1\"", "[]", "[\"a\"]", "{\"X-A\":1}", "{\"X-A\":null}", "{\"X-A\":{}}", "{\"X-A\":[1]}"],
            ParameterKind.Content =>
                ["1", "true", "{}", "[]", "[1]", "[[]]", "[[\"a.wav\",0]]", "[[\"a.wav\",\"0\",\"\"]]", "[[\"a.wav\",0,1]]", "[[\"a.wav\",0,\"\",1]]"],
            _ => ["1", "true", "[]", "[\"a\"]", "{}"],
        };
    }

    internal static IEnumerable<string> OutOfRange(ParameterDefinition parameter)
    {
        return parameter.Kind switch
        {
            ParameterKind.Int32 or ParameterKind.Int64 =>
            [
                (parameter.Min - 1).ToString(CultureInfo.InvariantCulture), (parameter.Max + 1).ToString(CultureInfo.InvariantCulture),
                "99999999999999999999", "-99999999999999999999", "1e30",
            ],
            ParameterKind.RecordRate => ["0", "44100", "8001", "1e30"],
            ParameterKind.RecordFormat or ParameterKind.RecordFormatV1 => ["0", "-1", "99", "1e30"],
            ParameterKind.CallerUri => ["\"\"", "\"sip:\"", "\"a b\"", "\"<sip:a@b>\"", "\"a\\r\\nb\"", "\"a@b:0\"", "\"sips:a@b\""],
            ParameterKind.TargetUris =>
            [
                "\"\"", "\"example.com\"", "\"sip:@example.com\"", "\"sip:a@\"", "\"a@b:99999\"", "\"a@[::1\"", "\"a@[zz]\"", "\"a#@b\"", "\"a\\r\\nX: y@b\"",
                "\"tel:123\"", "\"a@1.2.3\"", "[\"a@b\",\"b\"]", "\"a:secret@b\"", "\"a@b;=x\"", $"\"{new string('1', 600)}@b\"",
            ],
            ParameterKind.RedirectUri => ["\"\"", "\"@b\"", "\"a b\"", "\"b:70000\"", "\"b\\r\\nX: y\""],
            ParameterKind.Keys => parameter.EmptyAllowed ? ["\"x\"", "\"1 2\"", "\"a\""] : ["\"x\"", "\"\""],
            ParameterKind.PlayFile or ParameterKind.RecordFile =>
                ["\"../x.wav\"", "\"a/../../x.wav\"", "\"/etc/passwd\"", "\"a\\u0000.wav\"", "\"http://h/x.wav\"", "\"a/\"", "\"a\\\\..\\\\..\\\\x\"",
                    "\"C:\\\\x.wav\""],
            ParameterKind.Content =>
            [
                "\"../x.wav\"", "\"a.wav||b.wav\"", "\"https://h/x.wav\"", "[[\"../x\",0,\"\"]]", "[[\"a|../x\",7,\"\"]]", "[[\"\",0,\"\"]]",
                "[[\"x\",1,\"\"]]", "[[\"x\",1,\"\"]]", "[[\"1e5\",2,\"\"]]", "[[\"a\",8,\"\"]]", "[[\"a\",0,\"speed=2\"]]",
                $"[{string.Join(',', Enumerable.Repeat("[\"a.wav\",0,\"\"]", 31))}]",
            ],
            ParameterKind.Choice => ["\"Nowhere\"", "\"\""],
            ParameterKind.Headers =>
            [
                "{\"Via\":\"x\"}", "{\"Route\":\"<sip:a;lr>\"}", "{\"v\":\"x\"}", "{\"From\":\"x\"}", "{\"Contact\":\"x\"}", "{\"Record-Route\":\"x\"}",
                "{\"Content-Length\":\"0\"}", "{\"Authorization\":\"x\"}", "{\"\":\"x\"}", "{\"X A\":\"x\"}", "{\"X-A:\":\"x\"}", "{\"X-A\":\"\"}",
                "{\"X-A\":\" \"}",
                "{\"X-A\":\"a\\r\\nVia: b\"}", "{\"X-A\":\"a\\nb\"}", "{\"X-A\":\"a\\u0000\"}", "{\"X-A\":\"\\u0085\"}", "{\"X-A\":\"1\",\"x-a\":\"2\"}",
                $"{{\"X-A\":\"{new string('x', 1_025)}\"}}", $"{{\"X-{new string('a', 64)}\":\"x\"}}",
                $"{{\"X-A\":[{string.Join(',', Enumerable.Repeat("\"x\"", 17))}]}}",
                $"{{\"X-A\":[{string.Join(',', Enumerable.Repeat($"\"{new string('x', 1_000)}\"", 5))}]}}",
                .. parameter.Choices.Contains("P-Asserted-Identity") ? Array.Empty<string>() : ["{\"P-Asserted-Identity\":\"<sip:a@b>\"}"],
            ],
            ParameterKind.Text =>
                [.. parameter.EmptyAllowed ? [] : (string[])["\"\""], .. parameter.Max > 0 ? (string[])[$"\"{new string('x', (int)parameter.Max + 1)}\""] : []],
            _ => [],
        };
    }

    /// <summary>A params object with every required parameter.</summary>
    internal static Dictionary<string, string> Required(MethodDefinition method, ApiGeneration generation) =>
        method.Parameters.Where(p => p.Required).ToDictionary(p => p.NameIn(generation), p => Valid(p, generation));

    internal static string Text(Dictionary<string, string> members) =>
        "{" + string.Join(',', members.Select(m => $"{JsonSerializer.Serialize(m.Key)}:{m.Value}")) + "}";
}
