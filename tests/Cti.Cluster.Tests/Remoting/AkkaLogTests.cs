using Akka.Event;
using Akka.TestKit.Xunit2;
using Cti.Cluster.Remoting;

namespace Cti.Cluster.Tests.Remoting;

/// <summary>What Akka says, in the node's log.</summary>
public sealed class AkkaLogTests : TestKit
{
    private readonly WrittenLog _log = new();
    private int _dead;

    public AkkaLogTests() => AkkaLog.Attach(Sys, _log, () => Interlocked.Increment(ref _dead), static said => said.Message?.ToString() == "known");

    [Fact]
    public void Errors_are_errors_and_what_is_done_again_is_a_warning()
    {
        Sys.EventStream.Publish(new Error(null, "coordinator", typeof(AkkaLogTests), "unable to update a distributed state within 1000 millis (retrying)."));
        Sys.EventStream.Publish(new Error(new IOException("gone (retrying)"), "transport", typeof(AkkaLogTests), "cannot write"));
        Sys.EventStream.Publish(new Warning("cluster", typeof(AkkaLogTests), "known"));
        Sys.EventStream.Publish(new Warning("cluster", typeof(AkkaLogTests), "a node is late"));
        AwaitAssert(() => _log.Lines.Count.ShouldBe(3));
        _log.Lines[0].ShouldStartWith("Warning");
        _log.Lines[1].ShouldStartWith("Error");
        _log.Lines[1].ShouldContain("gone (retrying)");
        _log.Lines[2].ShouldStartWith("Warning");
    }

    [Fact]
    public void What_found_nobody_is_counted_and_not_written()
    {
        var nobody = CreateTestProbe();
        Sys.Stop(nobody);
        AwaitAssert(() =>
        {
            nobody.Ref.Tell("hello", TestActor);
            _dead.ShouldBeGreaterThan(0);
        });
        _log.Lines.ShouldBeEmpty();
    }
}
