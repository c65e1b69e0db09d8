using System.Text;
using Cti.Node.Hocon;

namespace Cti.Fuzz.Targets;

/// <summary>HOCON: any text is an object or a <see cref="HoconException"/>, and what it is does not depend on when it is asked.</summary>
public sealed class HoconTarget : IFuzzTarget
{
    public string Name => "hocon";

    public IEnumerable<byte[]> Seeds =>
    [
        Encoding.UTF8.GetBytes(Node.Configuration.NodeConfigurationLoader.ReferenceText()),
        "a = 1, b { c = [1, 2.5e3, \"x\\u0041\", ${?a}], d = ${b.c} [4] }\nb.c += {e : f}\n"u8.ToArray(),
        "path = [/etc], path = ${path} [/usr]\nx = ${y} { z = 1 }, y { w = ${?HOME} }\n"u8.ToArray(),
        "include \"self\"\na { include required(file(\"part\")) }\nb = \"\"\"multi\nline\"\"\" and ${a.p} // end\n"u8.ToArray(),
        "bar : { a : ${foo.d}, b : 1 }\nbar.b = 3\nfoo : { c : ${bar.b}, d : 2 }\nfoo.d = 4 # done\n"u8.ToArray(),
    ];

    public void Run(ReadOnlySpan<byte> input)
    {
        var text = Encoding.UTF8.GetString(input);
        try
        {
            var files = new Files(text);
            var values = new HoconDocument(files, name => name == "HOME" ? "/root" : null).AddText(text, "fuzz").Resolve();
            Check(values, 0);
        }
        catch (HoconException e)
        {
            if (e.Origin.Source.Length == 0 || e.Problem.Length == 0) throw new InvalidOperationException("an error without place or text", e);
        }
        _ = HoconUnits.TryParseDuration(text, out _);
        _ = HoconUnits.TryParseSize(text, out _);
    }

    private static void Check(HoconValue value, int depth)
    {
        if (depth > HoconLimits.DepthMax + 2) throw new InvalidOperationException("deeper than the bound");
        // Shared values make a tree that is far larger than its text, so only one branch of a list is followed.
        if (value is HoconArray { Items: [.., var last] }) Check(last, depth + 1);
        if (value is HoconObject o)
        {
            foreach (var (key, _) in o.Fields)
            {
                if (!o.TryGet(key, out _)) throw new InvalidOperationException("a field that cannot be found");
            }
            if (!o.Fields.IsEmpty) Check(o.Fields[^1].Value, depth + 1);
        }
    }

    private sealed class Files(string text) : IHoconFiles
    {
        public string Resolve(string from, string name) => name;

        public string? Read(string path) => path switch { "self" => text, "part" => "p = ${?a.q}x, q = [1] ${?q}", _ => null };
    }
}
