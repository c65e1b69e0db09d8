using Cti.Calls.Call;
using Cti.Testing;
using Cti.Testing.Peers;

namespace Cti.Simulation;

/// <content>What it does with two resources at a time, and with two requests at the same instant.</content>
internal sealed partial class RandomApplication
{
    // A stream of its own: what single calls do stays what it was.
    private readonly SeededRandom _together = new(world.Plan.Seed ^ 0x746F6765);

    /// <summary>One move that involves another call.</summary>
    private void Mingle(CallView call)
    {
        var other = Another(call);
        if (world.Plan.Conferences > 0 && _together.Chance(45))
        {
            Confer(call);
            return;
        }
        switch (_together.Next(16))
        {
            case < 4: Connect(call.Id, other); break;
            case 4: Collide(() => Connect(call.Id, other), () => Connect(other, call.Id)); break;
            case 5: Collide(() => Connect(call.Id, other), () => HangUpSomehow(_together.Chance(50) ? call.Id : other)); break;
            case 6: Collide(() => StopConnect(FirstPartyOf(call.Id)), () => HangUpSomehow(_together.Chance(50) ? call.Id : other)); break;
            case 7: Collide(() => Connect(call.Id, other), () => StopConnect(call.Id)); break;
            case 8: Collide(() => Connect(call.Id, other), () => StartSomething(other)); break;
            case 9: StopConnect(FirstPartyOf(call.Id)); break;
            case < 13: DialOn(call.Id); break;
            case 13: Collide(() => DialOn(call.Id), () => HangUpSomehow(call.Id)); break;
            case 14: Collide(() => DialOn(call.Id), () => DialOn(call.Id)); break;
            default: Collide(() => DialOn(call.Id), _together.Chance(50) ? () => Connect(call.Id, other) : () => StartSomething(call.Id)); break;
        }
    }

    /// <summary>Calls someone whose ring-back the call hears.</summary>
    private void DialOn(string parent)
    {
        if (_isStopped) return;
        var file = _together.Chance(60) ? $$""","ring_play_file":"{{_together.Pick("short.wav", "long.wav", "none.wav", "broken.wav")}}" """ : "";
        var to = _together.Pick("sip:100@10.0.0.1", "sip:200@10.0.0.2", "sip:300@10.0.0.3", "sip:5@10.0.0.9");
        var child = Send("sys.call.construct", $$"""{"to_uri":"{{to}}","parent_call_res_id":"{{parent}}","ring_play_mode":{{_together.Next(4)}}{{file}}"""
            + $$""","max_answer_seconds":{{_together.Pick(2, 30, 90)}},"max_ring_seconds":{{_together.Pick(1, 5, 40)}}}""");
        if (_together.Chance(30)) Later(_together.Pick(0, 1, 50, 1500), () =>
        {
            if (child.Resource.Length > 0) HangUpSomehow(child.Resource);
        });
    }

    private void BeginFlow()
    {
        if (_isStopped) return;
        var to = $$"""["sip:{{_together.Next(9)}}@10.0.0.{{_together.Between(1, 3)}}"]""";
        var ring = _together.Pick(2, 30);
        var flow = _together.Next(4) switch
        {
            0 => Send("ext.notify_call.construct",
                $$"""{"to_uri":{{to}},"play_content":"{{_together.Pick("short.wav", "long.wav", "none.wav")}}","play_repeat":{{_together.Next(2)}}"""
                    + $$""","max_ring_seconds":{{ring}}}"""),
            1 => Send("ext.captcha_call.construct",
                $$"""{"to_uri":{{to}},"max_ring_seconds":{{ring}},"max_keys":{{_together.Between(1, 3)}},"first_key_timeout":{{_together.Pick(1, 8)}}"""
                    + $$""","continues_keys_timeout":{{_together.Pick(1, 5)}},"play_content":{{_together.Pick("null", "\"short.wav\"", "\"none.wav\"")}}}"""),
            _ => Send("ext.duo_callback.construct",
                $$"""{"to1_uri":{{to}},"to2_uri":"sip:2@10.0.0.{{_together.Between(1, 3)}}","max_connect_seconds":{{_together.Pick(2, 600)}}"""
                    + $$""","max_ring_seconds":{{ring}},"ring_play_mode":{{_together.Next(4)}}{{_together.Pick("", ",\"ring_play_file\":\"short.wav\"")}}"""
                    + $$""","record_mode":{{_together.Next(3)}}{{(_together.Chance(40) ? $",\"record_file\":\"d{_together.Next(1_000_000)}.wav\"" : "")}}}"""),
        };
        for (var i = _together.Next(3); i > 0; i--) Later(_together.Pick(0, 30, 2_000, 9_000, 15_000), () => TroubleFlow(flow.Resource));
    }

    /// <summary>Drops or cancels a flow, or hangs one of its telephones up.</summary>
    private void TroubleFlow(string flow)
    {
        if (world.Ledger.Find<FlowBook>(flow) is not { } book) return;
        var module = ModuleOf(flow);
        switch (_together.Next(4))
        {
            case 0: Send($"{module}.drop", $$"""{"res_id":"{{flow}}"}"""); break;
            case 1: Send(module == "ext.duo_callback" ? $"{module}.cancel" : $"{module}.drop", $$"""{"res_id":"{{flow}}"}"""); break;
            default:
                if ((_together.Chance(50) ? book.State.First.Call : book.State.Second?.Call) is { } call) TelephoneOf(call)?.HangUp();
                break;
        }
    }

