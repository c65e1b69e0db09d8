using System.Collections.Immutable;
using System.Text.Json.Serialization;
using Cti.Calls.Resources;
using Cti.Kernel;

namespace Cti.Calls.Call.Sagas;

/// <summary>
/// A call's way into a conference (<c>conf_enter</c>, <c>conf_exit</c>), the call's side; the conference's is <see cref="Cti.Calls.Conference.Membership"/>. It
/// spans two resources, so it is a saga: the call asks, the conference journals that it entered and says so, the call journals that and only then answers the
/// application. What the call was doing (ringing, dialling a child) goes on beneath.
/// <code>
///   call         Ring, Idle, Play, Dial ──conf_enter──► Requested ──let in──► Entered ──conf_exit, limit, put out──► the state beneath
///                                                           └──refused──► as it was, a play that runs goes on
///   conference   Initiated, Active ──asked──► a member more ──left, put out──► a member less
///
///   call ──EnterAsked──► conference ──EnterAnswered──► call        call ──MemberLeaves──► conference        conference ──ConferenceParted──► call
///   either has a new owner: call ──EnterAsked──► conference, conference ──SeatAsked──► call ──EnterAsked or MemberLeaves──► conference
/// </code>
/// </summary>
internal static class Entering
{
    public static CallDecision Begin(CallDraft decision, EnterConference enter)
    {
        var call = decision.State;
        if (call.Bridge is not null)
        {
            // A conference takes the call out of the bridge's sound, so the other party would be left with nobody.
            return Refusals.WrongState(call, enter).Saying("sys.call.conf_enter: the call is still bridged beneath the dialling; connect_stop ends that first");
        }
        var seat = new ConferenceSeat
        {
            Op = enter.Op, Conference = enter.Conference, Stage = SeatStage.Requested, BeginMillis = decision.Now, MaxSeconds = enter.MaxSeconds,
            VoiceMode = enter.VoiceMode, Volume = enter.Volume, EntrySound = enter.EntrySound.IsEmpty ? null : enter.EntrySound,
        };
        // Further requests find the call in Conf from here on; this one is answered when the conference has.
        return decision.Add(new SeatTaken(seat)).Do(Ask(call, seat)).Build();
    }

    public static CallDecision? EntryIsAnswered(CallDraft decision, EnterAnswered answered)
    {
        var seat = decision.State.Seat!;
        if (seat.Op != answered.Op) return null;
        if (seat.Stage == SeatStage.Entered)
        {
            // Asked again after one of the two has moved. A conference that does not know this call is gone, or has put it out.
            return answered.Refusal is null ? decision.Build() : LeaveSeat(decision, seat, new ActionEnding(), tellConference: false).Build();
        }
        // A play that runs goes on until here, so that a refusal leaves it as it was.
        if (answered.Refusal is { } refusal) return decision.Add(new SeatLeft()).Do(new ReplyRefused(refusal)).Build();
        if (decision.State.Action is PlayAction play)
        {
            decision.Do(new StopMediaPlay(play.Number));
            Actions.End(decision, play, new ActionEnding(ErrorCodes.Terminated, "the call entered a conference"));
        }
        return decision.Add(new SeatTaken(seat with { Stage = SeatStage.Entered, BeginMillis = decision.Now })).ReplyNull().Build();
    }

    public static CallDecision Exit(CallDraft decision, ExitConference exit)
    {
        var seat = decision.State.Seat!;
        if (seat.Conference != exit.Conference)
            return Refusals.WrongState(decision.State, exit)
                .Saying($"sys.call.conf_exit: the call is in conference {seat.Conference}, not in {exit.Conference}");
        if (seat.Stage != SeatStage.Entered)
            return Refusals.WrongState(decision.State, exit)
                .Saying("sys.call.conf_exit: the conference has not let the call in yet; conf_enter is answered when it has");
        return LeaveSeat(decision.ReplyNull(), seat, new ActionEnding()).Build();
    }

    public static CallDecision? ConferenceHasParted(CallDraft decision, ConferenceParted parted) => decision.State.Seat is { } seat && seat.Op == parted.Op
        ? LeaveSeat(decision, seat, new ActionEnding(parted.Error, parted.Message), tellConference: false).Build()
        : null;

    /// <summary>Gives up the seat and reports it, or refuses the request that still waits for it. The call is back in the state beneath.</summary>
    public static CallDraft LeaveSeat(CallDraft decision, ConferenceSeat seat, ActionEnding ending, bool tellConference = true)
    {
        decision.Add(new SeatLeft());
        if (tellConference) decision.Do(new LeaveConference(seat.Conference, seat.Op));
        if (seat.Stage == SeatStage.Requested)
            return decision.Do(new ReplyRefused(RpcError.NoSuchResource(tellConference ? decision.State.Id.ToString() : seat.Conference)));
        return decision.Emit("sys.call.on_conf_completed", CallEvents.ConferenceCompleted(decision.State, seat, ending, decision.Now));
    }

    /// <summary>The call has given up meanwhile: who let it in has to know.</summary>
    public static CallDecision LeaveUnknown(CallDraft decision, EnterAnswered answered) =>
        answered.Refusal is null ? Leave(decision, answered.Conference, answered.Op) : decision.Build();

    public static CallDecision Leave(CallDraft decision, string conference, string op) => decision.Do(new LeaveConference(conference, op)).Build();

