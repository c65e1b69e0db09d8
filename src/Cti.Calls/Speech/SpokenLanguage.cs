namespace Cti.Calls.Speech;

/// <summary>A language that values are spoken in; each has its folder of built-in prompts.</summary>
public enum SpokenLanguage
{
    /// <summary>Mandarin Chinese, <c>zh-CN</c>.</summary>
    Chinese,

    /// <summary>American English, <c>en-US</c>.</summary>
    English,
}

/// <summary>The names of languages in settings, options and prompt folders.</summary>
public static class SpokenLanguages
{
    /// <summary>The tag of a language (BCP 47), which is also the name of its folder of prompts.</summary>
    public static string Tag(this SpokenLanguage language) => language == SpokenLanguage.Chinese ? "zh-CN" : "en-US";

    /// <summary>The language of a tag, written exactly as <see cref="Tag"/> writes it; null for any other text.</summary>
    public static SpokenLanguage? FromTag(ReadOnlySpan<char> tag) => tag switch
    {
        "zh-CN" => SpokenLanguage.Chinese,
        "en-US" => SpokenLanguage.English,
        _ => null,
    };
}
