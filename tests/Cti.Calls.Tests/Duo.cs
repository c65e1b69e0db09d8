using Cti.Calls.Call;
using Cti.Calls.Call.Sagas;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Kernel;

namespace Cti.Calls.Tests;

/// <summary>A parent and its child as their actors would run them: what one tells the other is delivered at once, what the parent hears is followed.</summary>
internal sealed class Duo
{
    public const string ChildId = "0.0.7-sys.call-106";

    private long _heardNumber;

    public Duo(CallPhase parent = CallPhase.Idle, string? file = null, int mode = 0)
    {
        Parent = Some.In(parent);
        RingBack = new RingBackSpec(file, mode);
    }

    public CallDriver Parent { get; }

    public CallDriver Child { get; } = new();

    public RingBackSpec RingBack { get; }

    /// <summary>What the parent hears: <c>file</c>, <c>loop</c>, <c>tone</c>, <c>line</c>; null for nothing of it.</summary>
    public string? Heard { get; private set; }

    /// <summary>Every sound that began, in order.</summary>
    public List<string> Sounds { get; } = [];

    /// <summary>How often our INVITE was sent.</summary>
    public int Invites { get; private set; }

    /// <summary>The application's answer to <c>construct</c>.</summary>
    public bool? Accepted { get; private set; }

    public RpcError? Refusal { get; private set; }

    /// <summary>Messages to the other that are not delivered yet, while <see cref="Holds"/>.</summary>
    public Queue<(CallDriver To, ResourceCommand Command)> Underway { get; } = new();

    public bool Holds { get; set; }

    public Duo Begin()
    {
        Give(Child, Some.Construct with { Id = Id(ChildId), Parent = Some.Id, RingBack = RingBack });
        return this;
    }

    public CallDecision ToChild(ResourceCommand command) => Give(Child, command);

    public CallDecision ToParent(ResourceCommand command) => Give(Parent, command);

    public Duo After(long millis)
    {
        Parent.Now += millis;
        Child.Now += millis;
        return this;
    }

    /// <summary>The parent's present file comes to an end, or cannot be played.</summary>
    public void EndSound(MediaEnd end = MediaEnd.Completed) => ToParent(new PlayFinished(_heardNumber, end, "detail"));

    public void Deliver()
    {
        Holds = false;
        while (Underway.TryDequeue(out var next)) Carry(next.To, next.To.Do(next.Command));
    }

    private CallDecision Give(CallDriver to, ResourceCommand command)
    {
        var decision = Carry(to, to.Do(command));
        if (!Holds) Deliver();
        return decision;
    }

    private CallDecision Carry(CallDriver from, CallDecision decision)
    {
        // Reflexes first, as actors do.
        foreach (var effect in decision.Effects.OrderBy(effect => effect.IsReflex ? 0 : 1)) Carry(from, effect);
        return decision;
    }

    private void Carry(CallDriver from, ResourceEffect effect)
    {
        switch (effect)
        {
            case AskParent ask: Send(Parent, new ChildAsks(ChildId, ask.RingBack)); break;
            case AnswerChild answer when answer.Child == ChildId: Send(Child, new ParentAnswers(Some.Id, answer.Refusal, answer.MayDial)); break;
            case ReleaseChild release when release.Child == ChildId: Send(Child, new ParentReleases(Some.Id)); break;
            case TellRinging rings: Send(Parent, new ChildRings(ChildId, rings.HasEarlyMedia)); break;
            case TellDone: Send(Parent, new ChildDone(ChildId)); break;
            case SendInvite when from == Child: Invites++; break;
            case ReplyResult when from == Child && Accepted is null: Accepted = true; break;
            case ReplyRefused refused when from == Child: (Accepted, Refusal) = (false, refused.Refusal); break;
            case StartRingBack start:
                Heard.ShouldBeNull("one sound at a time");
                start.Number.ShouldBeGreaterThan(_heardNumber, "the media side never sees a number twice");
                _heardNumber = start.Number;
                Heard = start.Sound switch
                {
                    RingBackFile { Loops: true } => "loop",
                    RingBackFile => "file",
                    RingBackTone => "tone",
                    RingBackLine { Child: ChildId } => "line",
                    _ => throw new InvalidOperationException($"unknown sound {start.Sound}"),
                };
                Sounds.Add(Heard);
                break;
            case StopRingBack stop:
                stop.Number.ShouldBe(_heardNumber);
                stop.IsLine.ShouldBe(Heard == "line");
                Heard = null;
                break;
            case CloseMedia when from == Parent: Heard = null; break;
        }
    }

    /// <summary>A message never interrupts what its sender is doing: it arrives afterwards.</summary>
    private void Send(CallDriver to, ResourceCommand command) => Underway.Enqueue((to, command));

    public static ResourceId Id(string text) => ResourceId.TryParse(text, out var id) ? id : throw new FormatException(text);
}
