using Cti.Calls.Call;
using Cti.Calls.Speech;
using Cti.Contract;

namespace Cti.Calls.Tests.Speech;

/// <summary>How elements travel: unexpanded, in names that no file has, and back to the pieces.</summary>
public sealed class SpokenNamesTests
{
    [Theory]
    [InlineData(0, "a/b.wav", "", "a/b.wav")]
    [InlineData(0, "a/b.wav", "lang=en-US", "file:en-US:a/b.wav")]
    [InlineData(1, "0755", "", "spoken::1:0755")]
    [InlineData(2, "-1086.3", "lang=zh-CN", "spoken:zh-CN:2:-1086.3")]
    [InlineData(4, "2012-9-8 1:5:3", "lang=en-US", "spoken:en-US:4:2012-9-8 1:5:3")]
    [InlineData(10, "one: two", "", "say::one: two")]
    [InlineData(10, "你好", "lang=zh-CN", "say:zh-CN:你好")]
    public void An_element_has_a_short_name(int type, string text, string options, string name)
    {
        SpokenNames.Of(new PlayElement(type, text, options)).ShouldBe(name);
        CallRequests.Files(new PlayContent([new PlayElement(0, "x", ""), new PlayElement(type, text, options)])).ShouldBe(["x", name]);
    }

    [Fact]
    public void A_value_becomes_the_pieces_of_its_language_or_of_the_node()
    {
        SpokenNames.Expand("spoken::2:12", SpokenLanguage.Chinese).ShouldBe(["voice:zh-CN:zh-CN/ten.wav", "voice:zh-CN:zh-CN/digit-2.wav"]);
        SpokenNames.Expand("spoken::2:12", SpokenLanguage.English).ShouldBe(["voice:en-US:en-US/twelve.wav"]);
        SpokenNames.Expand("spoken:en-US:2:12", SpokenLanguage.Chinese).ShouldBe(["voice:en-US:en-US/twelve.wav"]);
        SpokenNames.Expand("spoken:zh-CN:5:1:5:3", SpokenLanguage.English).Length.ShouldBe(6);
    }

    [Theory]
    [InlineData("a.wav")]
    [InlineData("say::12")]
    [InlineData("file:en-US:a.wav")]
    [InlineData("spoken:2")]
    [InlineData("spoken::x:12")]
    [InlineData("spoken:fr-FR:2:12")]
    [InlineData("spoken::11:12")]
    [InlineData("spoken::2:no number")]
    public void Any_other_name_stays_as_it_is(string name) => SpokenNames.Expand(name, SpokenLanguage.Chinese).ShouldBe([name]);
}
