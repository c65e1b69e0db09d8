using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Cti.Kernel;
using Cti.Media;
using Cti.Media.Files;
using Cti.Media.Rtp;
using Cti.Media.Session;
using Cti.Transport.Native;

namespace Cti.Transport.Media;

/// <summary>
/// The media side of a node: port pairs, the media loops and the threads beside them. A session is bound in the caller's thread, belongs to the
/// loop with the fewest sessions, and is told everything through that loop's ring. Reports come from one dispatcher thread.
/// </summary>
public sealed partial class MediaEngine : IMediaPort, IBoundedDisk, IDisposable
{
    private const int ExpeditedForwardingOctet = 46 << 2;
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(3);

    private readonly MediaEngineOptions _options;
    private readonly IRandom _random;
    private readonly ILog _log;
    private readonly PortPool _ports;
    private readonly EventDispatcher _dispatcher;
    private readonly MediaLoader _loader;
    private readonly MediaLoop[] _loops;
    private readonly ConcurrentDictionary<long, SessionSlot> _sessions = new();
    private readonly IPAddress? _told4;
    private readonly IPAddress? _told6;
    private readonly IPAddress? _link;
    private readonly IPAddress? _toldLink;
    private readonly SocketTuning _tuning;
    private readonly MediaRefusalCounts _refusals;
    private bool _disposed;

    /// <summary>Starts the threads.</summary>
    public MediaEngine(MediaEngineOptions options, IPromptSource prompts, IClock clock, IRandom random, ILog log)
    {
        _options = options;
        _random = random;
        _log = log;
        _ports = new PortPool(options.PortFirst, options.PortLast);
        _told4 = Told(options.IPv4, options.AdvertisedIPv4);
        _told6 = Told(options.IPv6, options.AdvertisedIPv6);
        _link = options.LinkAddress ?? options.IPv4 ?? options.IPv6;
        _toldLink = Told(_link, null);
        _tuning = new SocketTuning(options.SocketBufferBytes, options.ExpeditedForwarding ? ExpeditedForwardingOctet : 0);
        _refusals = new MediaRefusalCounts(log);
        _dispatcher = new EventDispatcher(log);
        _loader = new MediaLoader(prompts, options, log);
        _loops = new MediaLoop[options.Loops > 0 ? options.Loops : Math.Max(1, Environment.ProcessorCount / 2)];
        for (var i = 0; i < _loops.Length; i++)
        {
            _loops[i] = new MediaLoop($"media loop {i}", clock, options.ManagedSockets, _dispatcher, FreePorts, ForgetConference,
                options.PauseGuard, log);
            _loops[i].Start();
        }
    }

    /// <summary>Port pairs that are free.</summary>
    public int FreePairs => _ports.Free;

    /// <summary>Sessions that are open or closing.</summary>
    public int SessionCount => _sessions.Count;

    /// <summary>Recordings whose files are not complete yet.</summary>
    public int RecordingCount => _loader.Recording;

    /// <summary>Threads that a disk holds up: reads and writes that nobody waits for any more, because they did not return in time.</summary>
    public int HeldUpThreads => _loader.HeldUp;

    /// <inheritdoc/>
    public T Ask<T>(string application, string file, Func<T> ask, T silent, int limitMillis) => _loader.Ask(application, file, ask, silent, limitMillis);

    /// <inheritdoc/>
    public void BeginLook(Action<Func<bool>> look) => _loader.BeginLook(look);

    /// <summary>Sessions and conferences that were not opened, by reason.</summary>
    public IReadOnlyDictionary<MediaRefusal, long> Refusals => _refusals.Read();

    internal IReadOnlyList<MediaLoop> Loops => _loops;

    /// <summary>How each loop is doing.</summary>
    public IReadOnlyList<MediaLoopStatistics> Snapshot() => [.. _loops.Select(loop => loop.Snapshot())];

