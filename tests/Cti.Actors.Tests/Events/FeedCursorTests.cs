using Cti.Actors.Feeds;

namespace Cti.Actors.Tests.Events;

public sealed class FeedCursorTests
{
    [Theory]
    [InlineData(new long[] { 0 })]
    [InlineData(new long[] { 0, 127, 128, 16_384 })]
    [InlineData(new long[] { 1_000_000, 1_000_001, 999_999 })]
    [InlineData(new long[] { long.MaxValue, 0, long.MaxValue })]
    public void A_cursor_comes_back_as_the_positions_it_was_made_of(long[] positions)
    {
        FeedCursor.Decode(FeedCursor.Encode(positions), positions.Length, out _).ShouldBe(positions);
    }

    [Fact]
    public void Sixty_four_busy_instances_fit_in_200_characters()
    {
        var positions = Enumerable.Range(0, 64).Select(i => 5_000_000_000L + (i * 117 % 1_000)).ToArray();
        FeedCursor.Encode(positions).Length.ShouldBeLessThan(200);
    }

    [Theory]
    [InlineData("")]
    [InlineData("!")]
    [InlineData("AQ")]
    [InlineData("AQMA")]
    [InlineData("AQMAAAA")]
    [InlineData("AQMAAAAAAA")]
    [InlineData("AQMA AAAA")]
    [InlineData("AQMAAAAA=")]
    [InlineData("earliest")]
    [InlineData("AQP_____________fwAAAA")]
    public void What_no_server_wrote_is_refused(string text)
    {
        FeedCursor.Decode(text, 3, out var reason).ShouldBeNull();
        reason.ShouldNotBeEmpty();
    }

    [Fact]
    public void A_cursor_of_another_version_or_number_of_instances_is_refused_and_says_so()
    {
        var bytes = System.Buffers.Text.Base64Url.DecodeFromChars(FeedCursor.Encode([1, 2, 3]));
        FeedCursor.Decode(FeedCursor.Encode([1, 2, 3]), 4, out var instances).ShouldBeNull();
        instances.ShouldContain("number of instances");
        bytes[0] = 2;
        FeedCursor.Decode(System.Buffers.Text.Base64Url.EncodeToString(bytes), 3, out var version).ShouldBeNull();
        version.ShouldContain("version 2");
    }

    [Fact]
    public void Every_changed_character_yields_another_place_or_a_refusal_and_never_a_fault()
    {
        var text = FeedCursor.Encode([5, 300, 70_000]);
        for (var i = 0; i < text.Length; i++)
        {
            foreach (var other in "A0_-z=\u00e9 ")
            {
                if (text[i] == other) continue;
                var positions = FeedCursor.Decode(text[..i] + other + text[(i + 1)..], 3, out _);
                if (positions is not null) FeedCursor.Encode(positions).ShouldBe(text[..i] + other + text[(i + 1)..]);
            }
            FeedCursor.Decode(text[..i], 3, out _).ShouldBeNull();
        }
    }
}
