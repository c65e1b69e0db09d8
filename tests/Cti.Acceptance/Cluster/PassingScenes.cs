using System.Diagnostics;
using System.Globalization;

namespace Cti.Acceptance.Cluster;

/// <summary>The files that are played.</summary>
internal static class Files
{
    public static readonly (string Name, int Id, double Seconds) Long = ("long.wav", 1, 300), Short = ("short.wav", 2, 6);

    public static void Write(string folder)
    {
        foreach (var (name, id, seconds) in new[] { Long, Short }) Announcement.Write(folder, name, id, seconds);
    }
}

/// <summary>Dialled, ringing. Its owner's death ends the dialling with 503 and a CANCEL; any other's changes nothing.</summary>
internal sealed class RingingScene(Stage stage, string behaviour) : Scene(stage, behaviour == "rings" ? "ringing" : "dialled")
{
    private bool _isAnswered;

    public override bool IsEstablished => false;

    public override async Task WhileDrainingAsync()
    {
        _isAnswered = true;
        Calls[0].Phone.PickUp();
        var completed = await Books.ExpectAsync("sys.call.on_dial_completed", Calls[0].ResId, Stage.Patience);
        if (completed.Error is { } error) throw new SceneException($"{Kind}: {Calls[0]} on_dial_completed {error}, though its owner only drains");
    }

    public override async Task BeginAsync()
    {
        var call = await Stage.DialledAsync(Stage.NewUser(behaviour));
        Calls.Add(call);
        if (behaviour == "rings") await Books.ExpectAsync("sys.call.on_ringing", call.ResId, Stage.Patience);
    }

    public override async Task AfterAsync(Moves moves)
    {
        var call = Calls[0];
        if (_isAnswered)
        {
            await Stage.ShouldBeInAsync(call, "Idle");
            return;
        }
        if (!moves.HasMoved(call))
        {
            if (call.Phone.Phase is not (CallPhase.Ringing or CallPhase.Calling))
                throw new SceneException($"{Kind}: {call} does not ring any more (ended by {call.Phone.EndedBy}), though its owner lives");
            call.Phone.PickUp();
        }
        var completed = await Books.ExpectAsync("sys.call.on_dial_completed", call.ResId, Stage.Patience);
        if (moves.HasMoved(call))
        {
            if (completed.Error != 503)
                throw new SceneException($"{Kind}: {call} on_dial_completed {completed.Error?.ToString(CultureInfo.InvariantCulture) ?? "well"}");
            await Stage.GoneAsync(call);
            if (call.Phone.EndedBy != "cancel") throw new SceneException($"{Kind}: {call} was ended by {call.Phone.EndedBy}, not a CANCEL");
        }
        else if (completed.Error is { } error)
        {
            throw new SceneException($"{Kind}: {call} on_dial_completed {error}, though its owner lives");
        }
    }

    public override async Task EndAsync()
    {
        if (Books.CountOf(Calls[0].ResId, "sys.call.on_released") == 0) await base.EndAsync();
    }
}

/// <summary>A caller who is offered to the application, which answers only after the fault.</summary>
/// <param name="stage">The run.</param>
/// <param name="user">How the telephone behaves.</param>
internal sealed class OfferedScene(Stage stage, string user = "offered") : Scene(stage, user == "offered" ? user : $"offered, {user}")
{
    private bool _isAnswered;

    public override bool IsEstablished => false;

    public override async Task WhileDrainingAsync()
    {
        _isAnswered = true;
        await Stage.AnswerAsync(Calls[0], 600);
    }

    public override async Task BeginAsync()
    {
        Calls.Add(await Stage.OfferedAsync(user));
        if (user == "reliable") await Stage.UntilAsync(() => Calls[0].Phone.HasAcknowledged, $"{Kind}: {Calls[0]}: that it rings is acknowledged by a PRACK");
    }

    public override async Task AfterAsync(Moves moves)
    {
        if (!_isAnswered) await Stage.AnswerAsync(Calls[0], 60);
        await Stage.ShouldBeInAsync(Calls[0], "Idle");
    }
}

