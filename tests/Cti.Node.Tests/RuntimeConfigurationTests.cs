using System.Text.Json;

namespace Cti.Node.Tests;

/// <summary>What the program asks of its runtime: the file beside it, which publishing copies.</summary>
public sealed class RuntimeConfigurationTests
{
    [Fact]
    public void Idle_workers_of_the_thread_pool_do_not_spin() => Setting("System.Threading.ThreadPool.UnfairSemaphoreSpinLimit").ShouldBe(0);

    [Fact]
    public void The_collector_does_not_let_garbage_gather_until_its_removal_is_heard() => Setting("System.GC.Gen0MaxBudget").ShouldBe(3 * 1024 * 1024);

    private static int Setting(string name)
    {
        using var file = JsonDocument.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "cti.runtimeconfig.json")));
        return file.RootElement.GetProperty("runtimeOptions").GetProperty("configProperties").GetProperty(name).GetInt32();
    }
}
