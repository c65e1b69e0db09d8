using System.Text;
using System.Text.Json;

namespace Cti.Simulation;

/// <content>What it does with conferences.</content>
internal sealed partial class RandomApplication
{
    private void MakeConference()
    {
        if (_isStopped) return;
        var record = _together.Chance(30) ? $$""","record_file":"c{{_together.Next(1_000_000)}}.wav" """ : "";
        var background = _together.Chance(30) ? $$""","bg_file":"{{_together.Pick("long.wav", "none.wav")}}" """ : "";
        Send("sys.conf.construct", $$"""{"max_seconds":{{_together.Pick(3, 30, 600)}},"parts_threshold":{{_together.Pick(-1, 0, 1, 1, 2)}}"""
            + $$""","talker_events":{{(_together.Chance(50) ? "true" : "false")}}{{record}}{{background}}}""");
        for (var i = _together.Next(12); i > 0; i--) Later(_together.Next(world.Plan.SpreadMillis + 10_000), () => TroubleConference(AnyConference()));
    }

    private string AnyConference()
    {
        var alive = _calls.Values.Where(view => view.IsConference && (!view.IsReleased || _together.Chance(3))).ToList();
        return alive.Count == 0 ? "0.0.0-sys.conf-7" : alive[_together.Next(alive.Count)].Id;
    }

    private string ConferenceOf(string call) => world.Ledger.Find<CallBook>(call)?.State.Seat?.Conference ?? AnyConference();

    /// <summary>One move of a call that has to do with conferences.</summary>
    private void Confer(CallView call)
    {
        var other = Another(call);
        if (_together.Chance(50) && world.Ledger.Find<CallBook>(call.Id)?.State.Seat is not null)
        {
            Exit(call.Id);
            return;
        }
        switch (_together.Next(12))
        {
            case < 4: Enter(call.Id); break;
            case 4: Exit(call.Id); break;
            case 5: Collide(() => Enter(call.Id), () => Enter(other)); break;
            case 6: Collide(() => Enter(call.Id), () => Exit(call.Id)); break;
            case 7: Collide(() => Enter(call.Id), () => HangUpSomehow(call.Id)); break;
            case 8: Collide(() => Enter(call.Id), () => Connect(other, call.Id)); break;
            case 9: Collide(() => Enter(call.Id), () => TroubleConference(AnyConference())); break;
            case 10: Collide(() => DialOn(call.Id), () => Enter(call.Id)); break;
            default: DialFor(AnyConference()); break;
        }
    }

    private void Enter(string call) => Send("sys.call.conf_enter",
        $$"""{"res_id":"{{call}}","conf_res_id":"{{AnyConference()}}","max_seconds":{{_together.Pick(1, 4, 600)}},"voice_mode":{{_together.Between(1, 4)}}"""
            + $$""","volume":{{_together.Pick("null", "-20", "5")}},"play_file":{{_together.Pick("null", "\"short.wav\"", "\"none.wav\"")}}}""");

    private void Exit(string call) => Send("sys.call.conf_exit", $$"""{"res_id":"{{call}}","conf_res_id":"{{ConferenceOf(call)}}"}""");

    /// <summary>Calls someone whom everyone in a conference hears ring.</summary>
    private void DialFor(string conference)
    {
        if (_isStopped) return;
        var child = Send("sys.call.construct",
            $$"""{"to_uri":"sip:{{_together.Next(9)}}@10.0.0.{{_together.Between(1, 3)}}","parent_conf_res_id":"{{conference}}","max_answer_seconds":"""
                + $$"""{{_together.Pick(5, 60)}},"max_ring_seconds":{{_together.Pick(2, 20)}}}""");
        if (_together.Chance(30)) Later(_together.Pick(50, 1500, 3000), () =>
        {
            if (child.Resource.Length > 0) Enter(child.Resource);
        });
    }

    /// <summary>Does something to a conference.</summary>
    private void TroubleConference(string conference)
    {
        SentRequest Ask(string method, string more = "") => Send(method, $$"""{"res_id":"{{conference}}"{{more}}}""");
        var member = world.Ledger.Find<ConferenceBook>(conference)?.State.Members is { IsEmpty: false } members ? members[_together.Next(members.Length)].Call
            : _calls.Values.FirstOrDefault(static view => view is { IsCall: true, IsReleased: false })?.Id ?? "0.0.0-sys.call-7";
        switch (_together.Next(14))
        {
            case 0: Ask("sys.conf.release"); break;
            case 1 or 2:
                Ask("sys.conf.play_start",
                    $$""","content":"{{_together.Pick("short.wav", "long.wav", "none.wav")}}","is_loop":{{_together.Pick("true", "false")}}""");
                break;
            case 3: Ask("sys.conf.play_stop"); break;
            case 4 or 5:
                Ask("sys.conf.record_start", $$""","max_seconds":{{_together.Pick(1, 30)}},"record_file":"m{{_together.Next(1_000_000)}}.wav" """);
                break;
            case 6: Ask("sys.conf.record_stop"); break;
            case 7: Ask("sys.conf.set_parts_threshold", $$""","value":{{_together.Pick(-1, 0, 1, 3)}}"""); break;
            case 8: Ask("sys.conf.set_part_voice_mode", $$""","call_res_id":"{{member}}","mode":{{_together.Between(1, 4)}}"""); break;
            case 9: Ask("sys.conf.set_part_volume", $$""","call_res_id":"{{member}}","volume":{{_together.Between(-20, 20)}}"""); break;
            case 10: Ask("sys.conf.nop"); break;
            case 11: AskParts(conference); break;
            case 12: Collide(() => Ask("sys.conf.release"), _together.Chance(50) ? () => HangUpSomehow(member) : () => Exit(member)); break;
            default: Collide(() => HangUpSomehow(member), () => Exit(member)); break;
        }
    }

    /// <summary>Who is in is durable, or is about to be.</summary>
    private void AskParts(string conference)
    {
        if (world.PickNode() is not { IsServing: true, Router: { } router } node) return;
        When(node, router.AskAsync(Build("sys.conf.get_parts", $$"""{"res_id":"{{conference}}"}""", null), CancellationToken.None), reply =>
        {
            if (reply.Error is not null) return;
            using var json = JsonDocument.Parse(reply.Result);
            foreach (var part in json.RootElement.EnumerateArray())
            {
                var id = part.GetProperty("res_id").GetString()!;
                if (world.Ledger.Find<CallBook>(id) is null)
                    world.Fail($"{conference} lists {id}, which never was: {Encoding.UTF8.GetString(reply.Result.Span)}");
            }
        });
    }
}
