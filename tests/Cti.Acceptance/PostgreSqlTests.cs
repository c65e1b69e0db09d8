using Cti.Acceptance.Infrastructure;
using Cti.Testing;

namespace Cti.Acceptance;

/// <summary>A node whose journal is PostgreSQL.</summary>
public sealed class PostgreSqlTests
{
    [Fact]
    public async Task A_call_through_PostgreSQL_and_kill_9_leave_every_event_in_order_and_one_record_each()
    {
        await using var database = await PostgreSqlServer.StartAsync();
        await using var node = await NodeProcess.StartAsync(Sets(database.ConnectionString()));
        await using var phone = new TestPhone();
        await using var app = await RpcClient.ConnectAsync(node);
        var first = phone.Call(node, "over");
        var over = await app.IncomingAsync("over");
        await app.AskAsync("sys.call.answer", new { res_id = over, max_answer_seconds = 120 });
        await first.AnsweredAsync();
        await app.ExpectAsync("sys.call.on_answer_completed", over);
        await app.AskAsync("sys.call.drop", new { res_id = over });
        await first.ByeAsync();
        await app.ExpectAsync("sys.on_chan_closed", over);
        (await database.QueryAsync("SELECT count(*) FROM journal")).ShouldBe(["0"], "what is released needs no recovery");

        var second = phone.Call(node, "up");
        var up = await app.IncomingAsync("up");
        await app.AskAsync("sys.call.answer", new { res_id = up, max_answer_seconds = 120 });
        await second.AnsweredAsync();
        await app.ExpectAsync("sys.call.on_answer_completed", up);
        (await database.QueryAsync("SELECT DISTINCT res_id FROM journal")).ShouldBe([up]);
        var last = app.Events.All[^1].Cursor;

        await node.KillAsync();
        await node.LaunchAsync();

        await using var again = await RpcClient.ConnectAsync(node);
        await again.AskAsync("sys.event.subscribe", new { from = last });
        await second.AgreeAsync();
        await again.AskAsync("sys.call.drop", new { res_id = up });
        await again.ExpectAsync("sys.call.on_released", up);
        await again.ExpectAsync("sys.on_chan_closed", up);
        await second.ByeAsync(TimeSpan.FromSeconds(20));
        var seqs = app.Events.All.Concat(again.Events.All).Where(e => e.ResId == up).Select(static e => e.Seq).Order().ToArray();
        seqs.ShouldBe(Enumerable.Range(1, seqs.Length).Select(static n => (long)n), "nothing lost, nothing doubled");
        foreach (var res in new[] { over, up }) (await database.QueryAsync($"SELECT count(*) FROM call_record WHERE res_id = '{res}'")).ShouldBe(["1"]);
        await Patience.UntilAsync(() => Directory.GetFiles(Path.Combine(node.Folder, "data", "cdr"), "cdr-*.csv")
            .Sum(static file => File.ReadAllLines(file).Length) == 2, "a line each");
        (await node.StopAsync()).ShouldBe(0);
        node.Log.ShouldNotContain(PostgreSqlServer.Password);
    }

    [Fact]
    public async Task A_database_that_is_restarted_amid_a_call_costs_neither_the_call_nor_an_event()
    {
        await using var database = await PostgreSqlServer.StartAsync();
        await using var node = await NodeProcess.StartAsync(Sets(database.ConnectionString()));
        await using var phone = new TestPhone();
        await using var app = await RpcClient.ConnectAsync(node);
        var call = phone.Call(node, "stays");
        var res = await app.IncomingAsync("stays");
        await app.AskAsync("sys.call.answer", new { res_id = res, max_answer_seconds = 120 });
        await call.AnsweredAsync();
        await app.ExpectAsync("sys.call.on_answer_completed", res);

        node.ExpectsErrors = true;
        await database.KillAsync();
        await database.LaunchAsync();
        // Refused until the node has found its database again, as an application is told.
        await Patience.UntilAsync(async () =>
        {
            try
            {
                await app.AskAsync("sys.call.drop", new { res_id = res });
                return true;
            }
            catch (RpcException refused) when (refused.Code == 503)
            {
                return false;
            }
        }, "the journal is reached again");
        await call.ByeAsync(TimeSpan.FromSeconds(20));
        await app.ExpectAsync("sys.on_chan_closed", res);
        var seqs = app.Events.All.Where(e => e.ResId == res).Select(static e => e.Seq).ToArray();
        seqs.ShouldBe(Enumerable.Range(1, seqs.Length).Select(static n => (long)n));
        (await database.QueryAsync($"SELECT count(*) FROM call_record WHERE res_id = '{res}'")).ShouldBe(["1"]);
        node.Errors().ShouldAllBe(static line => line.Contains(": PostgreSQL at 127.0.0.1", StringComparison.Ordinal), "of the database, and of nothing else");
    }

    [Fact]
    public async Task A_node_that_cannot_reach_its_database_says_so_and_what_would_be_right()
    {
        var wrong = $"Host=127.0.0.1;Port={Ports.Free()};Username=cti;Password=hidden;Database=cti";
        // Shouldly would take the infrastructure's own failure for that of this assertion.
        var start = (await Record.ExceptionAsync(() => NodeProcess.StartAsync(Sets(wrong)))).ShouldNotBeNull();
        start.Message.ShouldContain("the node ended with 1");
        start.Message.ShouldContain("cti: the node cannot start: PostgreSQL at 127.0.0.1");
        start.Message.ShouldContain("right are Host and Port of a server that runs");
        start.Message.ShouldNotContain("hidden");
    }

    private static string[] Sets(string connectionString) => ["cti.journal.provider=postgresql", $"cti.journal.connection-string={connectionString}"];
}