    // ---- when one of the two has a new owner ----

    /// <summary>One that was not begun is given up: the application's request was lost with the node and is asked anew.</summary>
    public static void GiveUpUnanswered(CallDraft decision)
    {
        if (decision.State.Seat is { Stage: SeatStage.Requested } seat) decision.Add(new SeatLeft()).Do(new LeaveConference(seat.Conference, seat.Op));
    }

    public static void AskAfterTakeover(CallDraft decision)
    {
        if (decision.State.Seat is { Stage: SeatStage.Entered } entered) decision.Do(Ask(decision.State, entered));
    }

    public static void ConferenceHasMoved(CallDraft decision, PeerMoved moved)
    {
        if (decision.State.Seat is { } seat && moved.Concerns(seat.Conference)) decision.Do(Ask(decision.State, seat));
    }

    public static CallDecision? ConferenceAsks(CallDraft decision, SeatAsked asked) =>
        decision.State.Seat is { } seat && seat.Op == asked.Op ? decision.Do(Ask(decision.State, seat)).Build() : null;

    private static AskEntry Ask(CallState call, ConferenceSeat seat) => new(seat.Conference, new EnterAsked
    {
        Op = seat.Op, Call = call.Id.ToString(), VoiceMode = seat.VoiceMode == 0 ? 1 : seat.VoiceMode, Volume = seat.Volume, UserData = call.UserData,
        EntrySound = seat.EntrySound ?? [], IsEntered = seat.Stage == SeatStage.Entered,
    });
}

// ---- what the call journals ----

/// <summary>How far a call's way into a conference is.</summary>
public enum SeatStage
{
    /// <summary>The conference was asked; the application's request waits for its answer.</summary>
    Requested,
    /// <summary>It is in.</summary>
    Entered,
}

/// <summary>A call's seat in a conference, as the call journals it (<see cref="Entering"/>).</summary>
public sealed record ConferenceSeat
{
    /// <summary>Names the saga: messages about another one are ignored.</summary>
    public required string Op { get; init; }
    /// <summary>The conference's resource id.</summary>
    public required string Conference { get; init; }
    /// <summary>How far it is.</summary>
    public required SeatStage Stage { get; init; }
    /// <summary>When it began.</summary>
    public required long BeginMillis { get; init; }
    /// <summary>It leaves by itself after that many seconds.</summary>
    public required int MaxSeconds { get; init; }
    /// <summary>1 talk and hear, 2 hear, 3 talk, 4 neither: as asked for; later changes are the conference's.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public int VoiceMode { get; init; }
    /// <summary>Gain of its sound in dB; null: unchanged.</summary>
    public int? Volume { get; init; }
    /// <summary>Files that are played to the conference on entry; null for none.</summary>
    public ImmutableArray<string>? EntrySound { get; init; }
}

// ---- what they say to each other ----

/// <summary>A call asks to enter.</summary>
public sealed record EnterAsked : CrossingCommand
{
    /// <summary>Names the saga.</summary>
    public required string Op { get; init; }
    /// <summary>The call.</summary>
    public required string Call { get; init; }
    /// <summary>1 talk and hear, 2 hear, 3 talk, 4 neither.</summary>
    public int VoiceMode { get; init; } = 1;
    /// <summary>Gain of its sound in dB; null: unchanged.</summary>
    public int? Volume { get; init; }
    /// <summary>The call's own data.</summary>
    public string? UserData { get; init; }
    /// <summary>Files that are played to the conference on entry, in order.</summary>
    public ImmutableArray<string> EntrySound { get; init; } = [];
    /// <summary>Whether the call is in already, and one of the two has a new owner: a conference that does not know it has put it out.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool IsEntered { get; init; }
    /// <summary>Where the call's node takes the conference's sound; null where both are on one node.</summary>
    public LinkSound? Link { get; init; }
    /// <summary>Set where the media side has no room for another member.</summary>
    [JsonIgnore]
    public bool NoRoom { get; init; }
}

/// <summary>A call has left, or gives up entering; of a saga that the conference does not know it means nothing.</summary>
public sealed record MemberLeaves(string Op, string Call) : CrossingCommand;

/// <summary>To a call: the conference's answer to <see cref="EnterAsked"/>.</summary>
/// <param name="Op">The saga.</param>
/// <param name="Conference">The conference.</param>
/// <param name="Refusal">Why not; null when it is in.</param>
public sealed record EnterAnswered(string Op, string Conference, RpcError? Refusal) : CrossingCommand
{
    /// <summary>Where the conference's node takes the call's sound; null where both are on one node.</summary>
    public LinkSound? Link { get; init; }

    /// <inheritdoc/>
    [JsonIgnore]
    public override bool AnswersHeld => Refusal is null;
}

/// <summary>To a call: it is out of the conference, which knows.</summary>
/// <param name="Op">The saga.</param>
/// <param name="Error">The completion's error; null when the conference was released in the ordinary way.</param>
/// <param name="Message">Its message.</param>
public sealed record ConferenceParted(string Op, int? Error, string? Message) : CrossingCommand;

/// <summary>To a call: the conference asks whether it is still in, because one of the two has a new owner.</summary>
/// <param name="Op">The saga.</param>
/// <param name="Conference">The conference.</param>
public sealed record SeatAsked(string Op, string Conference) : CrossingCommand;
