using System.Buffers;
using System.Collections.Immutable;
using System.Text.Json;
using Cti.Actors;
using Cti.Calls.Api;
using Cti.Calls.Call;
using Cti.Cluster.Journal;
using Cti.Kernel;
using Cti.Media;
using Cti.Server.Sip;
using Cti.Sip;
using Cti.Storage;
using CallDirection = Cti.Calls.Call.CallDirection;

namespace Cti.Server.Calls;

/// <summary>
/// One call: turns requests and news into commands, lets <see cref="CallDecider"/> decide, journals what it decides, and carries out the effects:
/// reflexes at once, committed ones when the entries are durable.
/// <code>
///   Unborn ──PlaceCall / SIP INVITE──► Living ──released, settled and durable──► (stopped)
///      └────RecoverCall──────────────►   │
///                                        └──deposed──► Deposed ──► (stopped)
/// </code>
/// </summary>
internal sealed partial class CallActor(CallServices services, CallCell cell) : Actor
{
    private long armedMillis = long.MaxValue;

    protected override void OnStart()
    {
        if (cell.State is null) Become(Unborn);
        else if (cell.Deposed) Become(Deposed);
        else
        {
            Become(Living);
            Arm();
        }
    }

    protected override void OnStop()
    {
        cell.Leg?.Dispose();
        CloseMedia();
        if (cell.State is { } state) services.Directory.Remove(state.Id);
    }

    protected override void OnUndelivered(object message)
    {
        if (message is CallAsk ask) ask.ReplyTo.Reply(RpcReply.Refused(RpcError.NoSuchResource(cell.State?.Id.ToString() ?? "")));
        if (message is PlaceCall place) place.Ask.ReplyTo.Reply(RpcReply.Refused(RpcError.Unavailable("the node is stopping")));
    }

    private bool Unborn(object message)
    {
        switch (message)
        {
            case PlaceCall place:
                Guard(place.Ask, () => Place(place));
                return true;
            case InviteOffered offered:
                Guard(offered);
                return true;
            case RecoverCall:
                throw new InvalidOperationException("a recovered call has a state");
            case MediaHappened { Event: SessionClosed }:
                // The creating message crashed: nothing was journaled, nothing is left.
                cell.Media = null;
                services.Media.Closed();
                StopSelf();
                return true;
            case MediaHappened or WasDeposed or BecameDurable:
                return true;
            default:
                return false;
        }
    }

    private bool Living(object message)
    {
        switch (message)
        {
            case CallAsk ask:
                Guard(ask, () => Handle(ask));
                return true;
            case BecameDurable durable:
                RunCommitted(durable.Position);
                return true;
            case MediaHappened happened:
                HandleMedia(happened.Event);
                return true;
            case DeadlineCame:
                armedMillis = long.MaxValue;
                Run(new TimeReached(), null);
                Arm();
                return true;
            case CheckSubscriber:
                LookForSubscriber();
                return true;
            case Decide { Command: JoinAnswered { Refusal: null } joined }:
                // The request that was held is answered by this decision, and remembered with it.
                Run(joined, TakeHeld());
                return true;
            case Decide decide:
                Run(decide.Command, null);
                return true;
            case RecoverCall:
                Recover();
                return true;
            case WasDeposed:
                StandDown();
                return true;
            default:
                var command = cell.Leg is { } leg ? leg.Translate(message, cell.State!, out var accepted) : NoLeg(out accepted);
                if (!accepted) return false;
                if (command is not null) Run(command, null);
                return true;
        }
    }

    private static CallCommand? NoLeg(out bool accepted)
    {
        accepted = true;
        return null;
    }

    /// <summary>Another node owns the call now: nothing outside is touched, whatever still arrives.</summary>
    private bool Deposed(object message)
    {
        if (message is CallAsk ask) ask.ReplyTo.Reply(RpcReply.Refused(RpcError.Unavailable("the resource is moving between nodes")));
        return true;
    }

    private void StandDown()
    {
        cell.Deposed = true;
        foreach (var waiting in cell.Waiting)
            waiting.Ask?.ReplyTo.Reply(RpcReply.Refused(RpcError.Unavailable("the resource is moving between nodes")));
        cell.Waiting.Clear();
        Become(Deposed);
        StopSelf();
    }

    /// <summary>A crash while a request is handled answers it with a trace id before the supervisor sees it.</summary>
    private void Guard(CallAsk ask, Action handle)
    {
        try
        {
            handle();
        }
        catch (Exception fault)
        {
            var trace = services.Random.NextHex(8);
            System.Log.Write(LogEvents.RequestFault, ask.Request.Method, trace, fault.Message);
            ask.ReplyTo.Reply(RpcReply.Refused(new RpcError(ErrorCodes.Internal, "a fault of the server; its log has the trace id").With("trace_id", trace)));
            if (cell.State is null) CloseMedia();
            throw;
        }
    }

