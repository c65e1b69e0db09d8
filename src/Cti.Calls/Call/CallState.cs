using System.Collections.Immutable;
using System.Text.Json.Serialization;
using Cti.Calls.Call.Sagas;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Kernel;
using Cti.Sip.Auth;
using Cti.Sip.Dialog;
using Cti.Sip.Sdp;

namespace Cti.Calls.Call;

/// <summary>What a released call still owes its far end; derived effects are resent after a recovery until it is settled.</summary>
public enum SipClosing
{
    /// <summary>Nothing: the far end hung up, or has confirmed.</summary>
    None,
    /// <summary>Our BYE, until it is answered.</summary>
    Bye,
    /// <summary>Our CANCEL, until the INVITE has its final response.</summary>
    Cancel,
    /// <summary>Our final refusal, until its ACK.</summary>
    Refusal,
}

/// <summary>
/// A call as its journal tells it: <see cref="CallDecider.Apply"/> folds entries into it, <see cref="CallDecider.Decide"/> reads it.
/// Times are Unix milliseconds.
/// </summary>
public sealed record CallState : ResourceState
{
    /// <summary>Who called whom.</summary>
    public required CallDirection Direction { get; init; }
    /// <summary>The caller's SIP URI, "" when the line decides.</summary>
    public required string FromUri { get; init; }
    /// <summary>The called SIP URI, as used.</summary>
    public required string ToUri { get; init; }
    /// <summary>The SIP Call-ID.</summary>
    public required string SipCallId { get; init; }
    /// <summary>The tag on our side of the dialog.</summary>
    public required string LocalTag { get; init; }
    /// <summary>The trunk it goes over, null for a source that is none.</summary>
    public string? Trunk { get; init; }
    /// <summary>The trunk's permit that it holds.</summary>
    public string? Permit { get; init; }
    /// <summary>When it first rang.</summary>
    public long? RingMillis { get; init; }
    /// <summary>The tag of the far end that rang first: with it an early dialog can be named; null for none.</summary>
    public string? RingingTag { get; init; }
    /// <summary>When it was answered.</summary>
    public long? AnswerMillis { get; init; }
    /// <summary>When the application asked to answer it.</summary>
    public long? AnswerRequestedMillis { get; init; }
    /// <summary>When it became idle last.</summary>
    public long IdleSinceMillis { get; init; }
    /// <summary>The limit on the answered time, 1..604800 s; 0 before it is known.</summary>
    public int MaxAnswerSeconds { get; init; }
    /// <summary>The limit on ringing in seconds.</summary>
    public int MaxRingSeconds { get; init; }
    /// <summary>Media actions started so far: the last one's number.</summary>
    public long ActionCount { get; init; }
    /// <summary>The dialog with the far end.</summary>
    public DialogState? Dialog { get; init; }
    /// <summary>What offer and answer agreed on.</summary>
    public NegotiatedAudio? Audio { get; init; }
    /// <summary>The SDP we sent last.</summary>
    public string? LocalSdp { get; init; }
    /// <summary>The action that runs.</summary>
    public CallAction? Action { get; init; }
    /// <summary>
    /// The last keys that had an effect, so that none of them has it twice: another node may hear the rest of one, or be sent it more than once.
    /// </summary>
    public ImmutableArray<KeyPress> KnownKeys { get; init; } = [];
    /// <summary>The recording that runs beside everything else.</summary>
    public SideRecording? SideRecord { get; init; }
    /// <summary>The bridge that it is in.</summary>
    public Bridge? Bridge { get; init; }
    /// <summary>The conference that it is in, or enters.</summary>
    public ConferenceSeat? Seat { get; init; }
    /// <summary>The child call that is being dialled on it.</summary>
    public ChildDialling? Dialling { get; init; }
    /// <summary>The call or conference that hears the ring-back while this one is dialled.</summary>
    public RingBackParent? Parent { get; init; }
    /// <summary>When its INVITE was intended, where that waited for a parent.</summary>
    public long? InviteMillis { get; init; }
    /// <summary>Our INVITE as it went out last; null for an inbound call.</summary>
    public OutboundInvite? Invite { get; init; }
    /// <summary>Their INVITE while it may still have to be answered: a <see cref="StoredInvite"/>; null for an outbound call.</summary>
    public string? TheirInvite { get; init; }
    /// <summary>The number of our INVITE that was answered.</summary>
    public uint? AnsweredCSeq { get; init; }
    /// <summary>What was agreed with its trunk by a challenge to our INVITE.</summary>
    public DigestAgreement? Agreement { get; init; }
    /// <summary>The session timer as it was last agreed on; null for none.</summary>
    public SessionTimer? Timer { get; init; }
    /// <summary>When the sound broke off with a node that is gone; null once the far end sends to where we are now.</summary>
    public long? InterruptedMillis { get; init; }
    /// <summary>What is still owed to the far end of a released call.</summary>
    public SipClosing Closing { get; init; }
    /// <summary>The SIP status that <see cref="Closing"/> conveys.</summary>
    public int ClosingCause { get; init; }
    /// <summary>The Contact of a 302 that is still owed.</summary>
    public string? ClosingContact { get; init; }
    /// <summary>What the application added to what is owed: <see cref="CarriedHeaders"/>.</summary>
    public string? ClosingHeaders { get; init; }
    /// <summary>What the application added to its answer: <see cref="CarriedHeaders"/>.</summary>
    public string? AnswerHeaders { get; init; }

