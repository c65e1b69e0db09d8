using Cti.Sip.Message;
using Cti.Sip.Transaction;

namespace Cti.Actors.Calls;

/// <summary>Answers to changes of theirs that wait until the change is durable: what we tell the far end, we know after a crash.</summary>
internal sealed class HeldAnswers(CallServices services)
{
    private readonly Queue<(ServerTransaction Transaction, SipResponse Response)> _held = new();

    public bool IsEmpty => _held.Count == 0;

    public void Hold(ServerTransaction transaction, SipResponse response) => _held.Enqueue((transaction, response));

    /// <summary>The change is durable.</summary>
    public void Release()
    {
        while (_held.TryDequeue(out var change)) services.Sip.Respond(change.Transaction, change.Response);
    }
}
