using System.Collections.Immutable;
using System.Net;
using System.Text;
using Cti.Calls.Call;
using Cti.Calls.Call.Sagas;
using Cti.Calls.Conference;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Kernel;
using Cti.Media;
using Cti.Media.Session.Mix;
using Cti.Persistence;
using Cti.Simulation.Races;
using Cti.Sip.Dialog;
using Cti.Sip.Message;
using Cti.Testing;

namespace Cti.Simulation;

/// <summary>Rules that cannot fail prove nothing: each of these defects, put in on purpose, is found within a few seeds.</summary>
public sealed class PlantedBugTests
{
    private const ulong SeedsMax = 40;

    [Fact]
    public void An_event_that_is_not_published_is_missed() => Find(new LosesEvents(), "follows", "the application has seen");

    [Fact]
    public void A_disk_that_forgets_what_it_took_is_noticed() => Find(new ForgetfulDisk(), "was refused", "behind position", "positions");

    [Fact]
    public void An_append_that_is_reported_before_it_is_durable_is_seen_on_the_wire() => Find(new EarlyReports(), "durable");

    [Fact]
    public void A_request_that_is_carried_out_twice_is_noticed() => Find(new ForgetsRequestIds(), "its repeat", "accepted", "with other content");

    [Fact]
    public void A_media_session_whose_close_is_not_reported_is_a_leak() => Find(new SilentMedia(), "media sessions by the node's count");

    [Fact]
    public void A_telephone_whose_call_is_never_hung_up_is_found() => Find(new LosesByes(), "a telephone stays in its call");

    [Fact]
    public void A_bridge_of_which_one_party_does_not_hear_the_end_is_found() => Find(new LosesMessages<BridgeParted>(), "is in a bridge");

    [Fact]
    public void A_second_party_that_is_never_asked_is_found() => Find(new LosesMessages<JoinAsked>(), "to join");

    [Fact]
    public void A_parent_that_is_not_told_of_the_end_of_the_dialling_is_found() => Find(new LosesMessages<ChildDone>(), "dials");

    [Fact]
    public void A_child_that_is_never_let_go_is_found() => Find(new LosesMessages<ParentReleases>(), "dials", "never end");

    [Fact]
    public void A_flow_that_is_not_told_of_its_call_is_found() =>
        Find(new LosesMessages<OwnedHappened>(), "believes its call", "is driven by", "never end", "is not");

    [Fact]
    public void A_flow_that_is_not_told_of_one_thing_is_found() => Find(new LosesReleases(), "believes its call", "is ending at rest", "never end");

    [Fact]
    public void A_bridge_that_the_media_side_keeps_is_found() => Find(new KeepsBridges(), "the media side bridges");

    [Fact]
    public void A_conference_that_does_not_hear_of_a_leaver_is_found() => Find(new LosesMessages<MemberLeaves>(), "believes");

    [Fact]
    public void A_member_that_is_not_told_of_the_release_is_found() => Find(new LosesMessages<ConferenceParted>(), "is in the conference");

    [Fact]
    public void A_call_that_is_never_let_in_is_found() => Find(new LosesMessages<EnterAsked>(), "waits at rest");

    [Fact]
    public void A_member_that_the_media_side_keeps_is_found() => Find(new KeepsMembers(), "the media side seats", "the media side bridges");

    [Fact]
    public void A_takeover_that_uses_numbers_of_the_dead_is_found() => Find(new ForgetsReserve(), "which the dead node may have used");

    [Fact]
    public void A_far_end_that_is_never_told_of_a_takeover_is_found() => FindAfterCrash("two idle calls", new LosesReInvites(), "its far end was never told");

    [Fact]
    public void A_notice_that_is_never_repeated_is_found() => Find(new NeverRepeats(), "believes its call", "never end");

    [Fact]
    public void A_first_party_that_does_not_ask_again_is_found() =>
        FindAfterCrash("connected", new LosesMessages<JoinAsked>(static asked => asked.IsConnected), "the media side bridges");

