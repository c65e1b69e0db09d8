using System.Text;
using System.Text.Json;
using Cti.Actors.Calls;
using Cti.Kernel;
using Cti.Media;
using Cti.Persistence;
using Cti.Persistence.Memory;

namespace Cti.Actors.Tests.Nodes;

/// <summary>The call record of a channel: event and row of the same decision, with the quality of its streams.</summary>
public sealed class CallRecordTests
{
    private const string Quality =
        """{"received":{"codec":"PCMA","packets":148,"lost":2,"jitter_ms":1.3,"round_trip_ms":null,"mos":4.23}"""
            + ""","sent":{"codec":"PCMA","packets":150,"lost":null,"jitter_ms":null,"round_trip_ms":null,"mos":null}}""";

    [Fact]
    public async Task A_released_call_says_how_its_streams_were_in_its_last_event_and_in_its_row()
    {
        var disk = new MemoryDisk();
        var bench = new NodeBench(disk: disk);
        bench.Media.Quality = new StreamStatistics(AudioCodec.Pcma, 150, 148, 2, 1.26, -1, -1, 4.2345);
        var phone = bench.Peer("10.0.0.7");
        var call = bench.Construct($"sip:someone@{phone.Local}");
        phone.Respond(phone.Request("INVITE"), 200, $"Contact: <sip:someone@{phone.Local}>\nContent-Type: application/sdp", phone.Sdp());
        phone.Request("ACK");
        bench.Expect("sys.call.on_dial_completed");
        bench.Ask("sys.call.drop", ("res_id", call), ("cause", 486)).Error.ShouldBeNull();
        bench.Expect("sys.call.on_released");
        var closed = bench.Expect("sys.on_chan_closed").GetProperty("data");

        var (events, record) = await ReadAsync(disk, call);
        events.Single(happened => happened.Method == "sys.call.on_released").Media.ToString(Encoding.UTF8).ShouldBe(Quality);
        events.Where(happened => happened.Method != "sys.call.on_released").ShouldAllBe(happened => happened.Media.IsEmpty);
        record.ShouldBe(closed.GetRawText()[..^1] + "," + Quality + "]");
    }

    [Fact]
    public async Task A_call_that_never_had_media_has_no_quality()
    {
        var disk = new MemoryDisk();
        var bench = new NodeBench(disk: disk);
        var phone = bench.Peer("10.0.0.7");
        var call = bench.Construct($"sip:someone@{phone.Local}");
        phone.Respond(phone.Request("INVITE"), 486);
        bench.Expect("sys.call.on_released");
        var closed = bench.Expect("sys.on_chan_closed").GetProperty("data");

        var (events, record) = await ReadAsync(disk, call);
        events.ShouldAllBe(happened => happened.Media.IsEmpty);
        record.ShouldBe(closed.GetRawText()[..^1] + ",null]");
    }

    [Fact]
    public void What_the_far_end_reported_is_told_of_the_stream_that_was_sent()
    {
        var statistics = new StreamStatistics(AudioCodec.Pcmu, 1000, 0, 0, 0, 12.34, 0.01, -1)
        {
            RemoteLost = 10, RemoteJitterMillis = 3.25, RemoteMos = 4.111,
        };
        using var json = JsonDocument.Parse(MediaQuality.Encode(statistics));
        json.RootElement.GetRawText().ShouldBe(
            """{"received":{"codec":"PCMU","packets":0,"lost":0,"jitter_ms":null,"round_trip_ms":12.3,"mos":null}"""
                + ""","sent":{"codec":"PCMU","packets":1000,"lost":10,"jitter_ms":3.2,"round_trip_ms":12.3,"mos":4.11}}""");
    }

    private static async Task<(IReadOnlyList<StoredEvent> Events, string Record)> ReadAsync(MemoryDisk disk, string call)
    {
        await using var store = new MemoryJournalStore(disk);
        await store.OpenAsync(4);
        ResourceId.TryParse(call, out var id).ShouldBeTrue();
        var records = await store.ReadCallRecordsAsync("n1", 0, 10);
        return (await store.ReadEventsAsync(NodeBench.App, id.Instance, 0, 100), records.ShouldHaveSingleItem().Record.Fields.ToString(Encoding.UTF8));
    }
}

internal static class BytesExtensions
{
    internal static string ToString(this ReadOnlyMemory<byte> bytes, Encoding encoding) => encoding.GetString(bytes.Span);
}
