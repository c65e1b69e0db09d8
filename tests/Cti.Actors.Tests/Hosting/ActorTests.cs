using Cti.Actors.Hosting;
using Cti.Kernel;
using Cti.Testing;

namespace Cti.Actors.Tests.Hosting;

public sealed class ActorTests
{
    private readonly ManualRuntime _runtime = new();

    private ActorHost NewSystem() => new(_runtime, _runtime, _runtime, NullLog.Instance);

    private sealed class Recorder(List<object> seen) : NodeActor
    {
        protected override void OnStart() => Become(Open);

        private bool Open(object message)
        {
            switch (message)
            {
                case "crash": throw new InvalidOperationException("planted");
                case "close": Become(Closed); return true;
                case "stop": StopSelf(); return true;
                case "timer": StartTimer("t", 100, "due"); return true;
                case "cancel": CancelTimer("t"); return true;
                case int: return false;
                default: seen.Add(message); return true;
            }
        }

        private bool Closed(object message)
        {
            if (message is "open")
            {
                Become(Open);
                UnstashAll();
            }
            else
            {
                StashMessage();
            }
            return true;
        }

        protected override void OnUndelivered(object message) => seen.Add($"undelivered {message}");
    }

    [Fact]
    public void Messages_are_handled_in_the_order_they_were_sent()
    {
        var seen = new List<object>();
        var actor = NewSystem().Spawn("a", () => new Recorder(seen));
        for (var i = 0; i < 200; i++) actor.Tell($"m{i}");
        _runtime.RunAll();
        seen.ShouldBe(Enumerable.Range(0, 200).Select(i => (object)$"m{i}"));
    }

    [Fact]
    public void An_actor_begins_with_its_first_message()
    {
        var made = 0;
        var seen = new List<object>();
        var actor = NewSystem().Spawn("a", () =>
        {
            made++;
            return new Recorder(seen);
        });
        _runtime.RunAll();
        made.ShouldBe(0);
        actor.Tell("m").ShouldBeTrue();
        _runtime.RunAll();
        made.ShouldBe(1);
        seen.ShouldBe(["m"]);
    }

    [Fact]
    public void What_is_stashed_comes_back_in_order_before_anything_newer()
    {
        var seen = new List<object>();
        var actor = NewSystem().Spawn("a", () => new Recorder(seen));
        foreach (var message in new[] { "close", "1", "2", "open", "3" }) actor.Tell(message);
        _runtime.RunAll();
        seen.ShouldBe(["1", "2", "3"]);
    }

    [Fact]
    public void A_crash_restarts_the_actor_and_the_sixth_stops_it_for_good()
    {
        var seen = new List<object>();
        var system = NewSystem();
        var crashes = 0;
        system.CrashObserver = (_, _) => crashes++;
        var actor = system.Spawn("a", () => new Recorder(seen));
        for (var i = 0; i < 5; i++)
        {
            actor.Tell("crash");
            actor.Tell($"after {i}");
        }
        _runtime.RunAll();
        seen.Count.ShouldBe(5);
        actor.IsStopped.ShouldBeFalse();
        actor.Tell("crash");
        _runtime.RunAll();
        actor.IsStopped.ShouldBeTrue();
        crashes.ShouldBe(6);
        system.AliveCount.ShouldBe(0);
        actor.Tell("more").ShouldBeFalse();
    }

    [Fact]
    public void An_unaccepted_message_crashes_the_actor()
    {
        var system = NewSystem();
        Exception? fault = null;
        system.CrashObserver = (_, exception) => fault = exception;
        system.Spawn("a", () => new Recorder([])).Tell(42);
        _runtime.RunAll();
        fault.ShouldBeOfType<InvalidOperationException>().Message.ShouldContain("Int32");
    }

    [Fact]
    public void A_timer_arrives_as_a_message_at_its_time_and_a_cancelled_one_never()
    {
        var seen = new List<object>();
        var actor = NewSystem().Spawn("a", () => new Recorder(seen));
        actor.Tell("timer");
        _runtime.RunAll();
        _runtime.Advance(99);
        seen.ShouldBeEmpty();
        _runtime.Advance(1);
        seen.ShouldBe(["due"]);
        actor.Tell("timer");
        actor.Tell("cancel");
        _runtime.RunAll();
        _runtime.Advance(1000);
        seen.Count.ShouldBe(1);
    }

    [Fact]
    public void A_full_mailbox_refuses_and_a_stopped_actor_hands_back_what_was_queued()
    {
        var seen = new List<object>();
        var actor = NewSystem().Spawn("a", () => new Recorder(seen), capacity: 3);
        actor.Tell("stop").ShouldBeTrue();
        actor.Tell("x").ShouldBeTrue();
        actor.Tell("y").ShouldBeTrue();
        actor.Tell("z").ShouldBeFalse();
        _runtime.RunAll();
        seen.ShouldBe(["undelivered x", "undelivered y"]);
    }

    [Fact]
    public void The_fullest_mailbox_of_a_kind_is_known_for_a_minute_or_two_and_what_it_refused_for_ever()
    {
        var system = NewSystem();
        var actor = system.Spawn("call 1", () => new Recorder([]), capacity: 3);
        for (var i = 0; i < 5; i++) actor.Tell($"m{i}");
        system.Spawn("call 2", () => new Recorder([])).Tell("m");
        system.Spawn("sip", () => new Recorder([])).Tell("m");
        _runtime.RunAll();
        system.Mailboxes.ShouldBe([new MailboxStatistics("call", 3, 2), new MailboxStatistics("sip", 1, 0)]);

        _runtime.Advance(60_000);
        system.Mailboxes[0].ShouldBe(new MailboxStatistics("call", 3, 2), "it was in the minute before");
        actor.Tell("m");
        _runtime.Advance(60_000);
        system.Mailboxes[0].ShouldBe(new MailboxStatistics("call", 1, 2));
        _runtime.Advance(60_000);
        system.Mailboxes[0].ShouldBe(new MailboxStatistics("call", 0, 2));
    }

    [Fact]
    public async Task A_thousand_concurrent_senders_lose_nothing_on_a_real_thread_pool()
    {
        var seen = new List<object>();
        var system = new ActorHost(new PoolRuntime(), _runtime, _runtime, NullLog.Instance);
        var actor = system.Spawn("a", () => new Recorder(seen), capacity: 1_000_000);
        await Task.WhenAll(Enumerable.Range(0, 1000).Select(sender => Task.Run(() =>
        {
            for (var i = 0; i < 20; i++) actor.Tell($"{sender}:{i}");
        })));
        SpinWait.SpinUntil(() => Volatile.Read(ref seen).Count == 20_000, 10_000).ShouldBeTrue();
        foreach (var group in seen.Cast<string>().Select(text => text.Split(':')).GroupBy(parts => parts[0]))
            group.Select(parts => int.Parse(parts[1])).ShouldBeInOrder();
    }

    private sealed class PoolRuntime : IScheduler
    {
        public void Post(IWorkItem item) => ThreadPool.UnsafeQueueUserWorkItem(static state => state.Run(), item, false);
    }
}
