using System.Net.Sockets;

namespace Cti.Kernel;

/// <summary>An address cannot be listened at.</summary>
/// <param name="address">The address as it is configured, e.g. <c>udp:0.0.0.0:5060</c>.</param>
/// <param name="error">Why not.</param>
/// <param name="inner">What the system said.</param>
public sealed class ListenException(string address, SocketError error, Exception? inner = null) : IOException($"{address} {ReasonOf(error)}", inner)
{
    /// <summary>The address as it is configured.</summary>
    public string Address { get; } = address;

    /// <summary>Why not.</summary>
    public SocketError Error { get; } = error;

    /// <summary>What went wrong and what would be right, to be read behind the address.</summary>
    public static string ReasonOf(SocketError error) => error switch
    {
        SocketError.AddressAlreadyInUse => "is in use by another process: end that one, or listen at another port",
        SocketError.AddressNotAvailable => "is no address of this machine: listen at one that it has, or at 0.0.0.0 or [::] for all",
        SocketError.AccessDenied =>
            "needs a right that this process does not have: ports below 1024 are reserved (setcap cap_net_bind_service, or another port)",
        SocketError.AddressFamilyNotSupported => "is of a family that this machine does not have: IPv6 may be switched off",
        _ => $"cannot be listened at: {new SocketException((int)error).Message}",
    };
}
