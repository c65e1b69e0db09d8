namespace Cti.Node.Tests;

public sealed class StartLimitTests
{
    [Fact]
    public void What_ends_in_time_has_been_done()
    {
        var isDone = false;
        StartLimit.Within("test", 60_000, () => isDone = true).ShouldBeTrue();
        isDone.ShouldBeTrue();
    }

    [Fact]
    public void What_never_answers_is_not_waited_for()
    {
        using var answers = new ManualResetEventSlim();
        using var ended = new ManualResetEventSlim();
        StartLimit.Within("test", 1, () =>
        {
            answers.Wait();
            ended.Set();
            throw new IOException("nobody's any more");
        }).ShouldBeFalse();
        answers.Set();
        ended.Wait(60_000).ShouldBeTrue("it goes on");
    }

    [Fact]
    public void A_fault_is_the_callers() =>
        Should.Throw<UnauthorizedAccessException>(static () =>
            StartLimit.Within("test", 60_000, static () => throw new UnauthorizedAccessException("not here")))
            .Message.ShouldBe("not here");
}
