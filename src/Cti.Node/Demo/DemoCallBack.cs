using System.Net;
using System.Net.Sockets;
using Cti.Sip.Message;

namespace Cti.Node.Demo;

/// <summary>
/// Whom the demo may call back. A caller's From is not authenticated, so nobody may make the demo ring a host elsewhere: only an address of this machine or of
/// a private network, which is where the demo may be called from.
/// </summary>
internal static class DemoCallBack
{
    /// <summary>Whether a From URI names a user at a loopback or private address.</summary>
    public static bool MayCall(string from) =>
        SipUri.TryParse(from, out var uri) && !string.IsNullOrEmpty(uri.User) && IPAddress.TryParse(uri.Host.Trim('[', ']'), out var address)
            && IsNear(address);

    private static bool IsNear(IPAddress address)
    {
        if (IPAddress.IsLoopback(address)) return true;
        if (address.AddressFamily == AddressFamily.InterNetworkV6) return address.IsIPv6UniqueLocal;
        var bytes = address.GetAddressBytes();
        return bytes[0] == 10 || (bytes[0] == 172 && bytes[1] is >= 16 and < 32) || (bytes[0] == 192 && bytes[1] == 168);
    }
}