    /// <summary>
    /// Does several things at once, in the order in which they stand or in the other: in one instant (then the seed orders them), or one or a few milliseconds
    /// apart, so that one is under way when the next comes.
    /// </summary>
    private void Collide(params ReadOnlySpan<Action> acts)
    {
        var ordered = acts.ToArray();
        if (_together.Chance(50)) Array.Reverse(ordered);
        var gap = _together.Pick(0, 0, 1, 2, 30);
        for (var i = 0; i < ordered.Length; i++)
        {
            var act = ordered[i];
            if (gap == 0) world.Runtime.Post(new ActionItem(act));
            else Later(i * gap, act);
        }
    }

    /// <summary>Does something to a call at the very moment at which something else happens to it.</summary>
    public void DoSomethingTo(string call)
    {
        if (world.Ledger.Find(call)?.Resource.Owner is { } owner)
        {
            // What drives it is the application's; itself it is not.
            if (_together.Chance(70)) TroubleFlow(owner);
            else Send(_together.Pick("sys.call.drop", "sys.call.nop", "sys.call.play_stop"), $$"""{"res_id":"{{call}}"}""");
            return;
        }
        if (!_calls.TryGetValue(call, out var view)) return;
        switch (_together.Next(world.Plan.Conferences > 0 ? 11 : 9))
        {
            case 9: Confer(view); break;
            case 10: TroubleConference(_together.Chance(60) ? ConferenceOf(call) : AnyConference()); break;
            case 0 or 1: HangUpSomehow(call); break;
            case 2: StartSomething(call); break;
            case 3: Connect(call, Another(view)); break;
            case 4: Connect(Another(view), call); break;
            case 5: StopConnect(FirstPartyOf(call)); break;
            case 6: Send(_together.Pick("sys.call.play_stop", "sys.call.record_stop", "sys.call.receive_dtmf_stop"), Res(view)); break;
            case 7: Send("sys.call.nop", Res(view)); break;
            default: Mingle(view); break;
        }
    }

    /// <summary>Another call that is up, most of the time; sometimes one that is not.</summary>
    private string Another(CallView call)
    {
        var up = _calls.Values.Where(other => other != call && other.IsCall && (other is { IsUp: true, IsReleased: false } || _together.Chance(3))).ToList();
        return up.Count == 0 ? "0.0.0-sys.call-7" : up[_together.Next(up.Count)].Id;
    }

    /// <summary>The first party of the bridge that the call is in, else the call.</summary>
    private string FirstPartyOf(string call) =>
        world.Ledger.Find<CallBook>(call)?.State.Bridge is { IsFirst: false } bridge && _together.Chance(80) ? bridge.Peer : call;

    private void Connect(string first, string second)
    {
        if (first == second) return;
        var schedule = _together.Chance(20) ? $$""","schedule_play_time":{{(world.Runtime.UnixMillis / 1000) + _together.Between(-1, 4)}}"""
            + $$""","schedule_play_file":"{{_together.Pick("short.wav", "none.wav")}}","schedule_play_loop":{{_together.Between(0, 2)}}""" : "";
        var record = _together.Chance(25) ? $$""","record_file":"b{{_together.Next(1_000_000)}}.wav" """ : "";
        Send("sys.call.connect_start",
            $$"""{"res_id":"{{first}}","call_res_id":"{{second}}","max_seconds":{{_together.Pick(1, 3, 20, 600)}},"connect_mode":{{_together.Between(1, 3)}}"""
                + $$""","local_volume":{{_together.Pick(0, 0, -20, 7)}},"remote_volume":{{_together.Pick(0, 20)}}{{schedule}}{{record}}}""");
    }

    private void StopConnect(string first) => Send("sys.call.connect_stop", $$"""{"res_id":"{{first}}"}""");

    private void StartSomething(string call)
    {
        switch (_together.Next(4))
        {
            case 0: Send("sys.call.play_start", $$"""{"res_id":"{{call}}","content":"{{_together.Pick("short.wav", "long.wav")}}"}"""); break;
            case 1:
                Send("sys.call.record_start",
                    $$"""{"res_id":"{{call}}","max_seconds":{{_together.Pick(1, 10)}},"record_file":"t{{_together.Next(1_000_000)}}.wav"}""");
                break;
            case 2: Send("sys.call.send_dtmf_start", $$"""{"res_id":"{{call}}","keys":"12"}"""); break;
            default: Send("sys.call.receive_dtmf_start", $$"""{"res_id":"{{call}}","max_keys":2,"first_key_timeout":2,"continues_keys_timeout":1}"""); break;
        }
    }

    /// <summary>The application drops the call, or its telephone hangs up.</summary>
    private void HangUpSomehow(string call)
    {
        if (_together.Chance(50)) Send("sys.call.drop", $$"""{"res_id":"{{call}}"}""");
        else TelephoneOf(call)?.HangUp();
    }

    /// <summary>The far end of a call.</summary>
    private PeerCall? TelephoneOf(string call) => world.Ledger.Find<CallBook>(call)?.State is { } state
        ? world.Phones.SelectMany(phone => phone.Calls).FirstOrDefault(far => far.CallId == state.SipCallId)
        : null;
}
