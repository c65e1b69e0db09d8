using System.Text.Json;
using Cti.Node.Hocon;

namespace Cti.Node.Tests.Hocon;

/// <summary>A resolved value as compact JSON, so that a row of a table can say what it expects.</summary>
internal static class Json
{
    public static string Of(HoconValue value) => value switch
    {
        HoconObject o => "{" + string.Join(",", o.Fields.Select(f => JsonSerializer.Serialize(f.Key) + ":" + Of(f.Value))) + "}",
        HoconArray a => "[" + string.Join(",", a.Items.Select(Of)) + "]",
        HoconScalar { Kind: HoconScalarKind.Text } s => JsonSerializer.Serialize(s.Text),
        HoconScalar s => s.Text,
        _ => throw new InvalidOperationException(),
    };

    public static string Resolve(string text, params (string Name, string Value)[] environment) =>
        Of(new HoconDocument(null, name => environment.FirstOrDefault(e => e.Name == name).Value).AddText(text, "test.conf").Resolve());
}
