using Cti.Calls.Call;
using Cti.Calls.Call.Sagas;
using Cti.Calls.Conference;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Kernel;

namespace Cti.Calls.Tests.Sagas;

/// <summary>A call that is up.</summary>
internal sealed class CallPlace : SagaWorld.Place
{
    private CallState _state;
    private CallState _durable;
    private readonly List<string> _told = [];
    private readonly HashSet<string> _connected = [];
    private readonly HashSet<string> _entered = [];
    private (string Op, long Number, int OtherLife)? _sound;

    public CallPlace(SagaWorld world, string id) : base(world, id)
    {
        var call = Some.In(CallPhase.Idle).State!;
        ResourceId.TryParse(id, out var parsed).ShouldBeTrue();
        _state = _durable = call with { Id = parsed };
    }

    public CallState State => _state;

    public override IEnumerable<string> Situations
    {
        get
        {
            if (_durable.Bridge is { } bridge) yield return $"{(bridge.IsFirst ? "first" : "second")} {bridge.Stage.ToString().ToLowerInvariant()}";
            if (_durable.Seat is { } seat) yield return $"seat {seat.Stage.ToString().ToLowerInvariant()}";
        }
    }

    public override void Die()
    {
        base.Die();
        _state = _durable;
        _sound = null;
    }

    public override void Recover()
    {
        if (!_durable.IsOver) Handle(Recovery.Of(_state, World.Now), 0, "");
    }

    protected override void Handle(ResourceCommand command, int life, string from)
    {
        if (command is JoinAnswered answered) command = answered with { HasSound = HasSound(answered.Op) };
        var decision = CallDecider.Decide(_state, command, World.Now, new CallSettings());
        if (decision.Refusal is not null) return;
        _state = decision.State!;
        foreach (var effect in decision.Effects.Where(effect => effect.IsReflex)) Perform(effect, life);
        var after = _state;
        Waiting.Enqueue(() =>
        {
            _durable = after;
            foreach (var entry in decision.Entries)
            {
                if (entry is BridgeBegan { Bridge: { IsFirst: true, Stage: BridgeStage.Connected } bridge }) _connected.Add(bridge.Op);
                if (entry is SeatTaken { Seat: { Stage: SeatStage.Entered } seat }) _entered.Add(seat.Op);
            }
            foreach (var happened in decision.Events) _told.Add(happened.Method);
            foreach (var effect in decision.Effects.Where(effect => !effect.IsReflex)) Perform(effect, life);
            if (_durable.WasReleased && Waiting.Count == 0) Go();
        });
    }

    private bool HasSound(string op) => _sound is { } mine && mine.Op == op && World.Find(_state.Bridge?.Peer ?? "") is { } peer && peer.Life == mine.OtherLife;

    private void Perform(ResourceEffect effect, int life)
    {
        switch (effect)
        {
            case AskJoin ask: World.Send(this, ask.Peer, new JoinAsked(ask.Op, Id) { IsConnected = ask.IsConnected }); break;
            case AnswerJoin answer: World.Send(this, answer.First, new JoinAnswered(answer.Op, Id, answer.Refusal)); break;
            case PartBridge part: World.Send(this, part.Peer, new BridgeParted(part.Op)); break;
            case AskFirst ask: World.Send(this, ask.First, new BridgeAsked(ask.Op, Id)); break;
            case AskEntry ask: World.Send(this, ask.Conference, ask.Asked); break;
            case LeaveConference leave: World.Send(this, leave.Conference, new MemberLeaves(leave.Op, Id)); break;
            // Sound is made with the peer as it is now; one that died since the answer left is asked again when that is heard of.
            case ConnectMedia connect: _sound = (_state.Bridge?.Op ?? "", connect.Number, World.Find(connect.Peer)?.Life ?? -1); break;
            case DisconnectMedia disconnect:
                _sound = null;
                Mailbox.Enqueue((new BridgeFinished(disconnect.Number, MediaEnd.Stopped, null), 0, ""));
                break;
        }
        _ = life;
    }

