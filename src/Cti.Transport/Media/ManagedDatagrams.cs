using System.Net;
using System.Net.Sockets;
using Cti.Media.Rtp;

namespace Cti.Transport.Media;

/// <summary>The framework's socket, for systems other than Linux.</summary>
internal sealed class ManagedDatagramSocket : DatagramSocket
{
    private readonly Socket _socket;
    private readonly SocketAddress _source;
    private readonly SocketAddress _target;
    private readonly IPEndPoint _factory;
    private SocketAddressKey _targetSeen;
    private SocketAddressKey _sourceSeen;
    private readonly byte[] _sourceBytes;

    private ManagedDatagramSocket(Socket socket, AddressFamily family)
    {
        _socket = socket;
        _factory = new IPEndPoint(family == AddressFamily.InterNetwork ? IPAddress.Any : IPAddress.IPv6Any, 0);
        _source = new SocketAddress(family);
        _target = new SocketAddress(family);
        _sourceBytes = new byte[_source.Size];
    }

    /// <summary>Bytes that wait; 0 also when the socket is closed.</summary>
    public bool Readable
    {
        get
        {
            try
            {
                return _socket.Available > 0;
            }
            catch (SocketException)
            {
                return false;
            }
            catch (ObjectDisposedException)
            {
                return false;
            }
        }
    }

    public static ManagedDatagramSocket? TryBind(IPEndPoint local, SocketTuning tuning)
    {
        var socket = new Socket(local.AddressFamily, SocketType.Dgram, ProtocolType.Udp) { Blocking = false };
        try
        {
            if (local.AddressFamily == AddressFamily.InterNetworkV6)
                socket.DualMode = false;
            if (tuning.BufferBytes > 0)
                socket.ReceiveBufferSize = tuning.BufferBytes;
            if (tuning.TrafficClass > 0 && local.AddressFamily == AddressFamily.InterNetwork)
                socket.SetSocketOption(SocketOptionLevel.IP, SocketOptionName.TypeOfService, tuning.TrafficClass);
            socket.Bind(local);
            return new ManagedDatagramSocket(socket, local.AddressFamily);
        }
        catch (SocketException error) when (error.SocketErrorCode is SocketError.AddressAlreadyInUse or SocketError.AccessDenied)
        {
            socket.Dispose();
            return null;
        }
    }

    public override IPEndPoint Local => (IPEndPoint)_socket.LocalEndPoint!;

    public override bool WaitReadable(int millis)
    {
        try
        {
            return _socket.Poll(millis * 1_000, SelectMode.SelectRead);
        }
        catch (SocketException)
        {
            return false;
        }
        catch (ObjectDisposedException)
        {
            return false;
        }
    }

    public override bool TryTakeError(out SocketAddressKey destination)
    {
        destination = default;
        return false;
    }

    public override unsafe int Receive(byte* buffer, int length, out SocketAddressKey source)
    {
        source = default;
        try
        {
            var received = _socket.ReceiveFrom(new Span<byte>(buffer, length), SocketFlags.None, _source);
            source = SourceOf();
            return received;
        }
        catch (SocketException)
        {
            return -1;
        }
        catch (ObjectDisposedException)
        {
            return -1;
        }
    }

    public override unsafe bool Send(byte* buffer, int length, SocketAddressKey target)
    {
        try
        {
            lock (_target)
            {
                if (target != _targetSeen)
                {
                    var serialized = target.ToEndPoint().Serialize();
                    serialized.Buffer.Span[..serialized.Size].CopyTo(_target.Buffer.Span);
                    _targetSeen = target;
                }

                return _socket.SendTo(new ReadOnlySpan<byte>(buffer, length), SocketFlags.None, _target) == length;
            }
        }
        catch (SocketException)
        {
            return false;
        }
        catch (ObjectDisposedException)
        {
            return false;
        }
    }

    public override void Dispose() => _socket.Dispose();

    // Parsing the platform's form allocates, so it is done only when the source changes.
    private SocketAddressKey SourceOf()
    {
        var bytes = _source.Buffer.Span[.._sourceBytes.Length];
        if (_sourceSeen != default && bytes.SequenceEqual(_sourceBytes))
            return _sourceSeen;
        bytes.CopyTo(_sourceBytes);
        return _sourceSeen = SocketAddressKey.From((IPEndPoint)_factory.Create(_source));
    }
}

/// <summary>Asks each socket in turn.</summary>
internal sealed class ManagedPoller : DatagramPoller
{
    private readonly Dictionary<int, ManagedDatagramSocket> _sockets = [];
    private int[] _tokens = [];
    private bool _changed = true;

    public override void Add(DatagramSocket socket, int token)
    {
        _sockets[token] = (ManagedDatagramSocket)socket;
        _changed = true;
    }

    public override void Remove(DatagramSocket socket, int token)
    {
        _sockets.Remove(token);
        _changed = true;
    }

    public override int Poll(Span<int> tokens)
    {
        if (_changed)
            _tokens = [.. _sockets.Keys];
        _changed = false;
        var count = 0;
        foreach (var token in _tokens)
        {
            if (count == tokens.Length)
                break;
            if (_sockets[token].Readable)
                tokens[count++] = token;
        }

        return count;
    }

    public override void Dispose() => _sockets.Clear();
}
