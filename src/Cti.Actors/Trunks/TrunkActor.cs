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
/// Watches one trunk: looks its targets up again and again, sends each OPTIONS to know whether it is up, and keeps a registration at one of them where
/// configured (<see cref="RegisterUsage"/>). Every node with the role media registers its own Contact.
/// <code>
///   Begin ──► look up ──► Watching ◄──► OPTIONS answered (up) / not answered (down), for each target
///                            ├────────► REGISTER ──► again before it runs out; not answered, or its target is down: at the next target
///                            └─ Leave ─► REGISTER with Expires 0
/// </code>
/// </summary>
internal sealed class TrunkActor(Trunk trunk, TrunkTable trunks, ISipNode sip, IRandom random) : NodeActor
{
    private const int LookUpMillis = 60_000;
    private const int ReasonCharsMax = 80;

    private readonly TrunkKnowledge _knowledge = trunks.Of(trunk);
    private readonly DigestCredentials? _credentials = trunk is { User: { } user, Password: { } password } ? new DigestCredentials(user, password) : null;
    private TargetWatch[] _targets = [];
    private string _tag = "";
    private RequestHandle? _register;
    private RegisterState _registration = new() { ConfiguredSeconds = trunk.RegisterSeconds };
    private TargetWatch? _registrar;
    private int _registrarsTried;
    private bool _isRegistering;
    private bool? _isRegistered;
    private string _registerCallId = "";
    private uint _registerNumber;

    /// <summary>The first message.</summary>
    public sealed record Begin;

    /// <summary>The node takes no calls any more: what it registered is taken back.</summary>
    public sealed record Leave : ISystemMessage;

    private sealed record LookedUp(TargetWatch Target, IReadOnlyList<SipFlow> Flows) : ISystemMessage;

    private sealed record LookUpDue(TargetWatch Target);

    private sealed record OptionsDue(TargetWatch Target);

    private sealed record RegisterDue;

    private sealed record RegistrationRanOut;

    private long NowMillis => System.Clock.MonotonicNanos / 1_000_000;

    protected override void OnStart()
    {
        _registerCallId = random.NextHex(16);
        _targets = [.. trunk.Hops.Select((target, place) => new TargetWatch(place, target, random.NextHex(16)))];
        _tag = random.NextHex(8);
        Become(Watching);
    }

