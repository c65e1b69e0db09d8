using System.Net;
using System.Text;
using Cti.Calls.Api;
using Cti.Media;
using Cti.Storage;

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
    public void A_media_session_whose_close_is_not_reported_is_a_leak() => Find(new SilentMedia(), "never end", "left", "leak");

    [Fact]
    public void A_telephone_whose_call_is_never_hung_up_is_found() => Find(new LosesByes(), "a telephone stays in its call");

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

    private sealed class LosesEvents : PlantedBugs
    {
        public override Action<IReadOnlyList<StoredEvent>> Publish(Action<IReadOnlyList<StoredEvent>> publish) =>
            events => publish([.. events.Where(happened => happened.Position % 11 != 0)]);
    }

    private sealed class ForgetfulDisk : PlantedBugs
    {
        public override IJournalStore Disk(IJournalStore disk) => new Forgets(disk);

        private sealed class Forgets(IJournalStore inner) : PassingStore(inner)
        {
            private int appends;

            public override ValueTask<IReadOnlyList<AppendOutcome>> AppendAsync(IReadOnlyList<InstanceAppend> appended, CancellationToken cancellation = default) =>
                ++appends % 20 == 0 ? new([.. appended.Select(_ => AppendOutcome.Accepted)]) : base.AppendAsync(appended, cancellation);
        }
    }

    private sealed class EarlyReports : PlantedBugs
    {
        public override IJournalStore Store(IJournalStore store, NodeProcess process) => new Hasty(store, process);

        private sealed class Hasty(IJournalStore inner, NodeProcess process) : PassingStore(inner)
        {
            private Task last = Task.CompletedTask;

            public override ValueTask<IReadOnlyList<AppendOutcome>> AppendAsync(IReadOnlyList<InstanceAppend> appended, CancellationToken cancellation = default)
            {
                last = LaterAsync(last, appended);
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
            private readonly HashSet<Guid> seen = [];
            private byte last;

            // Each repeat looks like a new request.
            public ValueTask<RpcReply> AskAsync(RpcRequest request, CancellationToken cancellation) =>
                inner.AskAsync(request.RequestId is not { } id || seen.Add(id) ? request : request with { RequestId = new Guid(++last, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) }, cancellation);
        }
    }

    private sealed class SilentMedia : PlantedBugs
    {
        public override IMediaPort Media(IMediaPort media) => new Silent(media);

        private sealed class Silent(IMediaPort inner) : IMediaPort
        {
            public IPEndPoint? TryOpen(MediaSessionId session, MediaSessionOptions options, IMediaEvents events) => inner.TryOpen(session, options, new Ears(events));

            public void Configure(MediaSessionId session, MediaDescription description) => inner.Configure(session, description);

            public void StartPlay(MediaSessionId session, PlayRequest request) => inner.StartPlay(session, request);

            public void StopPlay(MediaSessionId session, long action) => inner.StopPlay(session, action);

            public void StartRecord(MediaSessionId session, RecordRequest request) => inner.StartRecord(session, request);

            public void StopRecord(MediaSessionId session, long action) => inner.StopRecord(session, action);

            public void SendKeys(MediaSessionId session, SendKeysRequest request) => inner.SendKeys(session, request);

            public void Close(MediaSessionId session) => inner.Close(session);
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

    /// <summary>A store that passes everything on.</summary>
    private class PassingStore(IJournalStore inner) : IJournalStore
    {
        public virtual ValueTask<IReadOnlyList<AppendOutcome>> AppendAsync(IReadOnlyList<InstanceAppend> appended, CancellationToken cancellation = default) =>
            inner.AppendAsync(appended, cancellation);

        public ValueTask OpenAsync(int instanceCount, CancellationToken cancellation = default) => inner.OpenAsync(instanceCount, cancellation);

        public ValueTask<IReadOnlyList<InstanceOwnership>> ClaimAsync(string node, IReadOnlyList<int> instances, CancellationToken cancellation = default) =>
            inner.ClaimAsync(node, instances, cancellation);

        public ValueTask<IReadOnlyList<InstanceOwnership>> ReadOwnershipAsync(CancellationToken cancellation = default) => inner.ReadOwnershipAsync(cancellation);

        public ValueTask<IReadOnlyList<JournalEntry>> ReadJournalAsync(int instance, CancellationToken cancellation = default) => inner.ReadJournalAsync(instance, cancellation);

        public ValueTask<IReadOnlyList<IdempotencyRow>> ReadIdempotencyAsync(int instance, long sinceUnixMillis, CancellationToken cancellation = default) =>
            inner.ReadIdempotencyAsync(instance, sinceUnixMillis, cancellation);

        public ValueTask<IReadOnlyList<StoredEvent>> ReadEventsAsync(string application, int instance, long afterPosition, int limit, CancellationToken cancellation = default) =>
            inner.ReadEventsAsync(application, instance, afterPosition, limit, cancellation);

        public ValueTask<IReadOnlyList<long>> ReadExpiredAsync(string application, CancellationToken cancellation = default) => inner.ReadExpiredAsync(application, cancellation);

        public ValueTask<IReadOnlyDictionary<int, long>> ReadFeedPositionsAsync(string application, string group, CancellationToken cancellation = default) =>
            inner.ReadFeedPositionsAsync(application, group, cancellation);

        public ValueTask WriteFeedPositionsAsync(string application, string group, IReadOnlyDictionary<int, long> positions, CancellationToken cancellation = default) =>
            inner.WriteFeedPositionsAsync(application, group, positions, cancellation);

        public ValueTask<bool> TryAcquirePermitAsync(string trunk, int max, string permitId, long nowUnixMillis, CancellationToken cancellation = default) =>
            inner.TryAcquirePermitAsync(trunk, max, permitId, nowUnixMillis, cancellation);

        public ValueTask ReleasePermitAsync(string permitId, CancellationToken cancellation = default) => inner.ReleasePermitAsync(permitId, cancellation);

        public ValueTask<IReadOnlyDictionary<string, int>> ReadPermitsInUseAsync(CancellationToken cancellation = default) => inner.ReadPermitsInUseAsync(cancellation);

        public ValueTask SweepAsync(long eventsBeforeUnixMillis, long idempotencyBeforeUnixMillis, long permitsBeforeUnixMillis, CancellationToken cancellation = default) =>
            inner.SweepAsync(eventsBeforeUnixMillis, idempotencyBeforeUnixMillis, permitsBeforeUnixMillis, cancellation);

        public ValueTask<IReadOnlyList<StoredCallRecord>> ReadCallRecordsAsync(string node, long afterId, int limit, CancellationToken cancellation = default) =>
            inner.ReadCallRecordsAsync(node, afterId, limit, cancellation);

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