    private void Guard(InviteOffered offered)
    {
        try
        {
            Offer(offered);
        }
        catch
        {
            if (cell.State is null)
            {
                services.Sip.Respond(offered.Transaction, SipResponse.For(offered.Transaction.Request, 500, null, services.Random.NextHex(8)));
                CloseMedia();
            }
            throw;
        }
    }

    private void Handle(CallAsk ask)
    {
        if (cell.Journal.IsStalled)
        {
            ask.ReplyTo.Reply(RpcReply.Refused(RpcError.Unavailable("the journal cannot be reached; nothing new is accepted until it can")));
            return;
        }
        var command = CallRequests.FromRpc(ask.Request, ask.RecordPath, services.Random.NextHex(8))
            ?? throw new InvalidOperationException($"{ask.Request.Method} is not a request on a call");
        Run(command, ask);
    }

    private void Run(CallCommand command, CallAsk? ask)
    {
        var decision = CallDecider.Decide(cell.State, command, System.Clock.UnixMillis, services.Settings);
        if (decision.Refusal is { } refusal)
        {
            ask?.ReplyTo.Reply(RpcReply.Refused(Concerning(refusal)));
            return;
        }
        if (decision.Entries.IsEmpty) After(cell.LastPosition, decision, ask);
        else After(cell.Journal.Append(first => Rows(first, decision, ask), cell), decision, ask);
    }

    private void After(long position, CallDecision decision, CallAsk? ask)
    {
        cell.State = decision.State;
        cell.LastPosition = position;
        var committed = new List<CallEffect>(decision.Effects.Length);
        foreach (var effect in decision.Effects)
        {
            if (effect.IsReflex) Perform(effect, null);
            else committed.Add(effect);
        }
        if (decision.Entries.IsEmpty && cell.Waiting.Count == 0)
        {
            foreach (var effect in committed) Perform(effect, ask);
        }
        else if (committed.Count > 0 || !decision.Entries.IsEmpty)
        {
            cell.Waiting.Enqueue(new CommittedEffects(position, committed, ask));
        }
        Arm();
    }

    private void RunCommitted(long position)
    {
        while (cell.Waiting.TryPeek(out var next) && next.Position <= position)
        {
            cell.Waiting.Dequeue();
            foreach (var effect in next.Effects) Perform(effect, next.Ask);
        }
        if (cell.Waiting.Count == 0 && cell.State is { Phase: CallPhase.Released, Closing: SipClosing.None } && IsMediaGone()) StopSelf();
    }

    private JournalRows Rows(long first, CallDecision decision, CallAsk? ask)
    {
        var state = decision.State!;
        var id = state.Id.ToString();
        var position = first;
        var entries = new List<JournalEntry>(decision.Entries.Length);
        foreach (var entry in decision.Entries)
            entries.Add(new JournalEntry(position++, id, CallEntryCodec.Version, CallEntryCodec.Encode(entry)));
        var released = decision.Entries.Any(static entry => entry is CallReleased);
        var quality = released && cell.Media is { } media ? MediaQuality.Encode(services.Media.Port.ReadStatistics(media)) : default;
        var events = new List<StoredEvent>(decision.Events.Length);
        foreach (var happened in decision.Events)
        {
            events.Add(new StoredEvent(state.Application, state.Id.Instance, position++, id, happened.Sequence, state.LastMillis, happened.Method, happened.Params,
                happened.Method == MediaQuality.Event ? quality : default));
        }
        var over = state is { Phase: CallPhase.Released, Closing: SipClosing.None };
        return new JournalRows
        {
            Tag = state,
            Entries = entries,
            Events = events,
            Idempotency = Remember(decision, ask, state.LastMillis),
            CallRecords = decision.CallRecord.IsEmpty ? [] : [new CallRecordRow(CallRecords.IdOf(state), services.NodeName, id, state.LastMillis, MediaQuality.Append(decision.CallRecord, quality))],
            ReleasedResources = over ? [id] : [],
            ReleasedPermits = released && state.Permit is { } permit ? [permit] : [],
            BoundPermits = decision.Entries is [Constructed { Permit: { } bound }, ..] ? [new(bound, id)] : [],
        };
    }

    private static IReadOnlyList<IdempotencyRow> Remember(CallDecision decision, CallAsk? ask, long now)
    {
        if (ask?.Request.RequestId is not { } requestId) return [];
        foreach (var effect in decision.Effects)
        {
            if (effect is ReplyResult reply) return [new IdempotencyRow(ask.Request.Application, requestId, ask.Request.ParametersHash, now, WrapResult(reply.Result))];
        }
        return [];
    }

