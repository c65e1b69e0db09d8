using System.Diagnostics;
using System.Globalization;

namespace Cti.Acceptance.Cluster;

/// <summary>A call with no action running.</summary>
internal sealed class IdleScene(Stage stage) : Scene(stage, "idle")
{
    public override async Task BeginAsync() => Calls.Add(await Stage.AnyAsync("idle"));

    public override Task AfterAsync(Moves moves) => Stage.ShouldBeInAsync(Calls[0], "Idle");
}

/// <summary>The phone holds the call throughout; at the end it takes it back and hears what is played.</summary>
internal sealed class HeldScene(Stage stage) : Scene(stage, "held")
{
    public override async Task BeginAsync()
    {
        var call = await Stage.AnyAsync("held");
        Calls.Add(call);
        call.Phone.Hold(isHeld: true);
        await Stage.UntilAsync(() => call.Phone.HasAgreed, $"{Kind}: {call} is held");
    }

    public override Task AfterAsync(Moves moves) => Stage.ShouldBeInAsync(Calls[0], "Idle");

    public override async Task EndAsync()
    {
        var call = Calls[0];
        call.Phone.Hold(isHeld: false);
        // What is played before the node knows is not for this phone.
        await Stage.UntilAsync(() => call.Phone.HasAgreed, $"{Kind}: {call} is taken back");
        call.Phone.Audio.ExpectAnnouncement(Files.Short.Id, Files.Short.Seconds);
        Books.Begun(call.ResId, "sys.call.on_play_completed");
        await App.AskAsync("sys.call.play_start", new { res_id = call.ResId, content = Files.Short.Name });
        await Books.ExpectAsync("sys.call.on_play_completed", call.ResId, Stage.Patience);
        if (call.Phone.Audio.Announced!.MissingMillis is > 200 and var missing)
            throw new SceneException($"{Kind}: {call} misses {missing} ms of what is played after the hold");
        await base.EndAsync();
    }
}

/// <summary>A long announcement, which must never start over.</summary>
internal sealed class PlayScene(Stage stage) : Scene(stage, "play")
{
    /// <summary>Between the new owner's first packet and the old one's last: the way of a message, not more.</summary>
    private const int DoubledMax = 15;

    private int _jumps;
    private int _doubled;
    private double _delay;

    public override async Task BeginAsync()
    {
        var call = await Stage.AnyAsync("play");
        Calls.Add(call);
        call.Phone.Audio.ExpectAnnouncement(Files.Long.Id, Files.Long.Seconds);
        Books.Begun(call.ResId, "sys.call.on_play_completed");
        await App.AskAsync("sys.call.play_start", new { res_id = call.ResId, content = Files.Long.Name, repeat = 100 });
        var accepted = Stopwatch.GetTimestamp();
        await Stage.UntilAsync(() => call.Phone.Audio.Announced!.At >= 0, $"{Kind}: {call} hears its announcement");
        _delay = Stopwatch.GetElapsedTime(accepted).TotalMilliseconds - call.Phone.Audio.Announced!.At;
    }

    public override async Task AfterAsync(Moves moves)
    {
        await Stage.ShouldBeInAsync(Calls[0], "Play");
        var heard = Calls[0].Phone.Audio.Announced!;
        var jumps = heard.Jumps.Skip(_jumps).ToArray();
        _jumps += jumps.Length;
        var doubled = heard.Doubled - _doubled;
        _doubled += doubled;
        if (doubled > DoubledMax) throw new SceneException($"{Kind}: {Calls[0]} was heard from two nodes for {doubled * 20} ms");
        // Goes on where it was when the owner last renewed its lease: at most a lease is heard again, nothing is left out but what a machine that stood still
        // did not say.
        var limit = Stage.Cluster.Plan.Lease.TotalMilliseconds + 1000;
        foreach (var (from, to) in jumps)
        {
            if (to < from - limit || to > from + 200 + (Stage.Cluster.StalledSeconds * 1000))
                throw new SceneException(string.Create(CultureInfo.InvariantCulture, $"{Kind}: {Calls[0]} jumps from {from:F0} to {to:F0} ms of the "
                    + $"announcement (it began {_delay:F0} ms after its start was accepted)"));
        }
    }
}

