using System.Text.Json;

namespace Cti.Node.Tests;

/// <summary>What the program asks of its runtime: the file beside it, which publishing copies.</summary>
public sealed class RuntimeConfigurationTests
{
    [Fact]
    public void Idle_workers_of_the_thread_pool_do_not_spin()
    {
        using var file = JsonDocument.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "cti.runtimeconfig.json")));
        file.RootElement.GetProperty("runtimeOptions").GetProperty("configProperties").GetProperty("System.Threading.ThreadPool.UnfairSemaphoreSpinLimit").GetInt32().ShouldBe(0);
    }
}
