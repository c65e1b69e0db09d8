using System.Net;
using Cti.Actors.Hosting;
using Cti.Actors.Resources;
using Cti.Actors.SipNode;
using Cti.Kernel;
using Cti.Sip;
using Cti.Sip.Auth;
using Cti.Sip.Dialog;
using Cti.Sip.Message;

namespace Cti.Actors.Trunks;

/// <summary>
/// Watches one trunk: looks its host up again and again, sends OPTIONS to know whether it is up, and keeps a registration there where configured
/// (<see cref="RegisterUsage"/>). Every node with the role media registers its own Contact.
/// <code>
///   Begin ──► look up ──► Watching ◄──► OPTIONS answered (up) / not answered (down)
///                            ├────────► REGISTER ──► again before it runs out
///                            └─ Leave ─► REGISTER with Expires 0
/// </code>
/// </summary>
internal sealed class TrunkActor(Trunk trunk, TrunkTable trunks, ISipNode sip, IRandom random) : NodeActor
{
    private const int LookUpMillis = 60_000;
    private const int ReasonCharsMax = 80;

    private readonly TrunkKnowledge _knowledge = trunks.Of(trunk);
    private readonly DigestCredentials? _credentials = trunk is { User: { } user, Password: { } password } ? new DigestCredentials(user, password) : null;
    private SipFlow? _flow;
    private IReadOnlyList<SipFlow> _found = [];
    private int _moves;
    private RequestHandle? _options;
    private DigestSession _optionsDigest = DigestSession.Empty;
    private string _optionsCallId = "";
    private uint _optionsNumber;
    private RequestHandle? _register;
    private RegisterState _registration = new() { ConfiguredSeconds = trunk.RegisterSeconds };
    private string _registerCallId = "";
    private string _registerTag = "";
    private uint _registerNumber;

    /// <summary>The first message.</summary>
    public sealed record Begin;

    /// <summary>The node takes no calls any more: what it registered is taken back.</summary>
    public sealed record Leave : ISystemMessage;

    private sealed record LookedUp(IReadOnlyList<SipFlow> Flows) : ISystemMessage;

    private sealed record LookUpDue;

    private sealed record OptionsDue;

    private sealed record RegisterDue;

    private long NowMillis => System.Clock.MonotonicNanos / 1_000_000;

    protected override void OnStart()
    {
        _registerCallId = random.NextHex(16);
        _optionsCallId = random.NextHex(16);
        _registerTag = random.NextHex(8);
        Become(Watching);
    }

    private bool Watching(object message)
    {
        switch (message)
        {
            case Begin or LookUpDue:
                LookUp();
                return true;
            case LookedUp found:
                Found(found.Flows);
                return true;
            case OptionsDue:
                StartTimer("options", trunk.OptionsIntervalMillis, new OptionsDue());
                _optionsDigest = DigestSession.Empty;
                if (_options is null) SendOptions();
                return true;
            case RegisterDue:
                Go(RegisterUsage.Ask(_registration), "");
                return true;
            case Leave:
                if (trunk.Register) Go(RegisterUsage.Leave(_registration, NowMillis), "");
                return true;
            case ResponseCame came:
                Responded(came);
                return true;
            case RequestTimedOut timedOut:
                Failed(timedOut.Handle, 408, "no answer");
                return true;
            case RequestNotSent notSent:
                Failed(notSent.Handle, 503, "it cannot be reached");
                return true;
            default:
                return false;
        }
    }

    private void LookUp() => _ = LookUpAsync(sip.ResolveAllAsync(Target()));

    private async Task LookUpAsync(ValueTask<IReadOnlyList<SipFlow>> lookup)
    {
        IReadOnlyList<SipFlow> found = [];
        try
        {
            found = await lookup.ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // Looked up again in a minute.
        }
        Self.Tell(new LookedUp(found));
    }