/// <summary>An announcement whose end falls behind the fault.</summary>
/// <param name="stage">Where it plays.</param>
/// <param name="missingMillisMax">How much of it the network may lose.</param>
internal sealed class EndingPlayScene(Stage stage, double missingMillisMax = 200) : Scene(stage, "ending play")
{
    public override async Task BeginAsync()
    {
        var call = await Stage.AnyAsync("ending");
        Calls.Add(call);
        call.Phone.Audio.ExpectAnnouncement(Files.Short.Id, Files.Short.Seconds);
        Books.Begun(call.ResId, "sys.call.on_play_completed");
        await App.AskAsync("sys.call.play_start", new { res_id = call.ResId, content = Files.Short.Name });
    }

    /// <summary>It ends: silence is right then.</summary>
    public override IEnumerable<string> Wrong() => Calls[0].Phone.Phase == CallPhase.Ended ? base.Wrong() : [];

    public override async Task AfterAsync(Moves moves)
    {
        var completed = await Books.ExpectAsync("sys.call.on_play_completed", Calls[0].ResId, TimeSpan.FromSeconds(30));
        if (completed.Error is { } error) throw new SceneException($"{Kind}: {Calls[0]} ends with {error}");
        var heard = Calls[0].Phone.Audio.Announced!;
        // The event may overtake the last packets: they lie in the telephone's socket while its thread waits for a processor.
        await Stage.UntilAsync(() => heard.IsWhole, $"{Kind}: {Calls[0]} hears its announcement to the end", 0.5);
        if (heard.MissingMillis > missingMillisMax)
            throw new SceneException(string.Create(CultureInfo.InvariantCulture, $"{Kind}: {Calls[0]} misses {heard.MissingMillis} ms, is at {heard.At:F0} ms, "
                + $"jumps {string.Join(' ', heard.Jumps)}"));
        await Stage.ShouldBeInAsync(Calls[0], "Idle");
    }
}

/// <summary>A recording on the shared folder: appended by each new owner, readable when it is stopped.</summary>
internal sealed class RecordScene(Stage stage) : Scene(stage, "record")
{
    private string _path = "";
    private long _startedAt;
    private double _stalledBefore;
    private int _number;

    public override async Task BeginAsync()
    {
        Calls.Add(await Stage.AnyAsync("record"));
        await StartAsync();
    }

    public override async Task AfterAsync(Moves moves)
    {
        await Stage.ShouldBeInAsync(Calls[0], "Record");
        try
        {
            await StopAsync();
        }
        finally
        {
            await StartAsync();
        }
    }

    public override async Task EndAsync()
    {
        await StopAsync();
        await base.EndAsync();
    }

    private async Task StartAsync()
    {
        var call = Calls[0];
        Books.Begun(call.ResId, "sys.call.on_record_completed");
        _path = (string)(await App.AskAsync("sys.call.record_start", new
        {
            res_id = call.ResId, max_seconds = 7200, beep = false,
            record_file = string.Create(CultureInfo.InvariantCulture, $"{call.ResId}-{++_number}")
        }))!;
        _startedAt = Stopwatch.GetTimestamp();
        _stalledBefore = Stage.Cluster.StalledSeconds;
    }

