using Cti.Media.Codecs;

namespace Cti.Media.Jitter;

/// <summary>When a stream's packets come, against their timestamps: from that follows when they are played. In ticks of the RTP clock.</summary>
/// <param name="firstLatenessMillis">What is expected of the way before anything is known of it.</param>
internal sealed class Arrivals(int firstLatenessMillis)
{
    private const int DelayMinMillis = JitterBuffer.DelayMin / Audio.MillisSamples, DelayMaxMillis = JitterBuffer.DelayMax / Audio.MillisSamples;

    /// <summary>Half of the time over which the fastest packet is looked for.</summary>
    private const int WindowMillis = 2_500;

    /// <summary>A packet further than this from where its neighbours were begins a new timeline.</summary>
    private const int JumpMillis = 1_000;

    /// <summary>What can wait: more than the longest delay and the longest packet.</summary>
    private const int AheadMillisMax = 512;

    /// <summary>What the playing point may be early without waiting a frame: the cadence of the loops. The delay has as much to spare.</summary>
    private const int SlackMillis = 5;

    private const int SinkShift = 8;

    private uint _base;
    private int _fastest;
    private int _fastestBefore;
    private uint _windowStart;
    private int _lateness;

    /// <summary>Ticks of the clock in a millisecond.</summary>
    public int PerMilli { get; set; } = 8;

    /// <summary>Whether anything was measured.</summary>
    public bool IsStarted { get; private set; }

    public int Delay => Math.Clamp(_lateness + ((DelayMinMillis + SlackMillis) * PerMilli), DelayMinMillis * PerMilli, DelayMaxMillis * PerMilli);

    public int Slack => SlackMillis * PerMilli;

    public int Frame => 20 * PerMilli;

    public int AheadMax => AheadMillisMax * PerMilli;

    private int Fastest => Math.Min(_fastest, _fastestBefore);

    /// <summary>The next packet is the first.</summary>
    public void Stop() => IsStarted = false;

    /// <summary>What is to be played now.</summary>
    public uint Ideal(long nowNanos) => Now(nowNanos) - _base - (uint)(Fastest + Delay);

    /// <summary>A packet came.</summary>
    /// <param name="timestamp">Its timestamp.</param>
    /// <param name="nowNanos">When.</param>
    /// <param name="isFirst">Whether it is the first of its timeline.</param>
    /// <returns>Whether it begins another timeline than that of the packets before it.</returns>
    public bool Observe(uint timestamp, long nowNanos, out bool isFirst)
    {
        var now = Now(nowNanos);
        var transit = (int)(now - timestamp - _base);
        var hasJumped = IsStarted && Math.Abs((long)transit - Fastest) > JumpMillis * PerMilli;
        isFirst = hasJumped || !IsStarted;
        if (isFirst)
        {
            IsStarted = true;
            _base = now - timestamp;
            _fastest = _fastestBefore = 0;
            _windowStart = now;
            _lateness = firstLatenessMillis * PerMilli;
            return hasJumped;
        }
        if (now - _windowStart > WindowMillis * PerMilli)
        {
            _fastestBefore = _fastest;
            _fastest = transit;
            _windowStart = now;
        }
        _fastest = Math.Min(_fastest, transit);
        var lateness = Math.Min(transit - Fastest, (DelayMaxMillis - DelayMinMillis) * PerMilli);
        if (lateness > _lateness) _lateness = lateness;
        else _lateness -= (_lateness - lateness + (1 << SinkShift) - 1) >> SinkShift;
        return false;
    }

    private uint Now(long nowNanos) => (uint)(nowNanos * PerMilli / 1_000_000);
}