    /// <summary>The REFER of ours that its far end has not done with.</summary>
    public Referral? Referral { get; init; }
    /// <summary>The REFER of its far end's that we have not done with.</summary>
    public ReferOfTheirs? Referred { get; init; }
    /// <summary>The call whose place it came to take.</summary>
    public string? Replaces { get; init; }

    /// <summary>What its owner was told and has not confirmed, in order; told again after a recovery.</summary>
    public ImmutableArray<OwnerNotice> Notices { get; init; } = [];
    /// <summary>How often its owner was told something: the last notice's number.</summary>
    public int NoticeCount { get; init; }
    /// <summary>What its owner asked for once, and has got.</summary>
    public ImmutableArray<string> OwnerAsks { get; init; } = [];

    /// <summary>Whether it is over for the application, whatever its far end is still owed.</summary>
    public bool WasReleased { get; init; }

    /// <summary>
    /// The documented state. It follows from the facts, the uppermost first: so a call returns by itself to the state that it came from.
    /// </summary>
    public CallPhase Phase => WasReleased ? CallPhase.Released : Seat is not null ? CallPhase.Conf : PhaseBeneathSeat;

    /// <summary>The state that it would be in without its seat in a conference.</summary>
    internal CallPhase PhaseBeneathSeat => Dialling is not null ? CallPhase.Dial : PhaseBeneathDialling;

    /// <summary>The state that it would be in without the dialling of a child.</summary>
    internal CallPhase PhaseBeneathDialling => Bridge is not null ? CallPhase.Connect : PhaseBeneathBridge;

    /// <summary>The state that it would be in without its bridge.</summary>
    internal CallPhase PhaseBeneathBridge => Action switch
    {
        PlayAction => CallPhase.Play,
        RecordAction => CallPhase.Record,
        SendKeysAction => CallPhase.SendDtmf,
        ReceiveKeysAction => CallPhase.ReceiveDtmf,
        _ => PhaseBeneathAction,
    };

    /// <summary>The state that it would be in without an action.</summary>
    internal CallPhase PhaseBeneathAction =>
        AnswerMillis is not null ? CallPhase.Idle
        : Direction == CallDirection.Outbound ? RingMillis is null ? CallPhase.Initiated : CallPhase.Ring
        : AnswerRequestedMillis is null ? CallPhase.Initiated : CallPhase.Answer;

    /// <inheritdoc/>
    public override bool IsReleased => WasReleased;

    /// <inheritdoc/>
    public override bool IsOver => WasReleased && Closing == SipClosing.None && Notices.IsEmpty;

    /// <summary>Whether the call was answered and is not released.</summary>
    public bool IsUp => AnswerMillis is not null && !WasReleased;

    /// <summary>Whether a parent is asked, or hears a file, before the INVITE goes out.</summary>
    public bool IsAwaitingParent => Parent is { Stage: not ParentStage.Calling };