    private void Found(IReadOnlyList<SipFlow> found)
    {
        var first = _flow is null && found.Count > 0;
        if (found.Count > 0)
        {
            _found = found;
            // The one in use stays while the name still leads there: a registration is not moved between equal servers every minute.
            if (_flow is not { } used || !found.Contains(used)) _flow = found[0];
            _knowledge.Note(found.Select(static way => way.Remote), NowMillis);
        }
        else if (_flow is null)
        {
            SetUp(false, "its host does not resolve");
        }
        // An address needs no second look.
        if (!IPAddress.TryParse(trunk.Host.Trim('[', ']'), out _)) StartTimer("lookup", LookUpMillis, new LookUpDue());
        if (!first) return;
        if (trunk.OptionsIntervalMillis > 0) Self.Tell(new OptionsDue());
        if (trunk.Register) Self.Tell(new RegisterDue());
    }

    private void SendOptions()
    {
        if (_flow is not { } way) return;
        var address = sip.LocalAddress(way);
        var us = new NameAddr(SipUri.Create("cti", address.Host, address.Port, null));
        var request = InitialRequests.Options(new InitialRequest(Target(), us, new NameAddr(Target()), us, _optionsCallId, _registerTag, ++_optionsNumber, []));
        if (_credentials is not null) _optionsDigest = DigestChallenges.AddTo(request, _optionsDigest, _credentials, random.NextHex(16));
        _options = new RequestHandle(Self, request);
        sip.Start(request, way, _options);
    }

    private void SendRegister(bool authorized)
    {
        if (_flow is not { } way || _credentials is null) return;
        var address = sip.LocalAddress(way);
        var record = new NameAddr(SipUri.Create(_credentials.User, trunk.FromDomain ?? trunk.Host, 0, null));
        var contact = new NameAddr(SipUri.Create(_credentials.User, address.Host, address.Port, way.Kind == SipTransportKind.Udp ? null
            : $";transport={way.ViaTransport.ToLowerInvariant()}"));
        var initial = new InitialRequest(Target(), record, record, contact, _registerCallId, _registerTag, ++_registerNumber, []);
        var request = InitialRequests.Register(initial, _registration.AskSeconds);
        if (authorized) _registration = _registration with { Digest = DigestChallenges.AddTo(request, _registration.Digest, _credentials, random.NextHex(16)) };
        _register = new RequestHandle(Self, request);
        sip.Start(request, way, _register);
    }

    private void Responded(ResponseCame came)
    {
        var response = came.Response;
        if (response.IsProvisional) return;
        if (came.Handle == _options)
        {
            _options = null;
            if (response.Status is 503 or 408 && MovesOn())
            {
                _optionsDigest = DigestSession.Empty;
                SendOptions();
                return;
            }
            _moves = 0;
            // Any answer shows that it is there; only 503 and 408 say that it takes no calls.
            SetUp(response.Status is not (503 or 408), $"OPTIONS answered {response.Status}");
            if (AnswerTo(came, _optionsDigest) is not { } answer) return;
            _optionsDigest = answer;
            SendOptions();
        }
        else if (came.Handle == _register)
        {
            _register = null;
            if (response.Status == 503 && MovesOn())
            {
                AskElsewhere();
                return;
            }
            _moves = 0;
            // Only who has the password's confidence says by whom calls go.
            if (response.IsSuccess) _knowledge.ServiceRoutes = _knowledge.Owns(came.Came) ? RegisterUsage.ServiceRoutesOf(response) : [];
            var contact = came.Handle.Request.Contact!;
            Go(RegisterUsage.Responded(_registration, response, contact, AnswerTo(came, _registration.Digest), NowMillis, random.Next(1000)),
                response.IsSuccess ? "grants no time" : VisibleText.Of(response.Reason, ReasonCharsMax));
        }
    }

