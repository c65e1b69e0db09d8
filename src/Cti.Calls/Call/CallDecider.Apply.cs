using System.Collections.Immutable;
using Cti.Kernel;

namespace Cti.Calls.Call;

public static partial class CallDecider
{
    /// <summary>Folds one fact into the state. Total and without side effects: live handling, recovery and simulation run it alike.</summary>
    /// <exception cref="InvalidOperationException">The journal is broken: an entry other than a creating one for a call that does not exist.</exception>
    public static CallState Apply(CallState? state, CallEntry entry)
    {
        var next = entry switch
        {
            Constructed made => Create(made),
            Offered offered => Create(offered),
            _ when state is null => throw new InvalidOperationException($"the journal begins with {entry.GetType().Name}"),
            RingingBegan => state with { RingMillis = entry.AtMillis },
            DialAnswered up => state with { Dialog = up.Dialog, Audio = up.Audio, AnswerMillis = entry.AtMillis, Parent = null, AnsweredCSeq = up.Dialog.LocalCSeq, Agreement = up.Agreement },
            AnswerRequested answer => state with
            {
                MaxAnswerSeconds = answer.MaxAnswerSeconds, AnswerRequestedMillis = entry.AtMillis, Dialog = state.Dialog?.Confirm(),
            },
            AnswerConfirmed ack => state with { Audio = ack.Audio ?? state.Audio, AnswerMillis = entry.AtMillis, TheirInvite = null },
            UserDataSet data => state with { UserData = data.UserData },
            Touched => state with { IdleSinceMillis = entry.AtMillis },
            ActionStarted started => state with { Action = started.Action, ActionCount = started.Action.Number },
            ActionChanged changed => state with
            {
                Action = changed.Action, ActionCount = Math.Max(state.ActionCount, changed.Action.Number), KnownKeys = Know(state, changed.Press),
            },
            ActionEnded ended => state with { Action = null, KnownKeys = Know(state, ended.Press) },
            BridgeBegan began => state with { Bridge = began.Bridge, ActionCount = Math.Max(state.ActionCount, began.Bridge.Number) },
            BridgeEnded => state with { Bridge = null },
            SideRecordBegan began => state with { SideRecord = began.Recording, ActionCount = Math.Max(state.ActionCount, began.Recording.Number) },
            SideRecordEnded => state with { SideRecord = null },
            SeatTaken taken => state with { Seat = taken.Seat },
            SeatLeft => state with { Seat = null },
            EarlyMediaBegan early => state with { Audio = early.Audio },
            ParentMoved moved => state with
            {
                Parent = state.Parent is { } parent ? parent with { Stage = moved.Stage } : null,
                InviteMillis = moved.Stage == ParentStage.Calling ? entry.AtMillis : state.InviteMillis,
            },
            DiallingMoved moved => state with { Dialling = moved.Dialling, ActionCount = Math.Max(state.ActionCount, moved.Dialling.Number) },
            DiallingEnded => state with { Dialling = null },
            DialogUpdated updated => state with { Dialog = updated.Dialog, Audio = updated.Audio, LocalSdp = updated.LocalSdp },
            InviteMoved moved => state with { Invite = moved.Invite },
            Recovered taken => state with
            {
                Dialog = taken.Dialog, LocalSdp = taken.LocalSdp, InterruptedMillis = state.IsOffered ? null : Math.Min(taken.LostAtMillis, state.InterruptedMillis ?? long.MaxValue),
            },
            Resumed => state with { InterruptedMillis = null },
            CallReleased released => state with
            {
                WasReleased = true, Action = null, SideRecord = null, Dialling = null, Parent = null, Closing = released.Closing, ClosingCause = released.Cause,
                ClosingContact = released.Contact, InterruptedMillis = null,
                Dialog = released.Dialog ?? state.Dialog,
            },
            Settled => state with { Closing = SipClosing.None },
            OwnerTold told => state with { Notices = state.Notices.Add(told.Notice), NoticeCount = told.Notice.Number },
            OwnerHeard => state with { Notices = [] },
            OwnerAsked asked => state with { OwnerAsks = state.OwnerAsks.Contains(asked.What) ? state.OwnerAsks : state.OwnerAsks.Add(asked.What) },
            _ => throw new InvalidOperationException($"unknown entry {entry.GetType().Name}"),
        };
        if (next.Phase == CallPhase.Idle && state?.Phase != CallPhase.Idle) next = next with { IdleSinceMillis = entry.AtMillis };
        return next with { LastMillis = entry.AtMillis, EventCount = next.EventCount + entry.Events };
    }

    private static ImmutableArray<KeyPress> Know(CallState state, KeyPress? press)
    {
        if (press is not { } counted) return state.KnownKeys;
        var known = state.KnownKeys.Length < Limits.KnownKeysMax ? state.KnownKeys : state.KnownKeys.RemoveAt(0);
        return known.Add(counted);
    }

    private static CallState Create(Constructed made) => new()
    {
        Id = ParseId(made.Id),
        Application = made.Application,
        Owner = made.Owner,
        Direction = CallDirection.Outbound,
        FromUri = made.FromUri,
        ToUri = made.ToUri,
        SipCallId = made.SipCallId,
        Trunk = made.Trunk,
        Permit = made.Permit,
        UserData = made.UserData,
        BeginMillis = made.AtMillis,
        MaxAnswerSeconds = made.MaxAnswerSeconds,
        MaxRingSeconds = made.MaxRingSeconds,
        LocalSdp = made.LocalSdp,
        LocalTag = made.LocalTag,
        Parent = made.Parent,
        Invite = made.Invite,
    };

    private static CallState Create(Offered offered) => new()
    {
        Id = ParseId(offered.Id),
        Application = offered.Application,
        Direction = CallDirection.Inbound,
        FromUri = offered.FromUri,
        ToUri = offered.ToUri,
        SipCallId = offered.Dialog.CallId,
        Trunk = offered.Trunk,
        BeginMillis = offered.AtMillis,
        Dialog = offered.Dialog,
        Audio = offered.Audio,
        LocalSdp = offered.LocalSdp,
        LocalTag = offered.Dialog.LocalTag,
        TheirInvite = offered.Invite,
    };

    private static ResourceId ParseId(string text) =>
        ResourceId.TryParse(text, out var id) ? id : throw new InvalidOperationException($"the journal names a resource {text}");
}
