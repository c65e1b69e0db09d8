namespace Cti.Kernel.Tests;

public sealed class ResourceIdTests
{
    [Theory]
    [InlineData("0.0.7-sys.call-23479873432234", 0, 0, 7, "sys.call", 23479873432234)]
    [InlineData("12.3.63-sys.conf-1", 12, 3, 63, "sys.conf", 1)]
    [InlineData("0.0.0-ext.notify_call-9007199254740991", 0, 0, 0, "ext.notify_call", ResourceId.ProcessIdMax)]
    [InlineData("0.0.0-ext.captcha_call-5", 0, 0, 0, "ext.captcha_call", 5)]
    [InlineData("0.0.0-ext.duo_callback-5", 0, 0, 0, "ext.duo_callback", 5)]
    public void The_contracts_form_is_read_and_written_back(string text, int area, int station, int instance, string module, long process)
    {
        ResourceId.TryParse(text, out var id).ShouldBeTrue();
        id.ShouldBe(new ResourceId(area, station, instance, module, process));
        id.ToString().ShouldBe(text);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("0.0.7-sys.call")]
    [InlineData("0.0.7-sys.call-")]
    [InlineData("0.0.7--1")]
    [InlineData("0.0-sys.call-1")]
    [InlineData("0.0.0.0-sys.call-1")]
    [InlineData("-1.0.7-sys.call-1")]
    [InlineData("0.0.7-sys.call-0")]
    [InlineData("0.0.7-sys.call--1")]
    [InlineData("0.0.7-sys.call-01")]
    [InlineData("00.0.7-sys.call-1")]
    [InlineData("0.0.7-sys.call-9007199254740992")]
    [InlineData("0.0.2147483648-sys.call-1")]
    [InlineData("0.0.7-sys.calls-1")]
    [InlineData("0.0.7-SYS.CALL-1")]
    [InlineData(" 0.0.7-sys.call-1")]
    [InlineData("0.0.7-sys.call-1 ")]
    [InlineData("0.0.7-sys.call-+1")]
    [InlineData("a.b.c-sys.call-1")]
    public void Anything_else_is_none(string? text) => ResourceId.TryParse(text, out _).ShouldBeFalse();

    [Fact]
    public void Two_texts_never_name_one_resource()
    {
        // Canonical only: otherwise 404 checks by text and by value would differ.
        ResourceId.TryParse("0.0.7-sys.call-12", out var id).ShouldBeTrue();
        ResourceId.TryParse("0.0.07-sys.call-12", out _).ShouldBeFalse();
        id.Module.ShouldBeSameAs(Modules.Call);
    }
}
