using System.Net;
using System.Net.Sockets;
using Xunit.Abstractions;

namespace Cti.Acceptance.Cluster;

/// <summary>The harness itself: on one node without a fault it finds nothing, and whatever is broken on purpose it finds.</summary>
public sealed class HarnessTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData("direct")]
    [InlineData("proxy")]
    public async Task Without_a_fault_nothing_is_found_wrong(string topology)
    {
        await using var cluster = await ClusterUnderTest.StartAsync(new ClusterPlan
        {
            Nodes = 1, Protects = true, Topology = topology == "proxy" ? Topology.Proxy : Topology.Direct,
        });
        await using var app = await ClusterApp.StartAsync(cluster);
        var run = new FaultRun(cluster, app, new FaultPlan(40, [Fault.None]), output.WriteLine);
        await run.RunAsync();
        run.Problems.ShouldBeEmpty(run.Text());
        run.Rounds[1].Calls.ShouldBeGreaterThan(40);
        app.Books.Count.First.ShouldBeGreaterThan(100);
    }

    [Fact]
    public async Task What_is_broken_on_purpose_is_found()
    {
        await using var cluster = await ClusterUnderTest.StartAsync(new ClusterPlan { Nodes = 1 });
        await using var app = await ClusterApp.StartAsync(cluster);
        Files.Write(cluster.MediaRoot);
        var stage = new Stage(cluster, app);

        // A phone that hears nothing, and one that is gone.
        var bridge = new BridgeScene(stage);
        await bridge.BeginAsync();
        await Stage.UntilAsync(() => !bridge.Wrong().Any(), "the two hear each other");
        bridge.Calls[0].Phone.Audio.IsDeaf = true;
        await Stage.UntilAsync(() => bridge.Wrong().Any(w => w.Contains("does not hear the tone of", StringComparison.Ordinal)), "deafness is noticed");
        (bridge.Calls[0].Phone.Audio.WorstGap() ?? 0).ShouldBeGreaterThan(400);
        bridge.Calls[1].Phone.HangUp();
        await Stage.UntilAsync(() => bridge.Wrong().Any(static w => w.Contains("is LOST", StringComparison.Ordinal)), "a lost call is noticed");

        // An announcement that starts over, and one with a hole.
        var play = new PlayScene(stage);
        await play.BeginAsync();
        await Stage.UntilAsync(() => play.Calls[0].Phone.Audio.Announced!.At > 4500, "the announcement is under way");
        await play.AfterAsync(new Moves(await cluster.OwnersAsync(), await cluster.OwnersAsync()));
        Books(app, play.Calls[0].ResId, "sys.call.on_play_completed");
        await app.AskAsync("sys.call.play_stop", new { res_id = play.Calls[0].ResId });
        await app.Books.ExpectAsync("sys.call.on_play_completed", play.Calls[0].ResId, Stage.Patience);
        await app.AskAsync("sys.call.play_start", new { res_id = play.Calls[0].ResId, content = Files.Long.Name });
        await Stage.UntilAsync(() => play.Calls[0].Phone.Audio.Announced!.Jumps.Count > 0, "it starts over");
        (await Should.ThrowAsync<SceneException>(() =>
            play.AfterAsync(new Moves(new Dictionary<int, (string, long)>(), new Dictionary<int, (string, long)>())))).Message.ShouldContain("jumps from");
        await play.EndAsync();

        // Events that are lost, doubled with other content, or in the wrong order.
        app.Books.Problems(isEnd: false).ShouldBeEmpty();
        app.Tamper = static e => e.Method is "sys.call.on_answer_completed" or "sys.call.on_dial_completed" ? [] : [e];
        await Should.ThrowAsync<SceneException>(() => new IdleScene(stage).BeginAsync().WaitAsync(TimeSpan.FromSeconds(60)));
        app.Tamper = static e => e.Method == "sys.call.on_released" ? [e, e with { Seq = e.Seq + 7 }] : [e];
        var doubled = new HangUpScene(stage);
        await doubled.BeginAsync();
        await doubled.DuringAsync();
        await doubled.AfterAsync(new Moves(new Dictionary<int, (string, long)>(), new Dictionary<int, (string, long)>()));
        await Stage.UntilAsync(() => app.Books.Problems(isEnd: false).Any(p => p.Contains("was released more than once", StringComparison.Ordinal)),
            "two releases are noticed");
        app.Books.Problems(isEnd: false).ShouldContain(p => p.Contains("are not gapless", StringComparison.Ordinal));
        app.Books.Problems(isEnd: true).ShouldContain(p => p.Contains("was never released", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Sound_came_when_the_kernel_had_it_and_not_when_a_busy_machine_read_it()
    {
        using Socket phone = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp),
            node = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        phone.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        FarmClock.Arrival(phone);
        // The kernel begins to take the time a moment after it was asked to.
        await Stage.UntilAsync(
            () =>
            {
                var before = FarmClock.Now;
                node.SendTo([1], phone.LocalEndPoint!);
                var after = FarmClock.Now;
                SpinWait.SpinUntil(() => FarmClock.Now > after + 20);
                phone.Receive(new byte[10]);
                return FarmClock.Arrival(phone) is var arrival && arrival >= before - 1 && arrival <= after + 1;
            },
            "a packet's time is that of its sending");
    }

    [Fact]
    public void The_books_hold_each_resource_to_its_order()
    {
        var books = new Books();
        books.Take(Event(1, "sys.call.on_incoming"));
        books.Take(Event(3, "sys.call.on_released"));
        books.Take(Event(2, "sys.call.on_answer_completed"));
        books.Take(Event(2, "sys.call.on_answer_completed"));
        books.Problems(isEnd: false).ShouldContain(static p => p.Contains("was first heard when 2 was due", StringComparison.Ordinal));
        books.Count.ShouldBe((3, 1));
        books.Take(Event(2, "sys.call.on_play_completed"));
        books.Problems(isEnd: false).ShouldContain(static p => p.Contains("and as sys.call.on_play_completed", StringComparison.Ordinal));
        books.Begun("0.0.1-sys.call-1", "sys.call.on_record_completed");
        books.Problems(isEnd: true).ShouldContain(static p => p.Contains("1 begun, 0 times sys.call.on_record_completed", StringComparison.Ordinal));
    }

    [Fact]
    public void An_announcement_tells_where_it_is_at_any_cut_and_a_tone_which_it_is()
    {
        var folder = Directory.CreateTempSubdirectory("cti-announcement-").FullName;
        Announcement.Write(folder, "a.wav", 3, 10);
        var data = File.ReadAllBytes(Path.Combine(folder, "a.wav"));
        Directory.Delete(folder, recursive: true);
        var start = data.Length - 80_000;
        foreach (var at in new[] { 0, 5, 160, 12_345, 79_000 })
        {
            var place = Announcement.Locate(data.AsSpan(start + at, 160));
            place.ShouldNotBeNull().Id.ShouldBe(3);
            place.Value.Millis.ShouldBe(at / 8.0, 0.001);
        }
        Tones.Share(Tones.Frame(650), 650).ShouldBeGreaterThan(0.98);
        Tones.Share(Tones.Frame(650), 700).ShouldBeLessThan(0.01);
        Tones.Share(Enumerable.Repeat((byte)0xD5, 160).ToArray(), 650).ShouldBe(0);
        var heard = new Heard(1, 10);
        foreach (var millis in new double[] { 0, 20, 40, 2000, 2020 }) heard.Take(millis);
        heard.Jumps.ShouldBe([(40, 2000)]);
        heard.MissingMillis.ShouldBe(1940);
        // A second stream, a second behind the first, for two of its packets.
        foreach (var millis in new double[] { 1020, 2040, 1040, 2060, 1060, 1080 }) heard.Take(millis);
        heard.Doubled.ShouldBe(2);
        heard.Jumps.ShouldBe([(40, 2000), (2020, 1020), (2040, 1040), (2060, 1060)]);
        // From the middle of two slots on.
        var halves = new Heard(1, 10);
        for (var millis = 10; millis < 10_000; millis += 20) halves.Take(millis);
        halves.MissingMillis.ShouldBe(0);
        // Half a second back, from the beginning of a repeat to the end of the one before, and over the seam again.
        var repeated = new Heard(1, 300);
        foreach (var millis in new double[] { 299_960, 299_980, 0, 20, 299_520, 299_540 }) repeated.Take(millis);
        repeated.Jumps.ShouldBe([(20, -480)]);
        repeated.Repeats.ShouldBe(0);
        foreach (var millis in new double[] { 299_980, 0 }) repeated.Take(millis);
        repeated.Repeats.ShouldBe(1);
    }

    [Fact]
    public void A_fault_of_the_network_is_a_program_of_the_packet_filter()
    {
        NamespaceNetwork.Program([], isEgress: true, 0).ShouldBeEmpty();
        NamespaceNetwork.Program(["10.0.0.2"], isEgress: true, 0)
            .ShouldBe(["40 0 0 12", "21 1 0 2048", "6 0 0 0", "32 0 0 30", "21 0 1 167772162", "6 0 0 2", "6 0 0 0"]);
        NamespaceNetwork.Program([], isEgress: false, 5)[3..]
            .ShouldBe(["48 0 0 29", "53 0 1 11", "6 0 0 0", "32 0 0 4294963256", "53 1 0 214748360", "6 0 0 2", "6 0 0 0"]);
    }

    private static void Books(ClusterApp app, string resId, string completion) => app.Books.Begun(resId, completion);

    private static BookedEvent Event(long seq, string method) => new(method, "0.0.1-sys.call-1", seq, [], 0, "");
}
