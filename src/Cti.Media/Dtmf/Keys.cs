namespace Cti.Media.Dtmf;

/// <summary>The sixteen keys: characters, RFC 4733 event codes (section 3.2, table 3) and tone pairs (ITU-T Q.23).</summary>
internal static class Keys
{
    /// <summary>By event code.</summary>
    public const string ByCode = "0123456789*#ABCD";

    /// <summary>The keypad by row and column, as the tones cross.</summary>
    public const string Pad = "123A456B789C*0#D";

    /// <summary>The pause that a comma in a key string stands for.</summary>
    public const char Pause = ',';

    /// <summary>The low tones, in Hz, by row.</summary>
    public static ReadOnlySpan<int> Rows => [697, 770, 852, 941];

    /// <summary>The high tones, in Hz, by column.</summary>
    public static ReadOnlySpan<int> Columns => [1209, 1336, 1477, 1633];

    private static readonly KeyPressed[] Reports = [.. ByCode.Select(key => new KeyPressed(key))];

    private static readonly string[] Texts = [.. ByCode.Select(key => key.ToString())];

    /// <summary>The event code 0..15, or -1 for what is not a key.</summary>
    public static int Code(char key) => ByCode.IndexOf(key, StringComparison.Ordinal);

    /// <summary>The key as a text, made once.</summary>
    public static string Text(int code) => Texts[code];

    /// <summary>The report of a key, made once.</summary>
    public static KeyPressed Report(int code) => Reports[code];
}
