namespace Cti.Media.Files;

/// <summary>Turns text into sound. Called from loader threads, by several at once; may take as long as its time-out; never throws.</summary>
public interface ITextToSpeech
{
    /// <summary>Whether <see cref="Speak"/> would answer at once, from what it has kept.</summary>
    /// <param name="language">A tag such as zh-CN.</param>
    /// <param name="text">The text.</param>
    bool IsReady(string language, string text);

    /// <summary>The sound of a text that was kept, at once; null where it was not.</summary>
    /// <param name="language">A tag such as zh-CN.</param>
    /// <param name="text">The text.</param>
    Prompt? Kept(string language, string text) => null;

    /// <summary>The sound of a text, or why there is none: what to install, what to set. The detail never repeats the text.</summary>
    /// <param name="language">A tag such as zh-CN.</param>
    /// <param name="text">The text.</param>
    PromptLoad Speak(string language, string text);
}