/// <summary>A child that is dialled on a parent: the parent stays up, and is free again where the child dies with its owner.</summary>
internal sealed class ParentScene(Stage stage) : Scene(stage, "mid-dial")
{
    private bool _isAnswered;

    public override bool IsEstablished => false;

    public override async Task WhileDrainingAsync()
    {
        _isAnswered = true;
        Calls[1].Phone.PickUp();
        var completed = await Books.ExpectAsync("sys.call.on_dial_completed", Calls[1].ResId, Stage.Patience);
        if (completed.Error is { } error) throw new SceneException($"{Kind}: {Calls[1]} on_dial_completed {error}, though its owner only drains");
    }

    public override async Task BeginAsync()
    {
        var parent = await Stage.AnyAsync("parent");
        Calls.Add(parent);
        var child = await Stage.DialledAsync(Stage.NewUser("rings"), parent: parent.ResId);
        Calls.Add(child);
        await Books.ExpectAsync("sys.call.on_ringing", child.ResId, Stage.Patience);
    }

    public override async Task AfterAsync(Moves moves)
    {
        var (parent, child) = (Calls[0], Calls[1]);
        if (parent.Phone.Phase != CallPhase.Up)
            throw new SceneException($"{Kind}: the parent {parent} is LOST (ended by {parent.Phone.EndedBy} {parent.Phone.Reason})");
        if (_isAnswered)
        {
            await Stage.ShouldBeInAsync(child, "Idle");
            await Stage.DropAsync(child);
        }
        else if (moves.HasMoved(child))
        {
            var completed = await Books.ExpectAsync("sys.call.on_dial_completed", child.ResId, Stage.Patience);
            if (completed.Error != 503)
                throw new SceneException($"{Kind}: {child} on_dial_completed {completed.Error?.ToString(CultureInfo.InvariantCulture) ?? "well"}");
            await Stage.GoneAsync(child);
        }
        else
        {
            await Stage.ShouldBeInAsync(parent, "Dial");
            child.Phone.PickUp();
            var completed = await Books.ExpectAsync("sys.call.on_dial_completed", child.ResId, Stage.Patience);
            if (completed.Error is { } error) throw new SceneException($"{Kind}: {child} on_dial_completed {error}, though its owner lives");
            await Stage.DropAsync(child);
        }
        await Stage.ShouldBeInAsync(parent, "Idle");
    }

    public override async Task EndAsync()
    {
        foreach (var call in Calls.Where(call => Books.CountOf(call.ResId, "sys.call.on_released") == 0)) await Stage.DropAsync(call);
    }
}

/// <summary>A limit on the call's time that comes after the fault: kept to within a second.</summary>
internal sealed class LimitScene(Stage stage, int seconds) : Scene(stage, "limit")
{
    public override bool IsEstablished => false;

    public override async Task BeginAsync() => Calls.Add(await Stage.AnyAsync("limit", seconds));

    public override async Task AfterAsync(Moves moves)
    {
        var call = Calls[0];
        await Stage.GoneAsync(call, seconds + 10);
        var lasted = Stopwatch.GetElapsedTime(call.Phone.AnsweredAt, call.Phone.EndedAt).TotalSeconds;
        if (Math.Abs(lasted - seconds) > 1.2)
            throw new SceneException(string.Create(CultureInfo.InvariantCulture, $"{Kind}: {call} lasted {lasted:F2} s of {seconds} s"));
        if (call.Phone.EndedBy != "node") throw new SceneException($"{Kind}: {call} was ended by {call.Phone.EndedBy}");
    }

    public override Task EndAsync() => Task.CompletedTask;
}

/// <summary>A phone that hangs up while its call has no owner.</summary>
internal sealed class HangUpScene(Stage stage) : Scene(stage, "hang-up")
{
    public override bool IsEstablished => false;

    public override async Task BeginAsync() => Calls.Add(await Stage.AnyAsync("hangup"));

    public override Task DuringAsync()
    {
        Calls[0].Phone.HangUp();
        return Task.CompletedTask;
    }

