using System.Text;
using System.Text.Json;

namespace Cti.Node.Hocon;

/// <summary>
/// Writes resolved values as HOCON, for another reader of it: fields are apart by lines, since not every reader takes a comma behind an object.
/// </summary>
internal static class HoconText
{
    /// <summary>The text of a value.</summary>
    public static string Of(HoconValue value)
    {
        var text = new StringBuilder();
        Write(value, text);
        return text.ToString();
    }

    private static void Write(HoconValue value, StringBuilder text)
    {
        switch (value)
        {
            case HoconObject section:
                text.Append("{\n");
                foreach (var (key, inner) in section.Fields)
                {
                    text.Append(Quoted(key)).Append(" = ");
                    Write(inner, text);
                    text.Append('\n');
                }
                text.Append('}');
                break;
            case HoconArray list:
                text.Append('[');
                foreach (var item in list.Items)
                {
                    if (text[^1] != '[') text.Append(", ");
                    Write(item, text);
                }
                text.Append(']');
                break;
            case HoconScalar { Kind: HoconScalarKind.Text } scalar:
                text.Append(Quoted(scalar.Text));
                break;
            case HoconScalar scalar:
                text.Append(scalar.Text);
                break;
        }
    }

    private static string Quoted(string text) => $"\"{JsonEncodedText.Encode(text)}\"";
}
