namespace Cti.Media.Tests;

/// <summary>Keys of far ends whose timestamps are not what RFC 4733 says: timelines that jump, packets that have a timestamp each.</summary>
public sealed class KeyTimelineTests
{
    private readonly MediaHarness _harness = new MediaHarness().Configured();

    private void Press(int code, uint timestamp, int packets = 4)
    {
        for (var i = 1; i <= packets; i++) _harness.ReceiveEvent(code, timestamp, i * 160, marker: i == 1);
        for (var i = 0; i < 3; i++) _harness.ReceiveEvent(code, timestamp, packets * 160, end: true);
    }

    private void Talk(int packets)
    {
        for (var i = 0; i < packets; i++) _harness.Receive(MediaHarness.Pcma, [0xD5], advance: 160);
    }

    [Theory]
    [InlineData(-100_000)]
    [InlineData(-9_000)]
    [InlineData(-1_600)]
    [InlineData(100_000)]
    [InlineData(2_000_000_000)]
    [InlineData(-2_000_000_000)]
    public void A_jump_of_the_timeline_costs_no_key(int jump)
    {
        var at = 500_000u;
        Press(1, at);
        Talk(10);
        at = (uint)(at + 3200 + jump);
        Press(2, at);
        Talk(10);
        Press(2, at + 3200);
        Talk(10);
        Press(3, at + 6400);
        _harness.KeysHeard.ShouldBe("1223");
    }

    [Fact]
    public void The_same_key_after_a_jump_is_a_new_press()
    {
        Press(5, 500_000);
        Talk(10);
        Press(5, 400_000);
        _harness.KeysHeard.ShouldBe("55");
    }

    [Fact]
    public void A_jump_within_a_press_makes_no_second_one()
    {
        _harness.ReceiveEvent(5, 500_000, 160, marker: true);
        _harness.ReceiveEvent(5, 500_000, 320);
        _harness.ReceiveEvent(5, 400_000, 480);
        _harness.ReceiveEvent(5, 400_000, 640);
        _harness.ReceiveEvent(5, 400_000, 640, end: true);
        _harness.KeysHeard.ShouldBe("5");
    }

    [Theory]
    [InlineData(-30_000)]
    [InlineData(-200)]
    [InlineData(20_000)]
    public void Sequence_numbers_that_begin_anew_cost_no_key(int jump)
    {
        Press(1, 500_000);
        _harness.FarSequence = (ushort)(_harness.FarSequence + jump);
        Talk(10);
        Press(2, 100_000);
        Press(2, 103_200);
        _harness.KeysHeard.ShouldBe("122");
    }

    [Fact]
    public void A_timestamp_that_stands_still_tells_keys_apart_by_their_codes_and_by_time()
    {
        Press(1, 1000);
        Press(2, 1000);
        Talk(150);
        Press(2, 1000);
        _harness.KeysHeard.ShouldBe("122");
    }

    [Theory]
    [InlineData(160)]
    [InlineData(400)]
    [InlineData(1)]
    [InlineData(-160)]
    public void A_timestamp_for_each_packet_is_one_press_where_its_duration_grows(int step)
    {
        uint At(int packet) => (uint)(10_000 + (packet * step));
        for (var i = 0; i < 6; i++) _harness.ReceiveEvent(7, At(i), (i + 1) * Math.Max(160, Math.Abs(step)), marker: i == 0);
        _harness.KeysHeard.ShouldBe("7");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Its_end_belongs_to_it_however_often_it_is_said(bool marksEach)
    {
        for (var press = 0; press < 2; press++)
        {
            var start = (uint)(10_000 + (press * 4_000));
            for (var i = 0; i < 5; i++) _harness.ReceiveEvent(7, start + (uint)(i * 160), (i + 1) * 160, marker: marksEach || i == 0);
            for (var i = 5; i < 8; i++) _harness.ReceiveEvent(7, start + (uint)(i * 160), 800, end: true, marker: marksEach);
            Talk(8);
        }
        _harness.KeysHeard.ShouldBe("77");
    }

    [Fact]
    public void Two_presses_of_one_key_without_sound_between_them_stay_two()
    {
        for (var press = 0; press < 3; press++)
        {
            var start = (uint)(10_000 + (press * 1_600));
            for (var i = 0; i < 4; i++) _harness.ReceiveEvent(7, start + (uint)(i * 160), (i + 1) * 160, marker: i == 0);
            for (var i = 0; i < 3; i++) _harness.ReceiveEvent(7, start + 640 + (uint)(i * 160), 640, end: true);
        }
        _harness.KeysHeard.ShouldBe("777");
    }

    [Fact]
    public void Two_presses_of_which_the_end_of_the_first_is_lost_stay_two()
    {
        for (var i = 0; i < 4; i++) _harness.ReceiveEvent(7, (uint)(10_000 + (i * 160)), (i + 1) * 160);
        _harness.FarSequence += 3;
        for (var i = 0; i < 4; i++) _harness.ReceiveEvent(7, (uint)(11_600 + (i * 160)), (i + 1) * 160);
        _harness.KeysHeard.ShouldBe("77");
    }

    [Fact]
    public void Presses_of_a_single_packet_each_are_as_many_as_there_are()
    {
        for (var press = 0; press < 4; press++) _harness.ReceiveEvent(7, (uint)(10_000 + (press * 1_600)), 800, end: true, marker: true);
        _harness.KeysHeard.ShouldBe("7777");
    }

    [Fact]
    public void A_packet_that_is_lost_within_a_press_makes_no_second_one()
    {
        _harness.ReceiveEvent(7, 10_000, 160, marker: true);
        _harness.FarSequence++;
        _harness.ReceiveEvent(7, 10_320, 480);
        _harness.FarSequence += 2;
        _harness.ReceiveEvent(7, 10_800, 960, end: true);
        _harness.KeysHeard.ShouldBe("7");
    }

    [Fact]
    public void Segments_that_follow_each_other_without_a_gap_are_one_press()
    {
        for (var i = 0; i < 5; i++) _harness.ReceiveEvent(7, (uint)(10_000 + (i * 400)), 400, end: i == 4, marker: i == 0);
        _harness.KeysHeard.ShouldBe("7");
    }

    [Fact]
    public void What_comes_late_of_an_earlier_key_is_no_key()
    {
        Press(1, 10_000);
        var late = _harness.FarSequence;
        _harness.FarSequence++;
        Press(2, 13_200);
        Span<byte> end = [1, 0x8A, 2, 128];
        _harness.Raw(MediaHarness.Events, end, false, late, 10_000, MediaHarness.FarKey);
        Press(3, 16_400);
        _harness.KeysHeard.ShouldBe("123");
    }
}
