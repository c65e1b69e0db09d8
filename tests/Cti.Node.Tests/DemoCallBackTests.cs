using Cti.Node.Demo;

namespace Cti.Node.Tests;

/// <summary>A From is not authenticated: the demo calls back only where it may be called from.</summary>
public sealed class DemoCallBackTests
{
    [Theory]
    [InlineData("sip:me@127.0.0.1", true)]
    [InlineData("sip:me@127.0.0.1:5070", true)]
    [InlineData("sip:me@10.1.2.3", true)]
    [InlineData("sip:me@172.16.0.1", true)]
    [InlineData("sip:me@172.31.255.1", true)]
    [InlineData("sip:me@192.168.1.20;transport=tcp", true)]
    [InlineData("sip:me@[::1]", true)]
    [InlineData("sip:me@[fd00::1]:5060", true)]
    [InlineData("sip:me@172.32.0.1", false)]
    [InlineData("sip:me@172.15.0.1", false)]
    [InlineData("sip:me@192.169.0.1", false)]
    [InlineData("sip:me@198.51.100.7", false)]
    [InlineData("sip:me@[2001:db8::1]", false)]
    [InlineData("sip:me@example.com", false)]
    [InlineData("sip:127.0.0.1", false)]
    [InlineData("sip:anonymous@anonymous.invalid", false)]
    [InlineData("", false)]
    public void Only_an_address_nearby_is_called_back(string from, bool may) => DemoCallBack.MayCall(from).ShouldBe(may);
}
