using Cti.Calls.Call;
using Cti.Calls.Conference;
using Cti.Contract;
using Cti.Testing.Peers;

namespace Cti.Simulation.Races;

/// <summary>Something that may happen to a resource at any time.</summary>
/// <param name="Name">What a failure shows: the resource's name and what is done.</param>
/// <param name="Do">Does it.</param>
/// <param name="At">When it happens by itself, in virtual milliseconds; null: when it is done.</param>
internal sealed record RaceAction(string Name, Action<RaceStage> Do, Func<RaceStage, long?>? At = null);

/// <summary>Every action that there is, by the name of what it is done to.</summary>
internal static class RaceActions
{
    /// <summary>The methods on a call, with what else they need: <c>$a</c> is the resource id behind the name a.</summary>
    public static readonly IReadOnlyDictionary<string, string> CallMethods = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["sys.call.nop"] = "",
        ["sys.call.answer"] = ""","max_answer_seconds":60""",
        ["sys.call.reject"] = "",
        ["sys.call.drop"] = "",
        ["sys.call.redirect"] = ""","redirect_uri":"sip:x@10.0.0.2" """,
        ["sys.call.play_start"] = ""","content":"short.wav","finish_keys":"1" """,
        ["sys.call.play_stop"] = "",
        ["sys.call.record_start"] = ""","max_seconds":5,"record_file":"race.wav","finish_keys":"1","beep":false""",
        ["sys.call.record_stop"] = "",
        ["sys.call.send_dtmf_start"] = ""","keys":"12" """,
        ["sys.call.receive_dtmf_start"] = ""","max_keys":2,"first_key_timeout":2,"continues_keys_timeout":1""",
        ["sys.call.stop_receive_dtmf_start"] = "",
        ["sys.call.receive_dtmf_stop"] = "",
        ["sys.call.connect_start"] = ""","max_seconds":4,"call_res_id":"$other" """,
        ["sys.call.connect_stop"] = "",
        ["sys.call.conf_enter"] = ""","max_seconds":4,"conf_res_id":"$x" """,
        ["sys.call.conf_exit"] = ""","conf_res_id":"$x" """,
        ["sys.call.refer"] = ""","replaces_call_res_id":"$other" """,
        ["sys.call.refer_accept"] = "",
        ["sys.call.refer_reject"] = "",
        ["sys.call.refer_notify"] = ""","status":200""",
    };

    public static readonly IReadOnlyDictionary<string, string> ConferenceMethods = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["sys.conf.release"] = "",
        ["sys.conf.play_start"] = ""","content":"short.wav" """,
        ["sys.conf.play_stop"] = "",
        ["sys.conf.record_start"] = ""","max_seconds":2,"record_file":"mix.wav" """,
        ["sys.conf.record_stop"] = "",
        ["sys.conf.set_parts_threshold"] = ""","value":2""",
        ["sys.conf.set_part_voice_mode"] = ""","call_res_id":"$a","mode":2""",
        ["sys.conf.set_part_volume"] = ""","call_res_id":"$a","volume":5""",
        ["sys.conf.nop"] = "",
    };

    public static readonly IReadOnlyDictionary<string, string> FlowMethods = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["ext.notify_call.drop"] = "",
        ["ext.captcha_call.drop"] = "",
        ["ext.duo_callback.drop"] = "",
        ["ext.duo_callback.cancel"] = "",
    };

    /// <summary>What makes a resource: raced by what is done to the resources that it is made of.</summary>
    public static readonly IReadOnlyList<string> Constructs =
    [
        "sys.call.construct", "sys.conf.construct", "ext.notify_call.construct", "ext.captcha_call.construct", "ext.duo_callback.construct",
    ];

    /// <summary>A method on the resource of that name; <paramref name="other"/> stands for <c>$other</c>.</summary>
    public static RaceAction Method(string method, string on, string other)
    {
        var more = CallMethods.GetValueOrDefault(method) ?? ConferenceMethods.GetValueOrDefault(method)
            ?? FlowMethods.GetValueOrDefault(method) ?? throw new InvalidOperationException($"nobody has said how {method} is called");
        return new RaceAction($"{on}: {method}{(more.Contains("$other", StringComparison.Ordinal) ? $" {other}" : "")}",
            stage => stage.Send(method, $$"""{"res_id":"{{stage[on]}}"{{Fill(stage, more, other)}}}"""));
    }

    private static string Fill(RaceStage stage, string more, string other) =>
        more.Replace("$other", stage[other], StringComparison.Ordinal).Replace("$x", stage["x"], StringComparison.Ordinal)
            .Replace("$a", stage["a"], StringComparison.Ordinal);

    /// <summary>The older generation's drop, which refuses an offered call.</summary>
    public static RaceAction DropV1(string on) =>
        new($"{on}: sys.call.drop by /v1", stage => stage.World.Application.Send("sys.call.drop", $$"""{"res_id":"{{stage[on]}}"}""", ApiGeneration.V1));

    public static RaceAction DialOn(string parent, int mode) => new($"{parent}: sys.call.construct on it, mode {mode}",
        stage => stage.Send("sys.call.construct", $$"""{"to_uri":"{{stage.NextUri()}}","parent_call_res_id":"{{stage[parent]}}","ring_play_mode":{{mode}}"""
            + $$""","ring_play_file":"short.wav","max_answer_seconds":60,"max_ring_seconds":5}"""));

    /// <summary>Calls someone whom everyone in the conference hears ring.</summary>
    public static RaceAction DialForConference() => new("x: sys.call.construct for it",
        stage => stage.Send("sys.call.construct",
            $$"""{"to_uri":"{{stage.NextUri()}}","parent_conf_res_id":"{{stage["x"]}}","max_answer_seconds":60,"max_ring_seconds":5}"""));

    public static RaceAction HangsUp(string name) => new($"{name}'s telephone hangs up", stage => stage.Far(name)?.HangUp());

    public static RaceAction Responds(string name, int status) => new($"{name}'s telephone responds {status}", stage =>
    {
        if (stage.Far(name) is { Phase: PeerPhase.Offered } far) far.Respond(status);
    });

    public static RaceAction Cancels(string name) => new($"{name}'s telephone cancels", stage => stage.Far(name)?.Cancel());

    public static RaceAction Acknowledges(string name) => new($"{name}'s telephone acknowledges", stage =>
    {
        if (stage.Far(name) is not { } far) return;
        far.LoseAcks = 0;
        far.SendAck();
    });

    public static RaceAction Key(string name, char key) => new($"{name}'s telephone sends {key}", stage => stage.PressKey(name, key));

    public static RaceAction Holds(string name) => new($"{name}'s telephone holds", stage => stage.Far(name)?.ReInvite("sendonly"));

    public static RaceAction AsksToBeTransferred(string name) =>
        new($"{name}'s telephone asks to be transferred", stage => stage.Far(name)?.Refer("sip:x@10.0.0.2"));

    public static RaceAction MediaEnds(string name) => new($"{name}'s media ends", stage => stage.FinishMedia(name));

    /// <summary>The conference's next limit on time is reached.</summary>
    public static RaceAction ConferenceLimit() => new("x's limit is reached", static _ => { }, stage =>
        stage.World.Ledger.Find<ConferenceBook>(stage["x"]) is { State.WasReleased: false } book && ConferenceDecider.NextDeadline(book.State) is { } due
            ? due - stage.World.Runtime.UnixMillis + stage.World.Runtime.ElapsedMillis
            : null);

    /// <summary>Its next limit on time is reached.</summary>
    public static RaceAction Limit(string name) => new($"{name}'s limit is reached", static _ => { }, stage =>
        stage.World.Ledger.Find<CallBook>(stage[name]) is { } book && CallDecider.NextDeadline(book.State, stage.World.Plan.Calls) is { } due
            ? due - stage.World.Runtime.UnixMillis + stage.World.Runtime.ElapsedMillis
            : null);
}