    [Fact]
    public void A_member_that_does_not_ask_again_is_found() => FindAfterCrash("a conference of two", new EntersOnce(), "the media side seats");

    private static void Find(PlantedBugs bugs, params string[] signs)
    {
        for (var seed = 1ul; seed <= SeedsMax; seed++)
        {
            var result = NodeSimulation.Run(seed, bugs);
            if (result.Failures.Count == 0) continue;
            result.Failures.ShouldContain(failure => signs.Any(sign => failure.Contains(sign, StringComparison.Ordinal)), result.Describe());
            return;
        }
        Assert.Fail($"{SeedsMax} seeds did not find it");
    }

    private static void FindAfterCrash(string scene, PlantedBugs bugs, string sign)
    {
        var result = NodeSimulation.Run(CrashTableTests.Plan(1), bugs, simulation =>
        {
            var stage = new RaceStage(simulation);
            RaceScenes.All.Single(known => known.Name == scene).Reach(stage);
            stage.World.CrashNow(700);
            stage.Advance(3_000);
        });
        result.Failures.ShouldContain(failure => failure.Contains(sign, StringComparison.Ordinal), result.Describe());
    }

    private sealed class LosesEvents : PlantedBugs
    {
        public override Action<IReadOnlyList<StoredEvent>> Publish(Action<IReadOnlyList<StoredEvent>> publish) =>
            events => publish([.. events.Where(happened => happened.Position % 11 != 0)]);
    }

    private sealed class ForgetfulDisk : PlantedBugs
    {
        public override IJournalStore Disk(IJournalStore disk) => new Forgets(disk);

        private sealed class Forgets(IJournalStore inner) : ForwardingJournalStore(inner)
        {
            private int _appends;

            public override ValueTask<IReadOnlyList<AppendOutcome>> AppendAsync(IReadOnlyList<InstanceAppend> appended,
                CancellationToken cancellation = default) =>
                ++_appends % 20 == 0 ? new([.. appended.Select(_ => AppendOutcome.Accepted)]) : base.AppendAsync(appended, cancellation);
        }
    }

    internal sealed class EarlyReports : PlantedBugs
    {
        public override IJournalStore Store(IJournalStore store, NodeProcess process) => new Hasty(store, process);

        private sealed class Hasty(IJournalStore inner, NodeProcess process) : ForwardingJournalStore(inner)
        {
            private Task _last = Task.CompletedTask;

            public override ValueTask<IReadOnlyList<AppendOutcome>> AppendAsync(IReadOnlyList<InstanceAppend> appended,
                CancellationToken cancellation = default)
            {
                _last = LaterAsync(_last, appended);
                return new([.. appended.Select(_ => AppendOutcome.Accepted)]);
            }

            private async Task LaterAsync(Task before, IReadOnlyList<InstanceAppend> appended)
            {
                await before;
                await process.DelayAsync(1);
                await base.AppendAsync(appended);
            }
        }
    }

    private sealed class ForgetsRequestIds : PlantedBugs
    {
        public override IRequestRouter Router(IRequestRouter router) => new Forgets(router);

        private sealed class Forgets(IRequestRouter inner) : IRequestRouter
        {
            private readonly HashSet<Guid> _seen = [];
            private byte _last;

            // Each repeat looks like a new request.
            public ValueTask<RpcReply> AskAsync(RpcRequest request, CancellationToken cancellation) =>
                inner.AskAsync(request.RequestId is not { } id || _seen.Add(id) ? request : request
                    with
                { RequestId = new Guid(++_last, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) }, cancellation);
        }
    }

    private sealed class SilentMedia : PlantedBugs
    {
        public override IMediaPort Media(IMediaPort media) => new Silent(media);

        private sealed class Silent(IMediaPort inner) : PassingMedia(inner)
        {
            public override IPEndPoint? TryOpen(MediaSessionId session, MediaSessionOptions options, IMediaEvents events, out MediaRefusal refusal) =>
                base.TryOpen(session, options, new Ears(events), out refusal);
        }

