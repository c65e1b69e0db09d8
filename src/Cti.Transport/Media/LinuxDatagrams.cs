using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Cti.Media.Rtp;
using Cti.Transport.Native;

namespace Cti.Transport.Media;

/// <summary>A raw descriptor: the framework's socket costs twice as much a packet.</summary>
internal sealed unsafe class LinuxDatagramSocket : DatagramSocket
{
    private int _descriptor;

    private readonly bool _ipv6;

    private LinuxDatagramSocket(int descriptor, bool ipv6)
    {
        _descriptor = descriptor;
        _ipv6 = ipv6;
    }

    public int Descriptor => _descriptor;

    public static LinuxDatagramSocket? TryBind(IPEndPoint local, SocketTuning tuning)
    {
        var address = SocketAddressKey.From(local);
        var ipv6 = local.AddressFamily == AddressFamily.InterNetworkV6;
        var descriptor = Libc.Socket(ipv6 ? Libc.AfInet6 : Libc.AfInet, Libc.SockDgram | Libc.SockNonblock | Libc.SockCloexec, 0);
        if (descriptor < 0)
            throw Libc.SocketFault(Marshal.GetLastPInvokeError());
        if (ipv6)
            Set(descriptor, Libc.IpProtoIPv6, Libc.IPv6V6Only, 1);
        if (tuning.BufferBytes > 0)
            Set(descriptor, Libc.SolSocket, Libc.SoRcvbuf, tuning.BufferBytes);
        if (tuning.ReportsErrors)
            Set(descriptor, ipv6 ? Libc.IpProtoIPv6 : Libc.IpProtoIp, ipv6 ? Libc.IPv6RecvErr : Libc.IpRecvErr, 1);
        if (tuning.TrafficClass > 0)
            Set(descriptor, ipv6 ? Libc.IpProtoIPv6 : Libc.IpProtoIp, ipv6 ? Libc.IPv6Tclass : Libc.IpTos, tuning.TrafficClass);
        var sockAddr = stackalloc byte[SockAddr.BytesMax];
        var length = SockAddr.Write(address, ipv6, new Span<byte>(sockAddr, SockAddr.BytesMax));
        if (Libc.Bind(descriptor, sockAddr, (uint)length) == 0)
            return new LinuxDatagramSocket(descriptor, ipv6);
        var error = Marshal.GetLastPInvokeError();
        _ = Libc.Close(descriptor);
        return error == Libc.EAddrInUse ? null : throw Libc.SocketFault(error);
    }

    public override int Receive(byte* buffer, int length, out SocketAddressKey source)
    {
        var sockAddr = stackalloc byte[SockAddr.BytesMax];
        uint sockAddrLength = SockAddr.BytesMax;
        var received = Libc.ReceiveFrom(_descriptor, buffer, (nuint)length, Libc.MsgDontWait, sockAddr, &sockAddrLength);
        if (received < 0)
        {
            source = default;
            return -1;
        }

        source = SockAddr.Read(new ReadOnlySpan<byte>(sockAddr, SockAddr.BytesMax));
        return (int)received;
    }

    public override bool Send(byte* buffer, int length, SocketAddressKey target)
    {
        var sockAddr = stackalloc byte[SockAddr.BytesMax];
        var sockAddrLength = SockAddr.Write(target, _ipv6, new Span<byte>(sockAddr, SockAddr.BytesMax));
        return Libc.SendTo(_descriptor, buffer, (nuint)length, Libc.MsgDontWait, sockAddr, (uint)sockAddrLength) == length;
    }

    public override IPEndPoint Local
    {
        get
        {
            var sockAddr = stackalloc byte[SockAddr.BytesMax];
            uint length = SockAddr.BytesMax;
            if (Libc.GetSockName(_descriptor, sockAddr, &length) != 0)
                throw new SocketException(Marshal.GetLastPInvokeError());
            var key = SockAddr.Read(new ReadOnlySpan<byte>(sockAddr, SockAddr.BytesMax));
            return key.IsUnspecified ? new IPEndPoint(_ipv6 ? IPAddress.IPv6Any : IPAddress.Any, key.Port) : key.ToEndPoint();
        }
    }

    public override bool WaitReadable(int millis)
    {
        var descriptor = new Libc.PollDescriptor { Descriptor = _descriptor, Events = Libc.PollIn };
        return Libc.Poll(&descriptor, 1, millis) > 0;
    }

    public override bool TryTakeError(out SocketAddressKey destination)
    {
        destination = default;
        var name = stackalloc byte[SockAddr.BytesMax];
        var quoted = stackalloc byte[64];
        var control = stackalloc byte[256];
        var vector = new Libc.IoVector { Base = quoted, Length = 64 };
        var message = new Libc.MessageHeader
        {
            Name = name, NameLength = SockAddr.BytesMax, Vectors = &vector, VectorCount = 1, Control = control, ControlLength = 256,
        };
        if (Libc.ReceiveMessage(_descriptor, &message, Libc.MsgErrQueue | Libc.MsgDontWait) < 0)
            return false;
        destination = SockAddr.Read(new ReadOnlySpan<byte>(name, SockAddr.BytesMax));
        return true;
    }

    public override void Dispose()
    {
        var descriptor = Interlocked.Exchange(ref _descriptor, -1);
        if (descriptor >= 0)
            _ = Libc.Close(descriptor);
    }

    // Tuning only: a system that refuses it still carries the packets.
    private static void Set(int descriptor, int level, int name, int value) => _ = Libc.SetSockOpt(descriptor, level, name, &value, sizeof(int));
}

/// <summary>epoll over a loop's sockets, asked without waiting.</summary>
internal sealed unsafe class EpollPoller : DatagramPoller
{
    private const int BatchMax = 512;
    private readonly int _epoll;
    private readonly byte* _events;
    private readonly int _eventBytes = Libc.EpollEventBytes;
    private readonly int _dataOffset = Libc.EpollDataOffset;
    private bool _disposed;

    public EpollPoller()
    {
        _epoll = Libc.EpollCreate(Libc.EpollCloexec);
        if (_epoll < 0)
            throw new SocketException(Marshal.GetLastPInvokeError());
        _events = (byte*)NativeMemory.AllocZeroed((nuint)(BatchMax * _eventBytes));
    }

    public override void Add(DatagramSocket socket, int token)
    {
        var happening = stackalloc byte[16];
        *(uint*)happening = Libc.EpollIn;
        *(long*)(happening + _dataOffset) = token;
        if (Libc.EpollControl(_epoll, Libc.EpollCtlAdd, ((LinuxDatagramSocket)socket).Descriptor, happening) != 0)
            throw new SocketException(Marshal.GetLastPInvokeError());
    }

    public override void Remove(DatagramSocket socket, int token)
    {
        var happening = stackalloc byte[16];
        _ = Libc.EpollControl(_epoll, Libc.EpollCtlDel, ((LinuxDatagramSocket)socket).Descriptor, happening);
    }

    public override int Poll(Span<int> tokens)
    {
        var count = Libc.EpollWait(_epoll, _events, Math.Min(BatchMax, tokens.Length), 0);
        if (count <= 0)
            return 0;
        var data = _events + _dataOffset;
        for (var i = 0; i < count; i++, data += _eventBytes)
            tokens[i] = *(int*)data;
        return count;
    }

    public override void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        _ = Libc.Close(_epoll);
        NativeMemory.Free(_events);
    }
}