    private async Task StopAsync()
    {
        var call = Calls[0];
        var lasted = Stopwatch.GetElapsedTime(_startedAt).TotalSeconds - (Stage.Cluster.StalledSeconds - _stalledBefore);
        await App.AskAsync("sys.call.record_stop", new { res_id = call.ResId });
        var completed = await Books.ExpectAsync("sys.call.on_record_completed", call.ResId, Stage.Patience, skip: _number - 1);
        if (completed.Error != 487) throw new SceneException($"{Kind}: {call} on_record_completed {completed.Params["error"]?.ToJsonString()}");
        if ((string)completed.Params["record_file"]! != _path)
            throw new SceneException($"{Kind}: {call} recorded {completed.Params["record_file"]}, not {_path}");
        byte[] bytes = [];
        await Stage.UntilAsync(() => File.Exists(_path) && (bytes = File.ReadAllBytes(_path)).Length > 58, $"{Kind}: {call} {_path} is there");
        var frames = (bytes.Length - 58) / Tones.FrameBytes;
        var mine = Enumerable.Range(0, frames).Count(i =>
            Tones.Share(bytes.AsSpan(58 + (i * Tones.FrameBytes), Tones.FrameBytes), call.Phone.Audio.Hertz) > 0.3);
        // What is said while nobody owns the call is not recorded: two leases and a bit at most. Of the rest all must be there.
        var least = lasted - (2 * Stage.Cluster.Plan.Lease.TotalSeconds) - 1.5;
        if (mine * 0.02 < Math.Min(least, lasted * 0.9))
            throw new SceneException(string.Create(CultureInfo.InvariantCulture, $"{Kind}: {call} {mine * 0.02:F1} s of {lasted:F1} s are in the file of "
                + $"{frames * 0.02:F1} s"));
    }
}

/// <summary>Two keys before the fault, the others after it.</summary>
internal sealed class KeysScene(Stage stage) : Scene(stage, "keys")
{
    private const double SettledMillis = 1_500;

    private int _times;
    private int _reinvites;

    public override async Task BeginAsync()
    {
        Calls.Add(await Stage.AnyAsync("keys"));
        await StartAsync();
    }

    public override async Task AfterAsync(Moves moves)
    {
        var call = Calls[0];
        await Stage.ShouldBeInAsync(call, "ReceiveDtmf");
        // Until then the phone's sound still goes to where nobody is.
        if (moves.HasMoved(call))
        {
            await Stage.UntilAsync(() => call.Phone.Reinvites > _reinvites, $"{Kind}: {call} is re-invited by its new owner", 5);
            await SettledAsync(call.Phone);
        }
        call.Phone.Audio.Press("3#");
        var completed = await Books.ExpectAsync("sys.call.on_receive_dtmf_completed", call.ResId, Stage.Patience, skip: _times - 1);
        await StartAsync();
        if (completed.Error is { } error || (string)completed.Params["keys"]! != "123")
            throw new SceneException($"{Kind}: {call} ends with {completed.Params.ToJsonString()}");
    }

    /// <summary>
    /// A rolling restart moves a call more than once, the last time home when all is ready again; a key that is pressed in the gap of a move is lost, like any
    /// sound.
    /// </summary>
    private async Task SettledAsync(FarmCall phone)
    {
        var (reinvites, since) = (phone.Reinvites, Stopwatch.GetTimestamp());
        await Stage.UntilAsync(() =>
        {
            if (phone.Reinvites != reinvites) (reinvites, since) = (phone.Reinvites, Stopwatch.GetTimestamp());
            return Stopwatch.GetElapsedTime(since).TotalMilliseconds > SettledMillis;
        }, $"{Kind}: {Calls[0]} is not moved any more", 30);
    }

    private async Task StartAsync()
    {
        var call = Calls[0];
        _times++;
        Books.Begun(call.ResId, "sys.call.on_receive_dtmf_completed");
        await App.AskAsync("sys.call.receive_dtmf_start", new { res_id = call.ResId, first_key_timeout = 3600, continues_keys_timeout = 3600 });
        call.Phone.Audio.Press("12");
        await Stage.UntilAsync(() => call.Phone.Audio.HasPressed, $"{call} presses its keys");
        _reinvites = call.Phone.Reinvites;
    }
}

/// <summary>Two calls, wherever they live, that hear each other.</summary>
internal sealed class BridgeScene(Stage stage) : Scene(stage, "bridge")
{
    public override async Task BeginAsync()
    {
        Calls.Add(await Stage.AnyAsync("bridge"));
        Calls.Add(await Stage.AnyAsync("bridge"));
        Calls[0].Phone.Audio.ExpectTones(Calls[1].Phone.Audio.Hertz);
        Calls[1].Phone.Audio.ExpectTones(Calls[0].Phone.Audio.Hertz);
        Books.Begun(Calls[0].ResId, "sys.call.on_connect_completed");
        await App.AskAsync("sys.call.connect_start", new { res_id = Calls[0].ResId, max_seconds = 7200, call_res_id = Calls[1].ResId });
    }