    public override void Check()
    {
        if (!IsGone)
        {
            _state.ShouldBe(_durable);
            if (_state.Bridge is { Stage: not BridgeStage.Ending } bridge)
            {
                bridge.Stage.ShouldBe(BridgeStage.Connected, $"{Id} waits for nobody");
                var peer = World.Find(bridge.Peer).ShouldBeOfType<CallPlace>($"{Id} is bridged with a call that is there").State.Bridge;
                peer.ShouldNotBeNull($"{Id} is not alone in bridge {bridge.Op}");
                (peer.Op, peer.Peer, peer.IsFirst).ShouldBe((bridge.Op, Id, !bridge.IsFirst));
                if (bridge.IsFirst) HasSound(bridge.Op).ShouldBeTrue($"{Id} and {bridge.Peer} hear each other");
            }
            if (_state.Seat is { } seat)
            {
                seat.Stage.ShouldBe(SeatStage.Entered, $"{Id} waits for nobody");
                var member = World.Find(seat.Conference)
                    .ShouldBeOfType<ConferencePlace>($"{Id} is in a conference that is there").State.Members.Single(member => member.Call == Id);
                member.Op.ShouldBe(seat.Op);
            }
        }
        _told.Count(method => method == "sys.call.on_connect_completed")
            .ShouldBe(_connected.Count - (!IsGone && _state.Bridge is { IsFirst: true } ? 1 : 0), $"every bridge that {Id} began completes once");
        _told.Count(method => method == "sys.call.on_conf_completed")
            .ShouldBe(_entered.Count - (!IsGone && _state.Seat is not null ? 1 : 0), $"every conference that {Id} entered completes once");
        _told.Count(method => method == "sys.call.on_released").ShouldBe(IsGone ? 1 : 0);
    }
}

/// <summary>A conference.</summary>
internal sealed class ConferencePlace : SagaWorld.Place
{
    private readonly List<string> _told = [];
    private readonly Dictionary<string, int> _mix = [];
    private ConferenceState _state;
    private ConferenceState _durable;

    public ConferencePlace(SagaWorld world, string id) : base(world, id)
    {
        ResourceId.TryParse(id, out var parsed).ShouldBeTrue();
        _state = _durable = new ConferenceDriver(make => make with { Id = parsed, PartsThreshold = -1 }).State;
    }

    public ConferenceState State => _state;

    public override IEnumerable<string> Situations => _durable.Members.IsEmpty ? [] : ["conference with members"];

    public override void Die()
    {
        base.Die();
        _state = _durable;
        _mix.Clear();
    }

    public override void Recover()
    {
        if (ConferenceDecider.Resume(_state, World.Now) is { } command) Handle(command, 0, "");
    }

    protected override void Handle(ResourceCommand command, int life, string from)
    {
        if (command is EnterAsked asked && (ConferenceDecider.WillEnter(_state, asked) || ConferenceDecider.IsIn(_state, asked))) _mix[asked.Call] = life;
        var decision = ConferenceDecider.Decide(_state, command, World.Now, new CallSettings());
        if (decision.Refusal is not null) return;
        _state = decision.State!;
        foreach (var leave in decision.Effects.OfType<LeaveMedia>()) _mix.Remove(leave.Call);
        var after = _state;
        Waiting.Enqueue(() =>
        {
            _durable = after;
            foreach (var happened in decision.Events) _told.Add(happened.Method);
            foreach (var effect in decision.Effects)
            {
                switch (effect)
                {
                    case AnswerEntry answer: World.Send(this, answer.Call, new EnterAnswered(answer.Op, Id, answer.Refusal)); break;
                    case PartMember part: World.Send(this, part.Call, new ConferenceParted(part.Op, part.Error, part.Message)); break;
                    case AskMember ask: World.Send(this, ask.Call, new SeatAsked(ask.Op, Id)); break;
                }
            }
            if (_durable.WasReleased && Waiting.Count == 0) Go();
        });
    }

    public override void Check()
    {
        _told.Count(method => method == "sys.conf.on_entered")
            .ShouldBe(_told.Count(method => method == "sys.conf.on_exited") + (IsGone ? 0 : _state.Members.Length));
        _told.Count(method => method == "sys.conf.on_released").ShouldBe(IsGone ? 1 : 0);
        if (IsGone) return;
        foreach (var member in _state.Members)
        {
            var call = World.Find(member.Call).ShouldBeOfType<CallPlace>($"{Id} has members that are there");
            call.State.Seat.ShouldNotBeNull($"{member.Call} knows that it is in {Id}").Op.ShouldBe(member.Op);
            _mix.ShouldContainKey(member.Call, $"{Id} hears {member.Call}");
            _mix[member.Call].ShouldBe(call.Life, $"{Id} hears {member.Call} where it is now");
        }
    }
}

/// <summary>What a recovery begins with.</summary>
internal static class Recovery
{
    public static ResourceCommand Of(CallState call, long lostAtMillis) =>
        CallDecider.GoesOn(call) ? new TakenOver(lostAtMillis, Some.LocalSdp, "<sip:new@192.0.2.2>") : CallDecider.Resume(call)!;
}