    /// <inheritdoc/>
    public IPEndPoint? TryOpen(MediaSessionId session, MediaSessionOptions options, IMediaEvents events, out MediaRefusal refusal)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_sessions.Count >= _options.SessionsMax + (options.IsOwed ? _options.SessionsMax / 10 : 0))
        {
            _refusals.Count(refusal = MediaRefusal.NoDescriptor, session.Value);
            return null;
        }

        var (bind, told) = options.IsLink ? (_link, _toldLink) : options.IPv6 ? (_options.IPv6, _told6) : (_options.IPv4, _told4);
        refusal = MediaRefusal.NoAddress;
        if (bind is null || told is null || Place(options.IsOwed, out refusal) is not { } loop)
        {
            _refusals.Count(refusal, session.Value);
            return null;
        }

        if (BindPair(bind, out var port, out var rtp, out var rtcp) is false)
        {
            loop.Release();
            _refusals.Count(refusal = MediaRefusal.NoPort, session.Value);
            return null;
        }

        var slot = new SessionSlot(session, loop, events, _dispatcher, port, rtp!, rtcp!);
        slot.Session = new MediaSession(session, options, slot, MediaSessionSeed.Draw(_random), loop.Services) { Output = slot };
        if (!_sessions.TryAdd(session.Value, slot))
        {
            rtp!.Dispose();
            rtcp!.Dispose();
            _ports.Return(port);
            loop.Release();
            throw new ArgumentException($"media session {session.Value} is open already", nameof(session));
        }

        loop.Open(slot);
        return new IPEndPoint(told, port);
    }

    /// <inheritdoc/>
    public bool Speaks(AddressFamily family) =>
        family == AddressFamily.InterNetworkV6 ? _options.IPv6 is not null && _told6 is not null : _options.IPv4 is not null && _told4 is not null;

    /// <inheritdoc/>
    public void Configure(MediaSessionId session, MediaDescription description)
    {
        if (!_sessions.TryGetValue(session.Value, out var slot))
            return;
        slot.Codec = description.Codec;
        slot.Post(MediaCommand.Configure(description));
    }

    /// <inheritdoc/>
    public void StartPlay(MediaSessionId session, PlayRequest request)
    {
        if (!_sessions.TryGetValue(session.Value, out var slot))
            return;
        slot.Post(MediaCommand.PreparePlay(request.Action));
        _loader.Load(request, () => slot.Codec, load => slot.Post(load.List is { } list
            ? MediaCommand.StartPlay(request.Action, list)
            : MediaCommand.FailPlay(request.Action, load.Outcome, load.Detail)));
    }

    /// <inheritdoc/>
    public void StopPlay(MediaSessionId session, long action) => Post(session, MediaCommand.StopPlay(action));

    /// <inheritdoc/>
    public void StartRecord(MediaSessionId session, RecordRequest request)
    {
        if (!_sessions.TryGetValue(session.Value, out var slot))
            return;
        slot.Post(MediaCommand.PrepareRecord(request.Action));
        _loader.Open(new RecordingTarget(request.FullPath, request.Format, 1, request.Channels, request.Append, request.TakesOver, request.Application),
            opening => slot.Post(opening.Recorder is { } recorder
            ? MediaCommand.StartRecord(request.Action, recorder, request.Beep)
            : MediaCommand.FailRecord(request.Action, opening.Outcome, opening.Detail)));
    }

    /// <inheritdoc/>
    public void StopRecord(MediaSessionId session, long action) => Post(session, MediaCommand.StopRecord(action));

    /// <inheritdoc/>
    public void SendKeys(MediaSessionId session, SendKeysRequest request) => Post(session, MediaCommand.SendKeys(request));

    /// <inheritdoc/>
    public StreamStatistics? ReadStatistics(MediaSessionId session) =>
        _sessions.TryGetValue(session.Value, out var slot) ? slot.Session.ReadStatistics() : null;

    /// <inheritdoc/>
    public void Close(MediaSessionId session) => Post(session, MediaCommand.Close());

    /// <inheritdoc/>
    public void Abandon(MediaSessionId session) => Post(session, MediaCommand.Abandon());

    /// <summary>Closes every session with its reports, completes the recordings and stops the threads; what has not ended in 3 s is cut off.</summary>
    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        foreach (var conference in _conferences.Values)
            conference.Post(MediaCommand.Close());
        foreach (var slot in _sessions.Values)
            slot.Post(MediaCommand.Close());
        var deadline = LoopThread.Now() + StopPatience.Ticks * 100;
        while (!(_sessions.IsEmpty && _conferences.IsEmpty) && LoopThread.Now() < deadline)
            Thread.Sleep(5);
        _loader.Dispose();
        foreach (var loop in _loops)
            loop.Dispose();
        // Only what was on its way between two loops is left.
        foreach (var slot in _sessions.Values)
        {
            slot.Rtp.Dispose();
            slot.Rtcp.Dispose();
        }

        _dispatcher.Dispose();
    }

    private void Post(MediaSessionId session, in MediaCommand command)
    {
        if (_sessions.TryGetValue(session.Value, out var slot))
            slot.Post(command);
    }

    private MediaLoop? Place(bool isOwed, out MediaRefusal refusal)
    {
        var best = Emptiest(isOwed, out refusal);
        if (best is null || best.TryReserve(_options.SessionsPerLoopMax))
            return best;
        refusal = MediaRefusal.Full;
        return null;
    }

    /// <summary>
    /// Of the loops that take new calls the one with the fewest sessions; where none does, null, or for what goes on anyway the one with the fewest of all.
    /// </summary>
    private MediaLoop? Emptiest(bool isOwed, out MediaRefusal refusal)
    {
        MediaLoop? best = null, least = null;
        refusal = MediaRefusal.None;
        foreach (var loop in _loops)
        {
            if (least is null || loop.Sessions < least.Sessions)
                least = loop;
            var why = loop.Refusal(_options.BusyFractionMax);
            if (why != MediaRefusal.None)
                refusal = refusal == MediaRefusal.None ? why : refusal;
            else if (best is null || loop.Sessions < best.Sessions)
                best = loop;
        }

        if (best is null && isOwed)
            best = least;
        if (best is not null)
            refusal = MediaRefusal.None;
        return best;
    }

    private bool BindPair(IPAddress address, out int port, out DatagramSocket? rtp, out DatagramSocket? rtcp)
    {
        rtp = rtcp = null;
        for (var tries = 0; tries < Limits.MediaBindTriesMax; tries++)
        {
            port = _ports.Take();
            if (port < 0)
                return false;
            try
            {
                rtp = Datagrams.TryBind(new IPEndPoint(address, port), _tuning, _options.ManagedSockets);
                rtcp = rtp is null ? null : Datagrams.TryBind(new IPEndPoint(address, port + 1), _tuning, _options.ManagedSockets);
            }
            catch (SocketException error)
            {
                // Out of descriptors, or an address that is not this machine's: the next pair would meet the same.
                _log.Write(LogEvents.MediaBindFailed, address, port, error.Message);
                tries = Limits.MediaBindTriesMax;
            }

            if (rtcp is not null)
                return true;
            rtp?.Dispose();
            rtp = null;
            _ports.Return(port);
        }

        port = -1;
        return false;
    }

    // On the loop's thread, between the closing of the sockets and SessionClosed.
    private void FreePorts(SessionSlot slot)
    {
        _ports.Return(slot.Port);
        _sessions.TryRemove(slot.Id.Value, out _);
    }

    private static IPAddress? Told(IPAddress? bound, IPAddress? advertised) =>
        bound is null ? null
        : advertised is not null ? advertised
        : bound.Equals(IPAddress.Any) || bound.Equals(IPAddress.IPv6Any) ? LocalAddress.OfDefaultRoute(bound.AddressFamily)
        : bound;
}