    /// <summary>Whether the far end sends sound before it answers.</summary>
    public bool HasEarlyMedia => IsDialling && Audio is not null;

    /// <inheritdoc/>
    public override ImmutableArray<ResourceTie> Ties
    {
        get
        {
            if (Bridge is null && Seat is null && Dialling is null) return [];
            var ties = ImmutableArray.CreateBuilder<ResourceTie>(3);
            if (Bridge is { Stage: not BridgeStage.Ending } bridge)
                ties.Add(new ResourceTie(bridge.Peer, bridge.Stage == BridgeStage.Connected ? bridge.Op : null));
            if (Seat is { } seat) ties.Add(new ResourceTie(seat.Conference, seat.Stage == SeatStage.Entered ? seat.Op : null));
            // A child names its parent.
            if (Dialling is { } dialling) ties.Add(new ResourceTie(dialling.Child, Id.ToString()));
            return ties.DrainToImmutable();
        }
    }

    /// <inheritdoc/>
    public override bool Holds(string op) => Bridge?.Op == op || Seat?.Op == op || Parent?.Resource == op;

    /// <inheritdoc/>
    public override IEnumerable<string> RecordPaths =>
        ((string?[])[(Action as RecordAction)?.FullPath, SideRecord?.FullPath, Bridge?.Spec?.RecordPath]).OfType<string>();

    /// <inheritdoc/>
    public override bool IsSharedWith(PeerMoved moved) =>
        (Bridge is { } bridge && moved.Concerns(bridge.Peer)) || (Seat is { } seat && moved.Concerns(seat.Conference))
            || (Referral is { Stage: ReferStage.Asking, Other: { } asked } && moved.Concerns(asked))
            || (Referred is { Stage: ReferredStage.Looking, Other: { } named } && moved.Concerns(named));

    /// <inheritdoc/>
    public override bool IsVisibleTo(string application) => base.IsVisibleTo(application) && Parent is not { Stage: ParentStage.Asked };

    /// <summary>Whether our INVITE has no final response yet, or waits for a parent.</summary>
    public bool IsDialling => Direction == CallDirection.Outbound && AnswerMillis is null && !WasReleased;

    /// <summary>Whether that call or conference has to know that this one is being dialled; an answered child has done with its parent.</summary>
    public bool IsDialledFor(string parent) => IsDialling && Parent?.Resource == parent;

    /// <summary>Whether a caller waits for the application to answer, reject or redirect.</summary>
    public bool IsOffered => Direction == CallDirection.Inbound && AnswerRequestedMillis is null && !WasReleased;

    /// <summary>The known keys with one more; the oldest gives way.</summary>
    internal ImmutableArray<KeyPress> Know(KeyPress? press)
    {
        if (press is not { } counted) return KnownKeys;
        var known = KnownKeys.Length < Limits.KnownKeysMax ? KnownKeys : KnownKeys.RemoveAt(0);
        return known.Add(counted);
    }

    /// <inheritdoc/>
    public override string StateName(ApiGeneration generation) =>
        Generations.NameOf(Phase, generation);

    /// <inheritdoc/>
    public override ReadOnlyMemory<byte> Describe(ApiGeneration generation) => CallQueries.Get(this, generation);
}

/// <summary>An action that runs on a call.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "a")]
[JsonDerivedType(typeof(PlayAction), "play")]
[JsonDerivedType(typeof(RecordAction), "record")]
[JsonDerivedType(typeof(SendKeysAction), "send")]
[JsonDerivedType(typeof(ReceiveKeysAction), "receive")]
public abstract record CallAction
{
    /// <summary>Its number in the media side; a receiving's prompt takes a new one at every repeat.</summary>
    public required long Number { get; init; }
    /// <summary>When it was started.</summary>
    public required long BeginMillis { get; init; }
    /// <summary>How much of its sound had been heard when <see cref="HeardFromMillis"/> was.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public long HeardMillis { get; init; }
    /// <summary>When its sound began, or went on after a takeover; null: at <see cref="BeginMillis"/>.</summary>
    public long? HeardFromMillis { get; init; }
    /// <summary>Set once it was told to end and only the media side's report is awaited: how it will then have ended.</summary>
    public ActionEnding? Ending { get; init; }
}

