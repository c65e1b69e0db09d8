using Akka.Configuration;
using Akka.Event;
using Akka.Remote;

namespace Cti.Cluster.Downing;

/// <summary>Makes a condemned node unreachable at once: only members that are down and unreachable are removed.</summary>
/// <remarks>The detector is one an address, not one a run: a quick restart at the same address clears the verdict with its new row.</remarks>
public sealed class VerdictFailureDetector : PhiAccrualFailureDetector
{
    private readonly Verdicts _verdicts;

    /// <summary>The key of its configuration that names the node's run.</summary>
    internal const string RunKey = "cti-run";

    /// <summary>Made by Akka.Cluster, from its configuration.</summary>
    public VerdictFailureDetector(Config config, EventStream events) : base(config, events) => _verdicts = Verdicts.Of(config.GetString(RunKey));

    /// <inheritdoc/>
    public override bool IsAvailable => !_verdicts.IsDead(HostOf(Address)) && base.IsAvailable;

    private static string HostOf(string? address) => address is null ? "" : address[(address.IndexOf('@', StringComparison.Ordinal) + 1)..];
}