        private sealed class Ears(IMediaEvents inner) : IMediaEvents
        {
            public void OnMediaEvent(MediaSessionId session, MediaEvent happened)
            {
                if (happened is not SessionClosed) inner.OnMediaEvent(session, happened);
            }
        }
    }

    private sealed class LosesByes : PlantedBugs
    {
        public override bool Drops(IPEndPoint from, IPEndPoint to, ReadOnlyMemory<byte> datagram) =>
            from.Equals(SimulatedNode.Address) && Encoding.ASCII.GetString(datagram.Span[..4]) == "BYE ";
    }

    private sealed class LosesMessages<TCommand>(Func<TCommand, bool>? which = null) : PlantedBugs
        where TCommand : ResourceCommand
    {
        public override bool Loses(ResourceCommand command) => command is TCommand lost && which?.Invoke(lost) != false;
    }

    /// <summary>A journal that is read with numbers so low that the reserve leads back to the ones in use.</summary>
    private sealed class ForgetsReserve : PlantedBugs
    {
        public override IJournalStore Store(IJournalStore store, NodeProcess process) => new Lowers(store);

        private sealed class Lowers(IJournalStore inner) : ForwardingJournalStore(inner)
        {
            public override async ValueTask<IReadOnlyDictionary<int, IReadOnlyList<JournalEntry>>> ReadJournalsAsync(IReadOnlyList<int> instances,
                CancellationToken cancellation = default) =>
                (await base.ReadJournalsAsync(instances, cancellation))
                    .ToDictionary(static pair => pair.Key, static IReadOnlyList<JournalEntry> (pair) => [.. pair.Value.Select(Lower)]);

            private static JournalEntry Lower(JournalEntry entry)
            {
                if (!entry.ResourceId.Contains("sys.call-", StringComparison.Ordinal)) return entry;
                CallEntry? lowered = CallEntryCodec.Decode(entry.Version, entry.Payload.Span) switch
                {
                    DialAnswered fact => fact with { Dialog = Lower(fact.Dialog) },
                    Offered fact => fact with { Dialog = Lower(fact.Dialog) },
                    DialogUpdated fact => fact with { Dialog = Lower(fact.Dialog) },
                    _ => null,
                };
                return lowered is null ? entry : entry with { Payload = CallEntryCodec.Encode(lowered) };
            }

            private static DialogState Lower(DialogState dialog) => dialog with { LocalCSeq = unchecked(dialog.LocalCSeq - Limits.SipCSeqReserve) };
        }
    }

    private sealed class LosesReInvites : PlantedBugs
    {
        public override bool Drops(IPEndPoint from, IPEndPoint to, ReadOnlyMemory<byte> datagram) => from.Equals(SimulatedNode.Address)
            && SipParser.ParseDatagram(datagram).Message is SipRequest { Method: SipMethods.Invite, To.Tag: not null };
    }

    /// <summary>A call asks to be let into a conference once, and not again when the conference's mix is a new one.</summary>
    private sealed class EntersOnce : PlantedBugs
    {
        private readonly HashSet<string> _asked = [];

        public override bool Loses(ResourceCommand command) => command is EnterAsked enter && !_asked.Add(enter.Op);
    }

    /// <summary>What a call has told its flow once, it never tells again; the first time is lost with the node now and then.</summary>
    private sealed class NeverRepeats : PlantedBugs
    {
        private readonly HashSet<(string, int)> _told = [];

        public override bool Loses(ResourceCommand command) => command is OwnedHappened happened && !_told.Add((happened.Resource, happened.Number));
    }

    private sealed class LosesReleases : PlantedBugs
    {
        public override bool Loses(ResourceCommand command) => command is OwnedHappened { Method: "sys.call.on_released" };
    }

    private sealed class KeepsBridges : PlantedBugs
    {
        public override IMediaPort Media(IMediaPort media) => new Keeps(media);