    /// <summary>What a challenge is answered with; null where the credentials are not for whoever asks.</summary>
    private DigestSession? AnswerTo(ResponseCame came, DigestSession soFar)
    {
        if (_credentials is null || came.Response.Status is not (401 or 407)) return null;
        var verdict = _knowledge.Judge(soFar, came.Handle.Request, came.Response, came.Sent, came.Came, NowMillis, out var isNews);
        if (isNews) ChallengeLog.Refused(System.Log, trunk, came, verdict.Refusal);
        return verdict.Answer;
    }

    private void Failed(RequestHandle handle, int status, string reason)
    {
        if (handle == _options)
        {
            _options = null;
            if (MovesOn()) SendOptions();
            else SetUp(false, "OPTIONS was not answered");
        }
        else if (handle == _register)
        {
            _register = null;
            if (MovesOn()) AskElsewhere();
            else Go(RegisterUsage.NotAnswered(_registration, status, NowMillis, random.Next(1000)), reason);
        }
    }

    private void Go(RegisterStep step, string reason)
    {
        var before = _registration;
        _registration = step.State;
        if (_registration.DueAt != long.MaxValue) StartTimer("register", Math.Max(0, _registration.DueAt - NowMillis), new RegisterDue());
        else CancelTimer("register");
        if (before.Phase == RegisterPhase.Asking && _registration.Phase == RegisterPhase.Waiting && _registration.FailedStatus != 0)
            _knowledge.CountRegisterFailure(_registration.FailedStatus);
        if (_registration.FailedStatus != 0 && _registration.HoldsUntil <= NowMillis) _knowledge.ServiceRoutes = [];
        if (_registration.HoldsUntil != before.HoldsUntil || _registration.FailedStatus != before.FailedStatus) Publish(before, reason);
        Tell(step.News, reason);
        if (step.Sends) SendRegister(step.Authorized);
    }

    /// <summary>The next of those that its name leads to, once round (RFC 3263 section 4.3): false where all were tried.</summary>
    private bool MovesOn()
    {
        if (_flow is not { } used || ++_moves >= _found.Count)
        {
            _moves = 0;
            return false;
        }
        var at = _found.TakeWhile(way => way != used).Count();
        _flow = _found[(at + 1) % _found.Count];
        return true;
    }

    private void AskElsewhere()
    {
        _registration = _registration with { Digest = _registration.Digest.Accept() };
        SendRegister(authorized: _registration.Phase == RegisterPhase.Leaving);
    }

    private void Publish(RegisterState before, string reason)
    {
        var known = _knowledge.Registration;
        // Since when it is as it is: a refresh changes nothing of that.
        var same = known.SinceUnixMillis != 0 && _registration.FailedStatus == before.FailedStatus && _registration.HoldsUntil > 0 == before.HoldsUntil > 0;
        _knowledge.SetRegistration(new TrunkRegistration(_registration.HoldsUntil, _registration.FailedStatus, _registration.FailedStatus == 0 ? "" : reason,
            same ? known.SinceUnixMillis : System.Clock.UnixMillis));
    }

    private void Tell(RegisterNews news, string reason)
    {
        switch (news)
        {
            case RegisterNews.Registered:
                System.Log.Write(LogEvents.TrunkRegistered, trunk.Name, (_registration.HoldsUntil - NowMillis) / 1000);
                break;
            case RegisterNews.Failed:
                System.Log.Write(LogEvents.TrunkRegisterFailed, trunk.Name, _registration.FailedStatus, reason, (_registration.DueAt - NowMillis) / 1000);
                break;
            case RegisterNews.Rejected:
                System.Log.Write(LogEvents.TrunkRegisterRejected, trunk.Name, _registration.FailedStatus, reason);
                break;
            case RegisterNews.Withdrawn:
                System.Log.Write(LogEvents.TrunkUnregistered, trunk.Name);
                break;
        }
    }

    private void SetUp(bool up, string why)
    {
        if (trunks.SetUp(trunk.Name, up)) System.Log.Write(up ? LogEvents.TrunkUp : LogEvents.TrunkDown, trunk.Name, why);
    }

    private SipUri Target() => trunk.UriOf(null);
}
