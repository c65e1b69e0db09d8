using Cti.Actors.Hosting;
using Cti.Actors.SipNode;
using Cti.Calls.Call;
using Cti.Calls.Resources;
using Cti.Sip.Dialog;
using Cti.Sip.Message;
using Cti.Sip.Transaction;

namespace Cti.Actors.Calls;

/// <summary>Keys by SIP INFO: ours one INFO after the other, each once the one before was answered and its tone is over; theirs as they come.</summary>
internal sealed class LegKeysByInfo(LegContext leg, LegUsages usages, LegRoute route, LegTakeover takeover)
{
    private const int KeyMillis = 160, GapMillis = 100, PauseMillis = 500;

    private RequestHandle? _request;
    private string _keys = "";
    private long _number;
    private bool _isDue;
    private int _tries;

    /// <summary>Whether an INFO is under way.</summary>
    public bool IsAsking => _request is not null;

    /// <summary>Whether a request is our INFO.</summary>
    public bool Is(RequestHandle handle) => handle == _request;

    /// <summary>Sends keys.</summary>
    /// <param name="number">The action that they belong to.</param>
    /// <param name="keys">Keys; a comma is a pause.</param>
    public void Send(long number, string keys)
    {
        _number = number;
        _keys = keys;
        leg.Cell.Actor.Tell(new InfoKeyDue());
    }

    public ResourceCommand? SendNext()
    {
        if (usages.Session is null) return _number == 0 ? null : Failed();
        if (_keys.Length == 0) return new KeysSent(_number, MediaEnd.Completed);
        _isDue = takeover.IsFirst;
        if (_isDue) return null;
        var key = _keys[0];
        if (key == ',')
        {
            _keys = _keys[1..];
            Later(PauseMillis);
            return null;
        }
        var request = DialogRequests.Info(usages.Session.Dialog, InfoDtmf.RelayType, new InfoDtmf(key, KeyMillis).ToBody(), out var next);
        usages.Session = usages.Session with { Dialog = next };
        _tries++;
        _request = route.Start(request);
        return null;
    }

    /// <summary>What waited for a re-INVITE of ours goes on once that is over.</summary>
    public void GoOn()
    {
        if (!_isDue || takeover.IsFirst) return;
        _isDue = false;
        leg.Cell.Actor.Tell(new InfoKeyDue());
    }

    public ResourceCommand? Answered(SipResponse response)
    {
        if (response.IsProvisional) return null;
        _request = null;
        if (_tries < LegUsages.TriesMax && usages.WasOvertaken(response)) return SendNext();
        if (!response.IsSuccess) return Failed();
        _keys = _keys[1..];
        _tries = 0;
        Later(KeyMillis + GapMillis);
        return null;
    }

    public KeysSent Failed()
    {
        (_request, _keys, _isDue, _tries) = (null, "", false, 0);
        return new KeysSent(_number, MediaEnd.Failed);
    }

    /// <summary>An INFO of theirs, which fits the dialog.</summary>
    public ResourceCommand? Came(ServerTransaction transaction)
    {
        var request = transaction.Request;
        if (!InfoDtmf.IsDtmf(request))
        {
            var status = request.Body.IsEmpty ? 200 : 415;
            var response = SipResponse.For(request, status);
            if (status == 415) response.Add(HeaderId.Accept, InfoDtmf.RelayType);
            leg.Services.Sip.Respond(transaction, response);
            return null;
        }
        var key = InfoDtmf.Read(request);
        leg.Services.Sip.Respond(transaction, SipResponse.For(request, key is null ? 400 : 200));
        return key is null ? null : new KeyArrived(key.Key) { Press = new KeyPress(null, request.CSeq.Number) };
    }

    /// <summary>Another node has the call now.</summary>
    public void Abandon()
    {
        if (_request is not null) _request.IsGivenUp = true;
    }

    private void Later(int millis) => leg.Timers.Schedule(millis, static state => ((ActorHandle)state!).Tell(new InfoKeyDue()), leg.Cell.Actor);
}