/// <summary>What one press of a key is known by on every node. It does not tell which key it was.</summary>
/// <param name="Source">The SSRC of a telephone-event (RFC 4733); null for a key that came by INFO.</param>
/// <param name="Number">Its RTP timestamp, which all packets of one event share, or the INFO's CSeq.</param>
public readonly record struct KeyPress(uint? Source, uint Number);

/// <summary>How an action ends.</summary>
/// <param name="Error">The event's error code, null for none.</param>
/// <param name="Message">Its message.</param>
/// <param name="FinishKey">The key that ended it.</param>
public sealed record ActionEnding(int? Error = null, string? Message = null, string? FinishKey = null)
{
    /// <summary>Keeps keys out of logs.</summary>
    public override string ToString() => $"ActionEnding {Error} {Message}";
}

/// <summary>A play.</summary>
public sealed record PlayAction : CallAction
{
    /// <summary>File names in order.</summary>
    public required ImmutableArray<string> Files { get; init; }
    /// <summary>How many times more.</summary>
    public int Repeat { get; init; }
    /// <summary>Keys that stop it.</summary>
    public string FinishKeys { get; init; } = "";
}

/// <summary>A recording.</summary>
public sealed record RecordAction : CallAction
{
    /// <summary>The file.</summary>
    public required string FullPath { get; init; }
    /// <summary>The format's internal name.</summary>
    public required string Format { get; init; }
    /// <summary>A tone first.</summary>
    public bool Beep { get; init; }
    /// <summary>The limit in seconds from <see cref="BeganMillis"/> on.</summary>
    public required int MaxSeconds { get; init; }
    /// <summary>Keys that stop it.</summary>
    public string FinishKeys { get; init; } = "";
    /// <summary>When sound began to go into the file.</summary>
    public long? BeganMillis { get; init; }
}

/// <summary>Keys being sent.</summary>
public sealed record SendKeysAction : CallAction
{
    /// <summary>Which.</summary>
    public required string Keys { get; init; }
    /// <summary>Keeps keys out of logs.</summary>
    public override string ToString() => $"SendKeysAction {Number}";
}

/// <summary>Keys being collected.</summary>
public sealed record ReceiveKeysAction : CallAction
{
    /// <summary>The parameters.</summary>
    public required ReceiveKeysSpec Spec { get; init; }
    /// <summary>What came so far.</summary>
    public string Keys { get; init; } = "";
    /// <summary>Whether a valid key has come (a finish key ends at once, so these are the collected ones).</summary>
    public bool AnyKey => Keys.Length > 0;
    /// <summary>Whether the prompt is being heard.</summary>
    public bool Prompting { get; init; }
    /// <summary>How often the prompt may still be repeated.</summary>
    public int RepeatsLeft { get; init; }
    /// <summary>When the present wait ends; null while the prompt plays and nothing was pressed.</summary>
    public long? DeadlineMillis { get; init; }
    /// <summary>Keeps keys out of logs.</summary>
    public override string ToString() => $"ReceiveKeysAction {Number}";
}

/// <summary>Parameters of <c>receive_dtmf_start</c>.</summary>
public sealed record ReceiveKeysSpec
{
    /// <summary>Others are ignored.</summary>
    public required string ValidKeys { get; init; }
    /// <summary>1..255.</summary>
    public required int MaxKeys { get; init; }
    /// <summary>Keys that end it.</summary>
    public required string FinishKeys { get; init; }
    /// <summary>Seconds from the prompt's end to the first key.</summary>
    public required int FirstKeySeconds { get; init; }
    /// <summary>Seconds from key to key.</summary>
    public required int NextKeySeconds { get; init; }
    /// <summary>The prompt's files; empty for none.</summary>
    public ImmutableArray<string> Files { get; init; } = [];
    /// <summary>How often it repeats when no first key comes.</summary>
    public int PlayRepeat { get; init; }
    /// <summary>The first valid key stops the prompt.</summary>
    public bool BreakOnKey { get; init; } = true;
    /// <summary>The finish key is part of the keys.</summary>
    public bool IncludeFinishKey { get; init; }
}