    public override Task AfterAsync(Moves moves) => Stage.GoneAsync(Calls[0]);

    public override Task EndAsync() => Task.CompletedTask;
}

/// <summary>Keys on their way out: whatever becomes of them, one end is told.</summary>
internal sealed class SendKeysScene(Stage stage) : Scene(stage, "send keys")
{
    public override async Task BeginAsync()
    {
        var call = await Stage.AnyAsync("sendkeys");
        Calls.Add(call);
        Books.Begun(call.ResId, "sys.call.on_send_dtmf_completed");
        await App.AskAsync("sys.call.send_dtmf_start", new { res_id = call.ResId, keys = "1,,,,,,,,2" });
    }

    public override async Task AfterAsync(Moves moves)
    {
        var call = Calls[0];
        var completed = await Books.ExpectAsync("sys.call.on_send_dtmf_completed", call.ResId, Stage.Patience);
        if (completed.Error is not (null or 503)) throw new SceneException($"{Kind}: {call} on_send_dtmf_completed {completed.Error}");
        if (completed.Error is null && call.Phone.Audio.HeardKeys != "12")
            throw new SceneException($"{Kind}: {call} heard '{call.Phone.Audio.HeardKeys}', and its end says that all were sent");
        await Stage.ShouldBeInAsync(call, "Idle");
    }
}

/// <summary>A telephone that was told 202 to its REFER: it hears how the transfer ends, whoever owns the call by then.</summary>
internal sealed class ReferredScene(Stage stage) : Scene(stage, "referred")
{
    public override async Task BeginAsync()
    {
        var call = await Stage.AnyAsync("transferor");
        Calls.Add(call);
        call.Phone.Refer("sip:somebody@elsewhere.example");
        await Books.ExpectAsync("sys.call.on_refer", call.ResId, Stage.Patience);
        await App.AskAsync("sys.call.refer_accept", new { res_id = call.ResId });
        await Stage.UntilAsync(() => call.Phone.ReferStatus != 0, $"{Kind}: {call}: its REFER is answered");
        if (call.Phone.ReferStatus != 202) throw new SceneException($"{Kind}: {call}: its REFER is answered {call.Phone.ReferStatus}");
    }

    public override async Task AfterAsync(Moves moves)
    {
        var call = Calls[0];
        await App.AskAsync("sys.call.refer_notify", new { res_id = call.ResId, status = 200 });
        await Stage.UntilAsync(() =>
        {
            lock (call.Phone.Reports)
            {
                return call.Phone.Reports.Any(static report =>
                    report.StartsWith("terminated", StringComparison.Ordinal) && report.Contains(" 200 ", StringComparison.Ordinal));
            }
        }, $"{Kind}: {call} is told 200 at the end, of {string.Join("; ", call.Phone.Reports)}");
        await Stage.ShouldBeInAsync(call, "Idle");
    }
}

/// <summary>A telephone that was asked to call somebody else, and tells after the fault that it is done.</summary>
internal sealed class ReferringScene(Stage stage) : Scene(stage, "referring")
{
    public override async Task BeginAsync()
    {
        var call = await Stage.AnyAsync("transferee");
        Calls.Add(call);
        Books.Begun(call.ResId, "sys.call.on_refer_completed");
        await App.AskAsync("sys.call.refer", new { res_id = call.ResId, to_uri = "sip:somebody@elsewhere.example" });
        await Books.ExpectAsync("sys.call.on_refer_progress", call.ResId, Stage.Patience);
    }

    public override async Task AfterAsync(Moves moves)
    {
        var call = Calls[0];
        call.Phone.Report(200);
        var completed = await Books.ExpectAsync("sys.call.on_refer_completed", call.ResId, Stage.Patience);
        if (completed.Error is not null || (int?)completed.Params["status"] != 200)
            throw new SceneException($"{Kind}: {call} on_refer_completed {completed.Params.ToJsonString()}");
        await Stage.ShouldBeInAsync(call, "Idle");
    }
}
