using System.Net;
using System.Text;
using Cti.Calls.Api;
using Cti.Media;
using Cti.Storage;
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

        private sealed class Forgets(IJournalStore inner) : ForwardingJournalStore(inner)
        {
            private int appends;

            public override ValueTask<IReadOnlyList<AppendOutcome>> AppendAsync(IReadOnlyList<InstanceAppend> appended, CancellationToken cancellation = default) =>
                ++appends % 20 == 0 ? new([.. appended.Select(_ => AppendOutcome.Accepted)]) : base.AppendAsync(appended, cancellation);
        }
    }

    private sealed class EarlyReports : PlantedBugs
    {
        public override IJournalStore Store(IJournalStore store, NodeProcess process) => new Hasty(store, process);

        private sealed class Hasty(IJournalStore inner, NodeProcess process) : ForwardingJournalStore(inner)
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

            public StreamStatistics? ReadStatistics(MediaSessionId session) => inner.ReadStatistics(session);

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
}
