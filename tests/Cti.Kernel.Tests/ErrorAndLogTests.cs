using System.Reflection;

namespace Cti.Kernel.Tests;

public sealed class ErrorAndLogTests
{
    [Fact]
    public void A_refused_parameter_names_itself_and_the_reason()
    {
        var error = RpcError.InvalidParam("max_keys", "256 is out of 1..255");
        error.Code.ShouldBe(-32602);
        error.Data!["param"].ShouldBe("max_keys");
        error.Data["reason"].ShouldBe("256 is out of 1..255");
        error.Message.ShouldContain("max_keys");
    }

    [Fact]
    public void A_wrong_state_says_which_would_be_right()
    {
        var error = RpcError.WrongState("sys.call.play_stop", "Idle", "Play");
        error.Code.ShouldBe(409);
        error.Data!["state"].ShouldBe("Idle");
        error.Data["allowed"].ShouldBe(new[] { "Play" });
    }

    [Fact]
    public void A_missing_resource_carries_its_id_and_nothing_of_anyone_elses()
    {
        var error = RpcError.NoSuchResource("0.0.7-sys.call-1");
        error.Code.ShouldBe(404);
        error.Data!.Keys.ShouldBe(["res_id"]);
    }

    [Fact]
    public void Adding_data_keeps_what_is_there() =>
        RpcError.Unavailable("full", 250).With("ipsc_info", 7).Data!.Keys.ShouldBe(["retry_after_ms", "ipsc_info"], ignoreOrder: true);

    public static TheoryData<string> LogEventNames() => [.. Kinds().Select(static kind => kind.Name)];

    [Theory]
    [MemberData(nameof(LogEventNames))]
    public void A_log_events_number_is_its_own_and_in_the_range_of_an_area(string name)
    {
        var kinds = Kinds().ToList();
        var kind = kinds.Single(candidate => candidate.Name == name).Event;
        kinds.Count(other => other.Event.Id == kind.Id).ShouldBe(1);
        kind.Id.ShouldBeInRange(1000, 7999);
        kind.Template.ShouldNotBeNullOrWhiteSpace();
    }

    [Fact]
    public void Every_template_can_be_filled()
    {
        foreach (var (name, kind) in Kinds())
            Should.NotThrow(() => string.Format(System.Globalization.CultureInfo.InvariantCulture, kind.Template, "a", "b", "c", "d", "e", "f"), name);
    }

    /// <summary>What a packet, a request, a connection or a single call causes, as often as somebody likes.</summary>
    [Theory]
    [InlineData(nameof(LogEvents.SipRejected))]
    [InlineData(nameof(LogEvents.SipTransactionsFull))]
    [InlineData(nameof(LogEvents.SipBehind))]
    [InlineData(nameof(LogEvents.SipReceiverFault))]
    [InlineData(nameof(LogEvents.SipAcceptFailed))]
    [InlineData(nameof(LogEvents.GatewayUnauthorized))]
    [InlineData(nameof(LogEvents.GatewayOwnerTimeout))]
    [InlineData(nameof(LogEvents.GatewayFault))]
    [InlineData(nameof(LogEvents.ActorCrashed))]
    [InlineData(nameof(LogEvents.ActorStopped))]
    [InlineData(nameof(LogEvents.CallsMaxReached))]
    [InlineData(nameof(LogEvents.JournalUnreachable))]
    [InlineData(nameof(LogEvents.RingBackFailed))]
    [InlineData(nameof(LogEvents.ConferenceSoundFailed))]
    [InlineData(nameof(LogEvents.MediaSessionFault))]
    [InlineData(nameof(LogEvents.MediaReceiverFault))]
    [InlineData(nameof(LogEvents.MediaOverBudget))]
    [InlineData(nameof(LogEvents.MediaBindFailed))]
    [InlineData(nameof(LogEvents.MediaConferenceFault))]
    [InlineData(nameof(LogEvents.LinkRefused))]
    [InlineData(nameof(LogEvents.LinkReceiverFault))]
    [InlineData(nameof(LogEvents.LinkMessageUnknown))]
    [InlineData(nameof(LogEvents.FeedMessageMalformed))]
    [InlineData(nameof(LogEvents.ResourcePostFull))]
    [InlineData(nameof(LogEvents.ByeSpoolFull))]
    [InlineData(nameof(LogEvents.ByeRecordSkipped))]
    [InlineData(nameof(LogEvents.ByeRecordTooOld))]
    [InlineData(nameof(LogEvents.DemoRefused))]
    public void What_strangers_and_single_calls_can_cause_is_summed_up(string name)
    {
        var kind = Kinds().Single(candidate => candidate.Name == name).Event;
        kind.SummedAs.ShouldNotBeNullOrWhiteSpace();
        kind.SummedAs.ShouldNotContain('{');
        kind.SummedAs.ShouldNotContain('}');
    }

    private static IEnumerable<(string Name, LogEvent Event)> Kinds() => typeof(LogEvents).GetFields(BindingFlags.Public | BindingFlags.Static)
        .Where(static field => field.FieldType == typeof(LogEvent)).Select(static field => (field.Name, (LogEvent)field.GetValue(null)!));
}
