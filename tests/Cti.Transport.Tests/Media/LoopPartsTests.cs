using System.Net;
using Cti.Media.Rtp;
using Cti.Transport.Media;
using Cti.Transport.Native;

namespace Cti.Transport.Tests.Media;

public sealed class LoopPartsTests
{
    [Fact]
    public void The_ring_keeps_each_writers_order_and_loses_nothing()
    {
        const int Writers = 3;
        const int Items = 50_000;
        var ring = new MpscRing<(int Writer, int Number)>(256);
        var threads = Enumerable.Range(0, Writers).Select(writer => new Thread(() =>
        {
            for (var i = 0; i < Items; i++)
            {
                while (!ring.TryWrite((writer, i)))
                    Thread.Yield();
            }
        })).ToList();
        threads.ForEach(thread => thread.Start());
        var next = new int[Writers];
        for (var read = 0; read < Writers * Items;)
        {
            if (!ring.TryRead(out var item))
            {
                Thread.Yield();
                continue;
            }

            item.Number.ShouldBe(next[item.Writer]++);
            read++;
        }

        threads.ForEach(thread => thread.Join());
        ring.TryRead(out _).ShouldBeFalse();
        ring.Count.ShouldBe(0);
    }

    [Fact]
    public void A_full_ring_refuses_and_takes_again_after_a_read()
    {
        var ring = new MpscRing<int>(4);
        for (var i = 0; i < 4; i++)
            ring.TryWrite(i).ShouldBeTrue();
        ring.TryWrite(4).ShouldBeFalse();
        ring.TryRead(out var first).ShouldBeTrue();
        first.ShouldBe(0);
        ring.TryWrite(4).ShouldBeTrue();
        ring.Count.ShouldBe(4);
    }

    [Fact]
    public void Ports_come_in_pairs_of_even_and_odd_and_the_longest_free_is_taken_first()
    {
        var pool = new PortPool(20_001, 20_008);
        pool.Total.ShouldBe(3);
        pool.Take().ShouldBe(20_002);
        pool.Take().ShouldBe(20_004);
        pool.Return(20_002);
        pool.Take().ShouldBe(20_006);
        pool.Take().ShouldBe(20_002);
        pool.Take().ShouldBe(-1);
        pool.Free.ShouldBe(0);
    }

    [Theory]
    [InlineData(20_001, 20_002)]
    [InlineData(20_002, 20_002)]
    [InlineData(80, 90)]
    [InlineData(60_000, 70_000)]
    public void A_range_without_a_pair_or_out_of_bounds_is_refused(int first, int last) =>
        Should.Throw<ArgumentException>(() => new PortPool(first, last));

    [Theory]
    [InlineData("192.0.2.17:40000")]
    [InlineData("[2001:db8::7]:5004")]
    public void Linux_socket_addresses_round_trip(string text)
    {
        var key = SocketAddressKey.From(IPEndPoint.Parse(text));
        Span<byte> bytes = stackalloc byte[SockAddr.BytesMax];
        var length = SockAddr.Write(key, !key.IsIPv4, bytes);
        length.ShouldBe(key.IsIPv4 ? 16 : 28);
        SockAddr.Read(bytes).ShouldBe(key);
    }

    [Fact]
    public void Lateness_is_counted_in_its_bucket()
    {
        var counts = new MediaLoopCounts();
        foreach (var micros in (int[])[0, 100, 101, 900, 5_000, 5_001, 60_000])
            counts.CountLateness(micros * 1_000L);
        counts.Lateness.ShouldBe([2, 1, 0, 1, 0, 1, 1, 0, 0, 1]);
        counts.LateCadences.ShouldBe(2);
        counts.LatenessMaxNanos.ShouldBe(60_000_000);
    }
}
