using Cti.Testing;

namespace Cti.Kernel.Tests;

public sealed class RandomTests
{
    [Fact]
    public void Draws_stay_below_their_bound_and_reach_every_value()
    {
        var random = new SeededRandom(7);
        var seen = new bool[10];
        for (var i = 0; i < 1000; i++) seen[random.Next(10)] = true;
        seen.ShouldAllBe(hit => hit);
    }

    [Fact]
    public void Hexadecimal_text_has_two_digits_a_byte_in_lower_case()
    {
        var text = new SeededRandom(7).NextHex(16);
        text.Length.ShouldBe(32);
        text.ShouldAllBe(digit => "0123456789abcdef".Contains(digit));
    }

    [Fact]
    public void One_seed_makes_one_sequence()
    {
        var one = new SeededRandom(42);
        var other = new SeededRandom(42);
        for (var i = 0; i < 100; i++) one.NextUInt64().ShouldBe(other.NextUInt64());
        new SeededRandom(43).NextUInt64().ShouldNotBe(new SeededRandom(42).NextUInt64());
    }
}
