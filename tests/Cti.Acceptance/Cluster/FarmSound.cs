using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Cti.Acceptance.Infrastructure;

namespace Cti.Acceptance.Cluster;

/// <summary>What a phone is meant to hear, and how well it does: written by the sound's thread, read by tests, under the sound's lock.</summary>
internal sealed class Ear(string what, Func<ReadOnlySpan<byte>, bool> hears)
{
    private double _last = FarmClock.Now;
    private double _worst;

    public string What { get; } = what;

    /// <summary>Whether it was heard at all.</summary>
    public bool HasHeard { get; private set; }

    /// <summary>Forgets gaps that are over.</summary>
    public void Mark() => _worst = 0;

    /// <summary>The longest time without it since the mark, one that lasts included, ms.</summary>
    public double WorstGap => Math.Max(_worst, Gap);

    /// <summary>For how long it has not been heard, ms.</summary>
    public double Gap => FarmClock.Now - _last;

    /// <param name="payload">What came.</param>
    /// <param name="arrival">When, in <see cref="FarmClock"/>'s milliseconds.</param>
    public void Take(ReadOnlySpan<byte> payload, double arrival)
    {
        if (!hears(payload)) return;
        _worst = Math.Max(_worst, arrival - _last);
        _last = arrival;
        HasHeard = true;
    }
}

/// <summary>How an announcement was heard.</summary>
internal sealed class Heard(int id, double seconds)
{
    private readonly bool[] _slots = new bool[(int)(seconds * 50)];
    private double _furthest;

    public int Id { get; } = id;

    /// <summary>Where it is now, ms; negative before the beginning.</summary>
    public double At { get; private set; } = -1;

    /// <summary>
    /// Jumps of more than 60 ms: from, to, ms; to less than 0 where it went back over the seam of a repeat. The end to the beginning of a repeat is none, nor
    /// is the way forward to what was heard before: then two nodes are heard, see <see cref="Doubled"/>.
    /// </summary>
    public List<(double From, double To)> Jumps { get; } = [];

    /// <summary>Packets of another stream amid those of the one that is behind it: two nodes were heard for about so many times 20 ms.</summary>
    public int Doubled { get; private set; }

    /// <summary>Times that it went from its end to its beginning.</summary>
    public int Repeats { get; private set; }

    /// <summary>How much of it was never heard, ms, between its beginning and the furthest place.</summary>
    public double MissingMillis
    {
        get
        {
            var last = Array.LastIndexOf(_slots, true);
            return last < 0 ? seconds * 1000 : _slots.AsSpan(0, last).Count(false) * 20;
        }
    }

    /// <summary>Whether its end was reached.</summary>
    public bool IsWhole => _slots[^2] || _slots[^1];

    public void Take(double millis)
    {
        if (At >= 0 && Math.Abs(millis - At - 20) > 60)
        {
            if (At > (seconds * 1000) - 100 && millis < 100)
            {
                Repeats++;
                _furthest = 0;
            }
            else if (Repeats > 0 && At < 5_000 && millis > (seconds * 1000) - 5_000)
            {
                // Back over the seam of a repeat, as a takeover goes back a little everywhere.
                Jumps.Add((At, millis - (seconds * 1000)));
                Repeats--;
            }
            else if (millis > At && millis <= _furthest + 60) Doubled++;
            else Jumps.Add((At, millis));
        }
        At = millis;
        _furthest = Math.Max(_furthest, millis);
        // Rounded down: a play that goes on in the middle of two slots would hit every other one twice if halves went to the even one.
        var slot = (int)Math.Floor(millis / 20);
        if (slot >= 0 && slot < _slots.Length) _slots[slot] = true;
    }
}

/// <summary>One phone's stream, both ways: it sends a tone of its own, and hears what it is told to expect.</summary>
internal sealed class FarmSound : IDisposable
{
    private const int KeyPayloadType = 101;

    private readonly Socket _socket;
    // The port above is RTCP's: nobody reads it, but were it another telephone's port for SIP, that would get the reports.
    private readonly Socket _control;
    private readonly Lock _gate = new();
    private readonly Queue<(byte Key, int Frames)> _keys = new();
    private readonly byte[] _packet = new byte[12 + Tones.FrameBytes];
    private readonly byte[] _tone;
    private readonly List<char> _heardKeys = [];
    private readonly Ear _any = new("any sound", static _ => true);
    private List<Ear> _ears = [];
    private Heard? _heard;
    private SocketAddress? _remote;
    private ushort _sequence = (ushort)Random.Shared.Next(1000);
    private uint _timestamp = (uint)Random.Shared.Next(100_000);
    private uint _keyTimestamp, _lastKeyTimestamp;
    private readonly byte[] _protected = new byte[12 + Tones.FrameBytes + LibSrtp.OverheadBytes];
    private LibSrtp? _protects, _opens;
    private string? _theirKey;
    private int _keyFrame;
    private bool _isSending;