    private static byte[] WrapResult(ReadOnlyMemory<byte> result)
    {
        var buffer = new ArrayBufferWriter<byte>(result.Length + 16);
        using var json = new Utf8JsonWriter(buffer);
        json.WriteStartObject();
        json.WritePropertyName("result"u8);
        json.WriteRawValue(result.Span);
        json.WriteEndObject();
        json.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    private void Perform(CallEffect effect, CallAsk? ask)
    {
        switch (effect)
        {
            case ReplyResult reply:
                ask?.ReplyTo.Reply(RpcReply.Ok(reply.Result));
                break;
            case ConfigureMedia configure when cell.Media is { } media:
                services.Media.Port.Configure(media, MediaDescriptions.From(configure.Audio));
                break;
            case StartMediaPlay play:
                if (!ForwardToMedia(media => services.Media.Port.StartPlay(media, new PlayRequest(play.Number, play.Files, play.Repeat))))
                    Self.Tell(new MediaHappened(new PlayEnded(play.Number, MediaOutcome.Failed, "the call has no media")));
                break;
            case StopMediaPlay stop when Withdraw(stop.Number):
                break;
            case StopMediaPlay stop:
                ForwardToMedia(media => services.Media.Port.StopPlay(media, stop.Number));
                break;
            case StartMediaRecord record:
                if (!ForwardToMedia(media => services.Media.Port.StartRecord(media,
                        new RecordRequest(record.Number, record.FullPath, Enum.Parse<RecordFormat>(record.Format, ignoreCase: true), record.Beep))))
                    Self.Tell(new MediaHappened(new RecordEnded(record.Number, MediaOutcome.Failed, 0, "the call has no media")));
                break;
            case StopMediaRecord stop:
                ForwardToMedia(media => services.Media.Port.StopRecord(media, stop.Number));
                break;
            case StartMediaKeys keys when cell.Leg is CallLeg { SendsKeysByInfo: true } byInfo:
                byInfo.SendKeysByInfo(keys.Number, keys.Keys);
                break;
            case StartMediaKeys keys:
                var how = cell.Leg is CallLeg { SendsKeysInBand: true } ? KeySending.InBand : KeySending.Negotiated;
                if (!ForwardToMedia(media => services.Media.Port.SendKeys(media, new SendKeysRequest(keys.Number, keys.Keys, how))))
                    Self.Tell(new MediaHappened(new SendKeysEnded(keys.Number, MediaOutcome.Failed)));
                break;
            case AskJoin or AnswerJoin or PartBridge or ConnectMedia or DisconnectMedia or PlayToBridge or ReplyRefused:
                PerformBridge(effect, ask);
                break;
            case Cti.Calls.Call.CloseMedia:
                CloseMedia();
                break;
            case ConfigureMedia:
                break;
            default:
                cell.Leg?.Perform(effect, cell.State!);
                break;
        }
    }

    /// <summary>A stop overtakes a start that still waits for the disk: then there is nothing to stop, and nothing to start any more.</summary>
    private bool Withdraw(long number)
    {
        foreach (var waiting in cell.Waiting)
        {
            if (waiting.Effects.RemoveAll(effect => effect is StartMediaPlay start && start.Number == number) > 0) return true;
        }
        return false;
    }

    private bool ForwardToMedia(Action<MediaSessionId> command)
    {
        if (cell.Media is not { } media || cell.MediaClosed) return false;
        command(media);
        return true;
    }

    private void HandleMedia(MediaEvent happened)
    {
        if (happened is SessionClosed)
        {
            cell.Media = null;
            services.Media.Closed();
            RunCommitted(-1);
            return;
        }
        if (MediaDescriptions.ToCommand(happened) is { } command) Run(command, null);
    }

    private void CloseMedia()
    {
        if (cell.Media is not { } media || cell.MediaClosed) return;
        cell.MediaClosed = true;
        services.Media.Port.Close(media);
    }

    private bool IsMediaGone()
    {
        // The actor outlives its media session, so that the end of the session has someone to report to.
        CloseMedia();
        return cell.Media is null;
    }

    private void LookForSubscriber()
    {
        if (cell.State is not { Direction: CallDirection.Inbound, Phase: CallPhase.Initiated } call) return;
        if (services.Subscribers.IsUnattended(call.Application)) Run(new SubscriberMissing(), null);
        else StartTimer("subscriber", 1000, new CheckSubscriber());
    }

    private void Recover()
    {
        cell.Leg ??= CallLeg.ForRecovered(services, cell, System);
        if (cell.State!.Action is RecordAction record) services.Recordings.Repair(record.FullPath);
        if (CallDecider.Resume(cell.State!) is { } command) Run(command, null);
        else if (CallDecider.Owed(cell.State!) is { } owed) cell.Leg?.Perform(owed, cell.State!);
    }

    private void Arm()
    {
        var due = cell.State is { } state ? CallDecider.NextDeadline(state, services.Settings) ?? long.MaxValue : long.MaxValue;
        if (due == armedMillis) return;
        armedMillis = due;
        if (due == long.MaxValue) CancelTimer("deadline");
        else StartTimer("deadline", Math.Max(0, due - System.Clock.UnixMillis), new DeadlineCame());
    }

    private RpcError Concerning(RpcError error)
    {
        if (error.Code == ErrorCodes.NotFound || cell.State is not { } state) return error;
        return error.With("ipsc_info", ImmutableDictionary<string, object>.Empty.Add("process_id", state.Id.ProcessId));
    }
}
