namespace Cti.Sip.Transaction;

/// <summary>
/// How many bytes may go to the address that a datagram came from, while nothing has shown that it is its sender's: three times those that came, as QUIC has it
/// (RFC 9000 section 8). Whoever writes a victim's address into a packet gains nothing by it. What does not fit is lost like any datagram; a sender that is
/// real repeats itself and so brings new room. Used by the actors of the transactions and of the call.
/// </summary>
public sealed class SourceAllowance
{
    /// <summary>Bytes out for each byte in.</summary>
    public const int Factor = 3;

    /// <summary>What a final answer has more than a provisional one, in bytes: a session description with two codecs and its header fields.</summary>
    internal const int AnswerBytes = 300;

    /// <summary>What the BYE takes that ends a call which was answered and never acknowledged: repetitions of the answer leave room for it.</summary>
    internal const int ByeBytes = 450;

    private long _left;

    /// <summary>So many bytes came.</summary>
    public void Came(int bytes) => Interlocked.Add(ref _left, (long)Factor * bytes);

    /// <summary>
    /// Takes room for so many bytes; false, and none is taken, where there is less, or where less than <paramref name="kept"/> would be left.
    /// </summary>
    public bool TrySpend(int bytes, int kept = 0)
    {
        while (true)
        {
            var now = Interlocked.Read(ref _left);
            if (now < (long)bytes + kept) return false;
            if (Interlocked.CompareExchange(ref _left, now - bytes, now) == now) return true;
        }
    }
}