    public FarmSound(IPAddress address, int number)
    {
        Hertz = 400 + (50 * (number % 48));
        _tone = Tones.Frame(Hertz);
        (_socket, _control) = Bind(address);
        _socket.Blocking = false;
        _socket.ReceiveBufferSize = 1 << 17;
        FarmClock.Arrival(_socket);
        Port = ((IPEndPoint)_socket.LocalEndPoint!).Port;
        _packet[0] = 0x80;
        BinaryPrimitives.WriteUInt32BigEndian(_packet.AsSpan(8), (uint)Random.Shared.Next());
    }

    public int Port { get; }

    /// <summary>The tone that this phone sends.</summary>
    public int Hertz { get; }

    /// <summary>The phone has put the node on hold.</summary>
    public bool IsHolding { get; set; }

    /// <summary>A fault for the harness's own tests: packets that come are thrown away.</summary>
    public bool IsDeaf { get; set; }

    /// <summary>The keys that were heard (RFC 4733).</summary>
    public string HeardKeys
    {
        get
        {
            lock (_gate) return string.Concat(_heardKeys);
        }
    }

    public void Remote(IPEndPoint remote)
    {
        lock (_gate) _remote = remote.Serialize();
    }

    /// <summary>From now on what is sent and taken is protected; the same keys again change nothing.</summary>
    /// <param name="suite">By what.</param>
    /// <param name="ours">Our key and salt, which stay; in base64.</param>
    /// <param name="theirs">The node's.</param>
    public void Protect(string suite, string ours, string theirs)
    {
        lock (_gate)
        {
            _protects ??= new LibSrtp(suite, ours, isSending: true);
            if (_theirKey == theirs) return;
            _theirKey = theirs;
            _opens?.Dispose();
            _opens = new LibSrtp(suite, theirs, isSending: false);
        }
    }

    /// <summary>Packets that were not protected by the node's key.</summary>
    public int Forged { get; private set; }

    public void Start()
    {
        lock (_gate) _isSending = true;
    }

    public void Stop()
    {
        lock (_gate) _isSending = false;
    }

    /// <summary>From now on any packet will do.</summary>
    public void ExpectAny() => Expect([_any]);

    /// <summary>From now on these tones must be heard, all of them.</summary>
    public void ExpectTones(params int[] hertz) =>
        Expect([.. hertz.Select(static h => new Ear($"the tone of {h} Hz", frame => frame.Length == Tones.FrameBytes && Tones.Share(frame, h) > 0.1))]);

    /// <summary>From now on this announcement must be heard.</summary>
    public Heard ExpectAnnouncement(int id, double seconds)
    {
        var heard = new Heard(id, seconds);
        Expect([new Ear($"announcement {id}", frame => Announcement.Locate(frame) is { } place && Listen(heard, place))]);
        lock (_gate) _heard = heard;
        return heard;
    }

    /// <summary>Nothing in particular is expected.</summary>
    public void ExpectNothing() => Expect([]);

    public Heard? Announced
    {
        get
        {
            lock (_gate) return _heard;
        }
    }

    public void Mark()
    {
        lock (_gate)
        {
            _any.Mark();
            foreach (var ear in _ears) ear.Mark();
        }
    }

    /// <summary>The longest gap of what is expected since the mark, ms; null where nothing is.</summary>
    public double? WorstGap()
    {
        lock (_gate) return _ears.Count == 0 ? null : _ears.Max(static ear => ear.WorstGap);
    }

    /// <summary>What is expected and has not been heard for so long; empty if all is well.</summary>
    public string Missing(double millis)
    {
        lock (_gate)
            return string.Join(", ", _ears.Where(ear => !ear.HasHeard || ear.Gap > millis)
                .Select(static ear => ear.HasHeard ? $"{ear.What} for {ear.Gap:F0} ms" : $"{ear.What} ever"));
    }

    /// <summary>Presses keys: each 100 ms, 60 ms between.</summary>
    public void Press(string keys)
    {
        lock (_gate)
        {
            foreach (var key in keys) _keys.Enqueue(((byte)"0123456789*#ABCD".IndexOf(key, StringComparison.Ordinal), 8));
        }
    }

    /// <summary>Whether all keys were sent.</summary>
    public bool HasPressed
    {
        get
        {
            lock (_gate) return _keys.Count == 0;
        }
    }