        private sealed class Keeps(IMediaPort inner) : PassingMedia(inner)
        {
            public override void Disconnect(MediaSessionId first, long action)
            {
            }
        }
    }

    private sealed class KeepsMembers : PlantedBugs
    {
        public override IMediaPort Media(IMediaPort media) => new Keeps(media);

        private sealed class Keeps(IMediaPort inner) : PassingMedia(inner)
        {
            public override void Leave(ConferenceId conference, MediaSessionId session)
            {
            }
        }
    }

    /// <summary>A media side that passes everything on.</summary>
    private class PassingMedia(IMediaPort inner) : IMediaPort
    {
        public virtual IPEndPoint? TryOpen(MediaSessionId session, MediaSessionOptions options, IMediaEvents events, out MediaRefusal refusal) =>
            inner.TryOpen(session, options, events, out refusal);

        public bool Speaks(System.Net.Sockets.AddressFamily family) => inner.Speaks(family);

        public void Configure(MediaSessionId session, MediaDescription description) => inner.Configure(session, description);

        public void StartPlay(MediaSessionId session, PlayRequest request) => inner.StartPlay(session, request);

        public void StopPlay(MediaSessionId session, long action) => inner.StopPlay(session, action);

        public void StartRecord(MediaSessionId session, RecordRequest request) => inner.StartRecord(session, request);

        public void StopRecord(MediaSessionId session, long action) => inner.StopRecord(session, action);

        public void SendKeys(MediaSessionId session, SendKeysRequest request) => inner.SendKeys(session, request);

        public StreamStatistics? ReadStatistics(MediaSessionId session) => inner.ReadStatistics(session);

        public void Close(MediaSessionId session) => inner.Close(session);

        public void Abandon(MediaSessionId session) => inner.Abandon(session);

        public bool Connect(MediaSessionId first, MediaSessionId second, BridgeRequest request) => inner.Connect(first, second, request);

        public virtual void Disconnect(MediaSessionId first, long action) => inner.Disconnect(first, action);

        public void PlayToBridge(MediaSessionId first, PlayRequest request) => inner.PlayToBridge(first, request);

        public void StopBridgePlay(MediaSessionId first, long action) => inner.StopBridgePlay(first, action);

        public bool Listen(MediaSessionId listener, MediaSessionId source, long action) => inner.Listen(listener, source, action);

        public void StartTone(MediaSessionId session, long action, string country) => inner.StartTone(session, action, country);

        public bool OpenConference(ConferenceId conference, ConferenceOptions options, IConferenceEvents events, out MediaRefusal refusal) =>
            inner.OpenConference(conference, options, events, out refusal);

        public bool Join(ConferenceId conference, MediaSessionId session, ConferenceMember member) => inner.Join(conference, session, member);

        public virtual void Leave(ConferenceId conference, MediaSessionId session) => inner.Leave(conference, session);

        public void SetMember(ConferenceId conference, MediaSessionId session, ConferenceMember member) => inner.SetMember(conference, session, member);

        public void PlayToConference(ConferenceId conference, PlayRequest request) => inner.PlayToConference(conference, request);

        public void StartConferenceRingBack(ConferenceId conference, string country) => inner.StartConferenceRingBack(conference, country);

        public void StopConferenceRingBack(ConferenceId conference) => inner.StopConferenceRingBack(conference);

        public void StopConferencePlay(ConferenceId conference, long action) => inner.StopConferencePlay(conference, action);

        public void PlayEntrySound(ConferenceId conference, ImmutableArray<string> files) => inner.PlayEntrySound(conference, files);

        public void RecordConference(ConferenceId conference, RecordRequest request) => inner.RecordConference(conference, request);

        public void StopConferenceRecord(ConferenceId conference, long action) => inner.StopConferenceRecord(conference, action);

        public void CloseConference(ConferenceId conference) => inner.CloseConference(conference);

        public void AbandonConference(ConferenceId conference) => inner.AbandonConference(conference);
    }
}
