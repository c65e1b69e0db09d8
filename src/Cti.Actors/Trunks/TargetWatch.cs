using Cti.Actors.SipNode;
using Cti.Sip;
using Cti.Sip.Auth;

namespace Cti.Actors.Trunks;

/// <summary>What a trunk's actor keeps of one of its targets: where it leads, which of that is in use, and the OPTIONS under way.</summary>
internal sealed class TargetWatch(int place, TrunkTarget target, string callId)
{
    private IReadOnlyList<SipFlow> _found = [];
    private int _moves;

    /// <summary>Its place among the trunk's targets.</summary>
    public int Place { get; } = place;

    public TrunkTarget Target { get; } = target;

    /// <summary>The Call-ID of its OPTIONS.</summary>
    public string CallId { get; } = callId;

    /// <summary>By what it is reached; null before its name has led anywhere.</summary>
    public SipFlow? Flow { get; private set; }

    public RequestHandle? Options { get; set; }

    public DigestSession Digest { get; set; } = DigestSession.Empty;

    public uint Number { get; set; }

    /// <summary>Where its name leads; true where that is the first it is known of.</summary>
    public bool Found(IReadOnlyList<SipFlow> found)
    {
        var isFirst = Flow is null;
        _found = found;
        // The one in use stays while the name still leads there: a registration is not moved between equal servers every minute.
        if (Flow is not { } used || !found.Contains(used)) Flow = found[0];
        return isFirst;
    }

    /// <summary>It has answered: the next round of trying begins anew.</summary>
    public void Answered() => _moves = 0;

    /// <summary>The next of those that its name leads to, once round (RFC 3263 section 4.3): false where all were tried.</summary>
    public bool MovesOn()
    {
        if (Flow is not { } used || ++_moves >= _found.Count)
        {
            _moves = 0;
            return false;
        }
        var at = _found.TakeWhile(way => way != used).Count();
        Flow = _found[(at + 1) % _found.Count];
        return true;
    }
}
