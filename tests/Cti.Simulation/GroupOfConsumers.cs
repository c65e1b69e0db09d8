using Cti.Actors.Feeds;
using Cti.Contract;
using Cti.Kernel;
using Cti.Testing;

namespace Cti.Simulation;

/// <summary>
/// Three connections of the application that share its events as a group: they acknowledge now and then, leave without a word and come back. Between them
/// every event must come, in order per resource, whatever one of them took and did not acknowledge.
/// </summary>
internal sealed class GroupOfConsumers(VirtualWorld world, SeededRandom random)
{
    private const string Group = "books";
    private readonly Member[] _members = [new(), new(), new()];
    private readonly Dictionary<string, int> _seen = new(StringComparer.Ordinal);

    public bool HasSeenAll => world.Plan.IsScripted || world.Ledger.All.All(call => _seen.GetValueOrDefault(call.Id) == call.Events.Count);

    public void Begin()
    {
        if (world.Plan.IsScripted) return;
        foreach (var member in _members) Later(random.Between(0, 5_000), () => Connect(member));
    }

    /// <summary>A node died, and with it the feeds there.</summary>
    public void LostNode(NodeLife node)
    {
        if (world.Plan.IsScripted) return;
        foreach (var member in _members)
        {
            if (member.Node is not null && member.Node != node) continue;
            member.Feed = null;
            member.Node = null;
            member.Session++;
            Later(random.Between(10, 3_000), () => Connect(member));
        }
    }

    public string Describe() => string.Join(", ", world.Ledger.All.Where(call => _seen.GetValueOrDefault(call.Id) != call.Events.Count)
        .Select(call => $"{call.Id} {_seen.GetValueOrDefault(call.Id)} of {call.Events.Count}"));

    private void Connect(Member member)
    {
        if (member.Feed is not null) return;
        if (world.PickNode() is not { IsServing: true, Hub: { } hub } node)
        {
            Later(700, () => Connect(member));
            return;
        }
        world.Trace.Add("a member connects");
        member.Node = node;
        member.Feed = hub.Open(RandomApplication.Name);
        _ = ReadAsync(member, member.Feed, ++member.Session);
    }

    private void Leave(Member member, int awayMillis)
    {
        world.Trace.Add("a member leaves");
        member.Session++;
        if (member.Feed is { } feed) _ = feed.DisposeAsync().AsTask();
        member.Feed = null;
        member.Node = null;
        Later(awayMillis, () => Connect(member));
    }

    private async Task ReadAsync(Member member, IEventFeed feed, int session)
    {
        try
        {
            var start = await feed.SubscribeAsync("earliest", Group, CancellationToken.None);
            if (session != member.Session) return;
            if (start.Error is { } error)
            {
                if (error.Code != ErrorCodes.Unavailable) world.Fail($"the group's feed is refused: {error.Code} {error.Message}");
                Leave(member, 800);
                return;
            }
            while (true)
            {
                var batch = await feed.ReadAsync(random.Between(1, 30), CancellationToken.None);
                if (session != member.Session) return;
                foreach (var happened in batch) Take(happened);
                if (!world.IsHealed && random.Chance(world.Plan.DisconnectPercent / 10))
                {
                    Leave(member, random.Pick(0, 500, 15_000));
                    return;
                }
                if (random.Chance(30)) await AcknowledgeAsync(member, feed, session, batch[random.Next(batch.Count)].Cursor);
                if (session != member.Session) return;
                var last = batch[^1].Cursor;
                Later(random.Between(100, 3_000), () => _ = AcknowledgeAsync(member, feed, session, last));
            }
        }
        catch (FeedOverrunException)
        {
            if (session == member.Session) Leave(member, 50);
        }
        catch (ObjectDisposedException) when (session != member.Session)
        {
            // Left while it waited.
        }
#pragma warning disable CA1031 // Nothing observes this task but the failure list.
        catch (Exception fault)
#pragma warning restore CA1031
        {
            world.Fail($"the group's feed breaks: {fault}");
        }
    }

    private async Task AcknowledgeAsync(Member member, IEventFeed feed, int session, string cursor)
    {
        if (session != member.Session) return;
        try
        {
            var position = await feed.AcknowledgeAsync(cursor, CancellationToken.None);
            if (session != member.Session || position.Error is not { } refused) return;
            if (refused.Code != ErrorCodes.Unavailable) world.Fail($"an acknowledgement is refused: {refused.Code} {refused.Message}");
            // It is to be repeated.
            Later(500, () => _ = AcknowledgeAsync(member, feed, session, cursor));
        }
        catch (ObjectDisposedException) when (session != member.Session)
        {
            // Left while it was stored.
        }
    }

    private void Take(FeedEvent happened)
    {
        world.Trace.Add($"the group takes {happened.ResourceId} {happened.Sequence} {happened.Method}");
        var before = _seen.GetValueOrDefault(happened.ResourceId);
        if (happened.Sequence > before + 1) world.Fail($"{happened.ResourceId}: the group is given event {happened.Sequence} after {before}");
        _seen[happened.ResourceId] = Math.Max(before, happened.Sequence);
    }

    private void Later(int millis, Action act) => world.Runtime.After(millis, act);

    private sealed class Member
    {
        public IEventFeed? Feed { get; set; }
        public NodeLife? Node { get; set; }
        public int Session { get; set; }
    }
}
