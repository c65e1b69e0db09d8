using Cti.Calls.Call.Sagas;
using Cti.Calls.Resources;
using Cti.Contract;

namespace Cti.Calls.Call;

/// <summary>
/// The functional core of a call: pure functions of state, command and time. <see cref="Decide"/> answers with facts and what follows from them,
/// <see cref="Apply"/> folds facts into the state, <see cref="Resume"/> derives what is still owed after a recovery. What is decided stands with the
/// states (<see cref="CallBehaviour"/> has the picture), and with what spans two resources (<see cref="Bridging"/>, <see cref="Dialling"/>,
/// <see cref="Entering"/>).
/// </summary>
public static class CallDecider
{
    /// <summary>Decides on one command. <paramref name="state"/> is null for the creating ones only.</summary>
    /// <param name="state">The call.</param>
    /// <param name="command">What came.</param>
    /// <param name="now">Unix milliseconds.</param>
    /// <param name="settings">The configured limits.</param>
    public static CallDecision Decide(CallState? state, ResourceCommand command, long now, CallSettings settings)
    {
        if (command is ConstructCall or OfferCall && state is not null) throw new InvalidOperationException($"{command.GetType().Name} for a call that exists");
        return command switch
        {
            ConstructCall make => Construct(new CallDraft(null, now, settings, Apply), make),
            OfferCall offer => Offer(new CallDraft(null, now, settings, Apply), offer),
            _ when state is null => throw new InvalidOperationException($"{command.GetType().Name} for a call that does not exist"),
            _ => CallStates.Of(state.Phase).Decide(state, command, now, settings),
        };
    }

    /// <summary>
    /// When the call next needs <see cref="TimeReached"/>, in Unix milliseconds, or null. Deadlines are functions of the state, so a recovery cannot forget
    /// one.
    /// </summary>
    public static long? NextDeadline(CallState call, CallSettings settings)
    {
        if (call.Phase == CallPhase.Released) return null;
        var next = CallStates.Of(call.Phase).NextDeadline(call, settings);
        return EveryState.Deadline(call) is { } limit && !(next <= limit) ? limit : next;
    }

    /// <summary>Folds one fact into the state. Total and without side effects: live handling, recovery and simulation run it alike.</summary>
    /// <exception cref="InvalidOperationException">The journal is broken: an entry other than a creating one for a call that does not exist.</exception>
    public static CallState Apply(CallState? state, CallEntry entry)
    {
        var next = entry.ApplyTo(state);
        if (next.Phase == CallPhase.Idle && state?.Phase != CallPhase.Idle) next = next with { IdleSinceMillis = entry.AtMillis };
        return next with { LastMillis = entry.AtMillis, EventCount = next.EventCount + entry.Events };
    }

    /// <summary>Whether a call goes on after its node is gone: then the new owner opens a media session and gives it <see cref="TakenOver"/>.</summary>
    public static bool GoesOn(CallState call) => Takeover.GoesOn(call);

    /// <summary>What a recovery gives to a call that does not go on: to one that the journal shows alive, or released with something still owed.</summary>
    public static ResourceCommand? Resume(CallState state) => state.IsOver ? null : new NodeLost();

    /// <summary>The SIP effect that a released call still owes after a recovery.</summary>
    public static ResourceEffect? Owed(CallState state) => Ending.Owed(state);

    private static CallDecision Construct(CallDraft decision, ConstructCall make)
    {
        decision.Add(new Constructed(make.Id.ToString(), make.Application, make.FromUri, make.ToUri, make.SipCallId, make.Trunk, make.Permit,
            make.MaxAnswerSeconds, make.MaxRingSeconds, make.UserData, make.LocalSdp, make.LocalTag,
            make.Parent is { } resource ? new RingBackParent(resource, ParentStage.Asked, make.RingBack) : null, make.Owner, make.Invite));
        // With a parent nothing is sent, and the application not answered, before it has agreed.
        if (make.Parent is { } parent) return decision.Do(new AskParent(parent, make.RingBack)).Build();
        return decision.Do(new SendInvite()).Reply(CallEvents.ConstructResult(decision.State)).Build();
    }

    private static CallDecision Offer(CallDraft decision, OfferCall offer)
    {
        decision.Add(new Offered(offer.Id.ToString(), offer.Application, offer.FromUri, offer.ToUri, offer.Trunk, offer.Dialog, offer.LocalSdp,
            offer.Audio, offer.Invite, offer.Replaces));
        decision.Do(new SendRinging());
        return offer.Replaces is null
            ? decision.Emit("sys.call.on_incoming", CallEvents.Incoming(decision.State, offer.Headers)).Build()
            : decision.Emit("sys.call.on_replace", ReferEvents.Replaces(decision.State, offer.ReferredBy, offer.Headers)).Build();
    }
}