    public void Receive(byte[] buffer)
    {
        while (_socket.Available > 0)
        {
            var got = _socket.Receive(buffer);
            if (got < 12 || buffer[0] >> 6 != 2 || IsDeaf) continue;
            var arrival = FarmClock.Arrival(_socket);
            lock (_gate)
            {
                if (_opens is { } opens && (got = opens.Open(buffer, got)) < 12)
                {
                    Forged++;
                    continue;
                }
                Take(buffer[1] & 0x7F, BinaryPrimitives.ReadUInt32BigEndian(buffer.AsSpan(4)), buffer.AsSpan(12, got - 12), arrival);
            }
        }
    }

    public void Send()
    {
        lock (_gate)
        {
            if (!_isSending || _remote is null) return;
            if (_keys.TryPeek(out var key)) SendKey(key.Key, key.Frames);
            else Put(8, _tone, _timestamp, marker: false);
            _timestamp += Tones.FrameBytes;
        }
    }

    public void Dispose()
    {
        _socket.Dispose();
        _control.Dispose();
        lock (_gate)
        {
            _protects?.Dispose();
            _opens?.Dispose();
            (_protects, _opens) = (null, null);
        }
    }

    private static (Socket Sound, Socket Control) Bind(IPAddress address)
    {
        for (var tries = 1; ; tries++)
        {
            Socket sound = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp),
                control = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            try
            {
                sound.Bind(new IPEndPoint(address, 0));
                control.Bind(new IPEndPoint(address, ((IPEndPoint)sound.LocalEndPoint!).Port + 1));
                return (sound, control);
            }
            catch (Exception error) when (tries < 100 && error is SocketException or ArgumentOutOfRangeException)
            {
                sound.Dispose();
                control.Dispose();
            }
        }
    }

    private static bool Listen(Heard heard, (int Id, double Millis) place)
    {
        if (place.Id != heard.Id) return false;
        heard.Take(place.Millis);
        return true;
    }

    private void Expect(List<Ear> ears)
    {
        lock (_gate)
        {
            _heard = null;
            _ears = ears;
        }
    }

    private void Take(int payloadType, uint timestamp, ReadOnlySpan<byte> payload, double arrival)
    {
        if (payloadType == KeyPayloadType && payload.Length >= 4)
        {
            _any.Take(payload, arrival);
            if ((payload[1] & 0x80) == 0 || timestamp == _lastKeyTimestamp) return;
            _lastKeyTimestamp = timestamp;
            _heardKeys.Add("0123456789*#ABCD"[payload[0] & 0x0F]);
            return;
        }
        _any.Take(payload, arrival);
        foreach (var ear in _ears)
        {
            if (ear != _any) ear.Take(payload, arrival);
        }
    }

    /// <summary>Five frames of the key, the last three times with its end, then a pause.</summary>
    private void SendKey(byte key, int frames)
    {
        _keyFrame++;
        if (_keyFrame == 1) _keyTimestamp = _timestamp;
        if (_keyFrame <= 5)
        {
            Span<byte> payload = stackalloc byte[4];
            var isEnd = _keyFrame == 5;
            payload[0] = key;
            payload[1] = (byte)((isEnd ? 0x80 : 0) | 10);
            BinaryPrimitives.WriteUInt16BigEndian(payload[2..], (ushort)(_keyFrame * Tones.FrameBytes));
            for (var copy = 0; copy < (isEnd ? 3 : 1); copy++) Put(KeyPayloadType, payload, _keyTimestamp, _keyFrame == 1);
        }
        else
        {
            Put(8, _tone, _timestamp, marker: false);
        }
        if (_keyFrame < frames) return;
        _keyFrame = 0;
        _keys.Dequeue();
    }

    private void Put(int payloadType, ReadOnlySpan<byte> payload, uint timestamp, bool marker)
    {
        _packet[1] = (byte)(payloadType | (marker ? 0x80 : 0));
        BinaryPrimitives.WriteUInt16BigEndian(_packet.AsSpan(2), _sequence++);
        BinaryPrimitives.WriteUInt32BigEndian(_packet.AsSpan(4), timestamp);
        payload.CopyTo(_packet.AsSpan(12));
        var length = 12 + payload.Length;
        if (_protects is null)
        {
            _socket.SendTo(_packet.AsSpan(0, length), SocketFlags.None, _remote!);
            return;
        }
        _packet.AsSpan(0, length).CopyTo(_protected);
        _socket.SendTo(_protected.AsSpan(0, _protects.Protect(_protected, length)), SocketFlags.None, _remote!);
    }
}
