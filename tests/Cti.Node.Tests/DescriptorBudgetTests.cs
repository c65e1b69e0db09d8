using Cti.Kernel;
using Cti.Node.Configuration;

namespace Cti.Node.Tests;

/// <summary>How the process's files and sockets are divided.</summary>
public sealed class DescriptorBudgetTests
{
    private const int InUse = 60;
    private static readonly DescriptorWishes Usual = new(5_000, 1_000, 10_000, 40);

    [Fact]
    public void Where_there_is_enough_everybody_gets_what_the_configuration_says()
    {
        var budget = DescriptorBudget.Divide(65_536, InUse, Usual);
        (budget.Sessions, budget.SipConnections, budget.GatewayConnections).ShouldBe((5_000, 1_000, 10_000));
    }

    [Theory]
    [InlineData(540)]
    [InlineData(1_024)]
    [InlineData(4_096)]
    [InlineData(20_000)]
    public void Where_there_is_not_the_shares_fit_and_the_last_hundred_stay(int limit)
    {
        var budget = DescriptorBudget.Divide(limit, InUse, Usual);
        // Calls that are up may take a tenth more sessions than new ones.
        var most = (budget.Sessions * 11 / 10 * Limits.DescriptorsPerSession) + budget.SipConnections + budget.GatewayConnections;
        (limit - Limits.DescriptorsRuntime - Usual.Fixed - most).ShouldBeGreaterThanOrEqualTo(Limits.DescriptorsReserved);
        budget.Sessions.ShouldBeGreaterThanOrEqualTo(16);
        budget.SipConnections.ShouldBeGreaterThanOrEqualTo(16);
        budget.GatewayConnections.ShouldBeGreaterThanOrEqualTo(16);
        budget.Sessions.ShouldBeLessThanOrEqualTo(Usual.Sessions);
    }

    [Fact]
    public void What_one_kind_does_not_need_the_others_have()
    {
        var budget = DescriptorBudget.Divide(1_024, InUse, Usual with { SipConnections = 0, Sessions = 50 });
        budget.Sessions.ShouldBe(50);
        budget.SipConnections.ShouldBe(0);
        budget.GatewayConnections.ShouldBeGreaterThan(400);
    }

    [Fact]
    public void A_node_without_media_needs_no_calls()
    {
        var budget = DescriptorBudget.Divide(600, InUse, new DescriptorWishes(0, 0, 10_000, 2));
        (budget.Sessions, budget.SipConnections).ShouldBe((0, 0));
        budget.GatewayConnections.ShouldBeGreaterThan(100);
    }

    [Theory]
    [InlineData(null, new string[0])]
    [InlineData("cti.gateway.max-connections=10000", new[] { "cti.gateway.max-connections" })]
    [InlineData("cti.gateway.max-connections=9999", new[] { "cti.gateway.max-connections" })]
    [InlineData("cti.gateway.max-connections=100", new string[0])]
    [InlineData("cti.media.ports=20000-49999", new[] { "the number of media sessions (cti.media.ports)" })]
    public void A_default_that_is_lowered_is_a_note_and_a_configured_value_a_warning(string? set, string[] warned)
    {
        var configuration = NodeConfigurationLoader.Load(ConfigurationSources.None with { Sets = set is null ? [] : [set] });
        var wishes = new DescriptorWishes((configuration.Media.PortLast - configuration.Media.PortFirst + 1) / 2, configuration.Sip.Tcp.MaxConnections,
            configuration.Gateway.MaxConnections, 40);
        var log = new LogList();
        DescriptorBudget.Divide(20_000, InUse, wishes).Tell(wishes, configuration.IsSet, log);
        log.Of(LogSeverity.Warning).Select(static line => line[1]).ShouldBe(warned);
        if (set is null) log.Of(LogSeverity.Information).Count.ShouldBeGreaterThan(1, "that a default is lowered is told as well");
    }

    [Fact]
    public void A_limit_that_is_of_no_use_is_refused_with_what_would_be_right()
    {
        var fault = Should.Throw<InvalidDataException>(() => DescriptorBudget.Divide(128, InUse, Usual));
        fault.Message.ShouldContain("128");
        fault.Message.ShouldContain("LimitNOFILE");
        fault.Message.ShouldContain("27928");
    }

    /// <summary>What was written, by its severity: its arguments.</summary>
    private sealed class LogList : ILog
    {
        private readonly List<(LogSeverity Severity, string[] Arguments)> _lines = [];

        public bool IsEnabled(LogSeverity severity) => true;

        public void Write(LogEvent kind, params ReadOnlySpan<object?> arguments)
        {
            var texts = new List<string>();
            foreach (var argument in arguments) texts.Add($"{argument}");
            _lines.Add((kind.Severity, [.. texts]));
        }

        public List<string[]> Of(LogSeverity severity) => [.. _lines.Where(line => line.Severity == severity).Select(static line => line.Arguments)];
    }
}