    private bool Watching(object message)
    {
        switch (message)
        {
            case Begin:
                foreach (var target in _targets) LookUp(target);
                return true;
            case LookUpDue due:
                LookUp(due.Target);
                return true;
            case LookedUp found:
                Found(found.Target, found.Flows);
                return true;
            case OptionsDue due:
                StartTimer($"options {due.Target.Place}", trunk.OptionsIntervalMillis, due);
                due.Target.Digest = DigestSession.Empty;
                if (due.Target.Options is null) SendOptions(due.Target);
                return true;
            case RegisterDue:
                Go(RegisterUsage.Ask(_registration), "");
                return true;
            case RegistrationRanOut:
                TellRegistered("it ran out");
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

    private void LookUp(TargetWatch target) => _ = LookUpAsync(target, sip.ResolveAllAsync(trunk.UriAt(target.Target)));

    private async Task LookUpAsync(TargetWatch target, ValueTask<IReadOnlyList<SipFlow>> lookup)
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
        Self.Tell(new LookedUp(target, found));
    }

    private void Found(TargetWatch target, IReadOnlyList<SipFlow> found)
    {
        var isFirst = found.Count > 0 && target.Found(found);
        if (found.Count > 0) _knowledge.Note(target.Place, found.Select(static way => way.Remote), NowMillis);
        else if (target.Flow is null) SetUp(target, false, 503, "its host does not resolve");
        // An address needs no second look.
        if (target.Target.Address is null) StartTimer($"lookup {target.Place}", LookUpMillis, new LookUpDue(target));
        if (!isFirst) return;
        if (trunk.OptionsIntervalMillis > 0) Self.Tell(new OptionsDue(target));
        // One whose name did not lead anywhere, and that nothing asks, is not down for ever.
        else if (!_knowledge.Targets[target.Place].State.IsUp) SetUp(target, true, 0, "its host resolves");
        if (!trunk.Register || _isRegistering) return;
        _isRegistering = true;
        Self.Tell(new RegisterDue());
    }

    private void SendOptions(TargetWatch target)
    {
        if (target.Flow is not { } way) return;
        var address = sip.LocalAddress(way);
        var us = new NameAddr(SipUri.Create("cti", address.Host, address.Port, null));
        // Each of several is asked by its own name; a trunk of one by the trunk's, as its calls are.
        var uri = _targets.Length == 1 ? Target() : trunk.UriAt(target.Target);
        var request = InitialRequests.Options(new InitialRequest(uri, us, new NameAddr(uri), us, target.CallId, _tag, ++target.Number, []));
        if (_credentials is not null) target.Digest = DigestChallenges.AddTo(request, target.Digest, _credentials, random.NextHex(16));
        target.Options = new RequestHandle(Self, request);
        sip.Start(request, way, target.Options);
    }

    private void SendRegister(bool authorized)
    {
        _registrar ??= FirstRegistrar();
        if (_registrar?.Flow is not { } way || _credentials is null) return;
        var address = sip.LocalAddress(way);
        var record = new NameAddr(SipUri.Create(_credentials.User, trunk.FromDomain ?? trunk.Host, 0, null));
        var contact = new NameAddr(SipUri.Create(_credentials.User, address.Host, address.Port, way.Kind == SipTransportKind.Udp ? null
            : $";transport={way.ViaTransport.ToLowerInvariant()}"));
        var initial = new InitialRequest(Target(), record, record, contact, _registerCallId, _tag, ++_registerNumber, []);
        var request = InitialRequests.Register(initial, _registration.AskSeconds);
        if (authorized) _registration = _registration with { Digest = DigestChallenges.AddTo(request, _registration.Digest, _credentials, random.NextHex(16)) };
        _register = new RequestHandle(Self, request);
        sip.Start(request, way, _register);
    }

    private void Responded(ResponseCame came)
    {
        var response = came.Response;
        if (response.IsProvisional) return;
        if (TargetOf(came.Handle) is { } target)
        {
            target.Options = null;
            if (response.Status is 503 or 408 && target.MovesOn())
            {
                target.Digest = DigestSession.Empty;
                SendOptions(target);
                return;
            }
            target.Answered();
            // Any answer shows that it is there; only 503 and 408 say that it takes no calls.
            SetUp(target, response.Status is not (503 or 408), response.Status, $"OPTIONS answered {response.Status}");
            if (AnswerTo(came, target.Digest) is not { } answer) return;
            target.Digest = answer;
            SendOptions(target);
        }
        else if (came.Handle == _register)
        {
            _register = null;
            if (response.Status == 503 && RegistrarMovesOn())
            {
                AskElsewhere();
                return;
            }
            _registrar?.Answered();
            _registrarsTried = 0;
            // Only who has the password's confidence says by whom calls go.
            if (response.IsSuccess) _knowledge.ServiceRoutes = _knowledge.Owns(came.Came) ? RegisterUsage.ServiceRoutesOf(response) : [];
            var contact = came.Handle.Request.Contact!;
            Go(RegisterUsage.Responded(_registration, response, contact, AnswerTo(came, _registration.Digest), NowMillis, random.Next(1000)),
                response.IsSuccess ? "grants no time" : VisibleText.Of(response.Reason, ReasonCharsMax));
        }
    }

    private TargetWatch? TargetOf(RequestHandle options) => Array.Find(_targets, target => target.Options == options);

    /// <summary>What a challenge is answered with; null where the credentials are not for whoever asks.</summary>
    private DigestSession? AnswerTo(ResponseCame came, DigestSession? soFar)
    {
        if (_credentials is null || soFar is null || came.Response.Status is not (401 or 407)) return null;
        var verdict = _knowledge.Judge(soFar, came.Handle.Request, came.Response, came.Sent, came.Came, NowMillis, out var isNews);
        if (isNews) ChallengeLog.Refused(System.Log, trunk, came, verdict.Refusal);
        return verdict.Answer;
    }

    private void Failed(RequestHandle handle, int status, string reason)
    {
        if (TargetOf(handle) is { } target)
        {
            target.Options = null;
            if (target.MovesOn()) SendOptions(target);
            else SetUp(target, false, status, status == 408 ? "OPTIONS was not answered" : reason);
        }
        else if (handle == _register)
        {
            _register = null;
            if (RegistrarMovesOn()) AskElsewhere();
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
        // What was said is told once it is decided: before the first answer there is nothing to tell.
        if (_registration.HoldsUntil != 0 || _registration.FailedStatus != 0 || step.News == RegisterNews.Withdrawn) TellRegistered(reason);
        if (step.Sends) SendRegister(step.Authorized);
    }

    /// <summary>Where to register first: the targets' own order decides, and who is down comes into question only where all are.</summary>
    private TargetWatch? FirstRegistrar() =>
        TrunkTarget.InOrder(trunk.Hops, IsUp, random).Select(place => _targets[place]).FirstOrDefault(static target => target.Flow is not null)
        ?? Array.Find(_targets, static target => target.Flow is not null);

    private bool IsUp(int place) => _knowledge.Targets[place].State.IsUp;

    /// <summary>The registrar's next address, else the next target, once round: false where all were tried. The round after begins with the best.</summary>
    private bool RegistrarMovesOn()
    {
        if (_registrar is not { } used) return false;
        if (used.MovesOn()) return true;
        // What was registered is taken back where it was, and nowhere else.
        if (_registration.Phase != RegisterPhase.Leaving && ++_registrarsTried < _targets.Length && NextRegistrar(used, static _ => true) is { } next)
        {
            _registrar = next;
            return true;
        }
        _registrarsTried = 0;
        _registrar = _targets.Length == 1 ? used : null;
        return false;
    }

    /// <summary>The one after it by priority, the first one after the last.</summary>
    private TargetWatch? NextRegistrar(TargetWatch used, Func<TargetWatch, bool> fits)
    {
        var all = _targets.OrderBy(static target => target.Target.Priority).ToList();
        var at = all.IndexOf(used);
        return all.Skip(at + 1).Concat(all.Take(at)).FirstOrDefault(target => target.Flow is not null && fits(target));
    }

    /// <summary>Calls come by whom we are registered at: one that stops answering is left for the next, and not only when its time runs out.</summary>
    private void LeaveRegistrar(TargetWatch down)
    {
        // One that has failed is tried again in its own time: refused credentials are not taken to the next at once.
        if (_registrar != down || _registration.Phase != RegisterPhase.Waiting || _registration.HoldsUntil <= NowMillis) return;
        if (NextRegistrar(down, other => IsUp(other.Place)) is not { } next) return;
        _registrar = next;
        Self.Tell(new RegisterDue());
    }

    private void AskElsewhere()
    {
        _registration = _registration with { Digest = _registration.Digest.Accept() };
        SendRegister(authorized: _registration.Phase == RegisterPhase.Leaving);
    }

    private void TellRegistered(string reason)
    {
        var left = _registration.HoldsUntil - NowMillis;
        if (left > 0) StartTimer("registration", left, new RegistrationRanOut());
        if (_isRegistered == left > 0) return;
        _isRegistered = left > 0;
        var code = left > 0 ? 200 : _registration.FailedStatus;
        trunks.News?.Invoke(new TrunkNews(trunk.Name, (_registrar?.Target ?? trunk.Hops[0]).ToString(), left > 0 ? "registered" : "unregistered", code,
            left > 0 ? "" : reason.Length > 0 ? reason : "it was taken back", System.Clock.UnixMillis));
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

    private void SetUp(TargetWatch target, bool isUp, int code, string why)
    {
        if (!trunks.SetUp(trunk, target.Place, isUp, code, why)) return;
        System.Log.Write(isUp ? LogEvents.TrunkUp : LogEvents.TrunkDown, _targets.Length == 1 ? trunk.Name : $"{trunk.Name} ({target.Target})", why);
        if (!isUp) LeaveRegistrar(target);
    }

    private SipUri Target() => trunk.UriOf(null);
}