    public override async Task AfterAsync(Moves moves)
    {
        await Stage.ShouldBeInAsync(Calls[0], "Connect");
        await Stage.ShouldBeInAsync(Calls[1], "Connect");
    }

    public override async Task EndAsync()
    {
        await App.AskAsync("sys.call.connect_stop", new { res_id = Calls[0].ResId });
        var completed = await Books.ExpectAsync("sys.call.on_connect_completed", Calls[0].ResId, Stage.Patience);
        if (completed.Error is { } error) throw new SceneException($"{Kind}: {Calls[0]} ends with {error}");
        await base.EndAsync();
    }
}

/// <summary>Three calls in a conference, wherever the four of them live: everyone hears both others.</summary>
internal sealed class ConferenceScene(Stage stage) : Scene(stage, "conference")
{
    private string _conference = "";

    public override IEnumerable<int> Instances => base.Instances.Append(ClusterUnderTest.InstanceOf(_conference));

    public override async Task BeginAsync()
    {
        var made = await App.AskAsync("sys.conf.construct", new { max_seconds = 7200 });
        _conference = (string)made!["res_id"]!;
        for (var i = 0; i < 3; i++) Calls.Add(await Stage.AnyAsync("conf"));
        foreach (var call in Calls)
        {
            call.Phone.Audio.ExpectTones([.. Calls.Where(other => other != call).Select(static other => other.Phone.Audio.Hertz)]);
            Books.Begun(call.ResId, "sys.call.on_conf_completed");
            await App.AskAsync("sys.call.conf_enter", new { res_id = call.ResId, conf_res_id = _conference, max_seconds = 7200 });
        }
    }

    public override async Task AfterAsync(Moves moves)
    {
        foreach (var call in Calls) await Stage.ShouldBeInAsync(call, "Conf");
        var (code, parts) = await App.TryAskAsync("sys.conf.get_parts", new { res_id = _conference });
        if (code != 0 || parts!.AsArray().Count != 3)
            throw new SceneException($"{Kind}: {_conference} has {(code == 0 ? parts!.ToJsonString() : code.ToString(CultureInfo.InvariantCulture))}");
    }

    public override async Task EndAsync()
    {
        await App.AskAsync("sys.conf.release", new { res_id = _conference });
        await Books.ExpectAsync("sys.conf.on_released", _conference, Stage.Patience);
        foreach (var call in Calls)
        {
            var completed = await Books.ExpectAsync("sys.call.on_conf_completed", call.ResId, Stage.Patience);
            if (completed.Error is { } error) throw new SceneException($"{Kind}: {call} ends with {error}");
        }
        await base.EndAsync();
    }
}

/// <summary>A trunk filled to its last call: it stays exactly full.</summary>
internal sealed class TrunkScene(Stage stage) : Scene(stage, "trunk")
{
    public override async Task BeginAsync()
    {
        for (var i = 0; i < Stage.Cluster.Plan.NarrowTrunkCalls; i++) Calls.Add(await Stage.OutboundAsync("trunk", trunk: true));
    }

    public override async Task AfterAsync(Moves moves)
    {
        var permits = await Stage.Cluster.Database.QueryAsync("SELECT count(*) FROM permit WHERE trunk = 'narrow'");
        if (permits[0] != Calls.Count.ToString(CultureInfo.InvariantCulture)) throw new SceneException($"{Kind}: {permits[0]} permits for {Calls.Count} calls");
        var (code, made) =
            await App.TryAskAsync("sys.call.construct", new { to_uri = Stage.Cluster.Dial(Stage.NewUser("trunk"), trunk: true), max_answer_seconds = 60 });
        if (code != 480) throw new SceneException($"{Kind}: one call more than it carries is answered with {code} {made?.ToJsonString()}");
        await Stage.DropAsync(Calls[0]);
        Calls.RemoveAt(0);
        Calls.Add(await Stage.OutboundAsync("trunk", trunk: true));
    }
}
