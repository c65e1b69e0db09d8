namespace Cti.Node.Tests;

public sealed class StartFailureTests
{
    [Fact]
    public void Who_may_not_write_is_told_who_it_is_and_where_it_could()
    {
        var line = StartFailure.Explain(new UnauthorizedAccessException("Access to the path '/srv/x' is denied."));
        line.ShouldStartWith("cti: the node cannot start: Access to the path '/srv/x' is denied.");
        line.ShouldContain(Environment.UserName);
        line.ShouldContain("cti.data");
    }

    [Theory]
    [InlineData(28, "no space is left")]
    [InlineData(30, "read-only")]
    public void A_disk_that_takes_nothing_is_told_from_one_that_is_missing(int errno, string what)
    {
        StartFailure.Explain(new IOException("'/srv/x'", errno)).ShouldContain(what);
        StartFailure.Explain(new IOException("'/srv/x'", 2)).ShouldBe("cti: the node cannot start: '/srv/x'");
    }

    [Fact]
    public void The_line_is_one_line() => StartFailure.Explain(new IOException("a\nb\u001b[2J")).ShouldBe(@"cti: the node cannot start: a\nb\u001b[2J");
}
