using System.Net;
using Cti.Actors;
using Cti.Kernel;
using Cti.Server.Calls;
using Cti.Server.Resources;
using Cti.Server.Sip;
using Cti.Sip;
using Cti.Sip.Auth;
using Cti.Sip.Dialog;

namespace Cti.Server.Trunks;

/// <summary>
/// Watches one trunk: looks its host up again and again, sends OPTIONS to know whether it is up, and keeps a registration there where configured.
/// <code>
///   Begin ──► look up ──► Watching ◄──► OPTIONS answered (up) / not answered (down)
///                            └────────► REGISTER, 401 ──► REGISTER with credentials ──► refresh before it expires
/// </code>
/// </summary>
internal sealed class TrunkActor(Trunk trunk, NodeServices services) : Actor
{
    private const int LookUpMillis = 60_000, RegisterRetryMillis = 30_000;

    private SipFlow? flow;
    private RequestHandle? options;
    private RequestHandle? register;
    private DigestSession digest = DigestSession.Empty;
    private string registerCallId = "";
    private string registerTag = "";
    private uint registerNumber;
    private uint optionsNumber;
    private string optionsCallId = "";

    /// <summary>The first message.</summary>
    public sealed record Begin;

    private sealed record LookedUp(SipFlow? Flow) : ISystemMessage;

    private sealed record LookUpDue;

    private sealed record OptionsDue;

    private sealed record RegisterDue;

    protected override void OnStart()
    {
        registerCallId = services.Random.NextHex(16);
        optionsCallId = services.Random.NextHex(16);
        registerTag = services.Random.NextHex(8);
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
                Found(found.Flow);
                return true;
            case OptionsDue:
                SendOptions();
                return true;
            case RegisterDue:
                SendRegister(trunk.RegisterSeconds, null);
                return true;
            case ResponseCame came:
                Responded(came.Handle, came.Response);
                return true;
            case RequestTimedOut timedOut:
                Failed(timedOut.Handle);
                return true;
            case RequestNotSent notSent:
                Failed(notSent.Handle);
                return true;
            default:
                return false;
        }
    }

    private void LookUp() => _ = LookUpAsync(services.Sip.ResolveAsync(Target()));

    private async Task LookUpAsync(ValueTask<SipFlow?> lookup)
    {
        SipFlow? found = null;
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

    private void Found(SipFlow? found)
    {
        var first = flow is null && found is not null;
        if (found is { } known)
        {
            flow = known;
            services.Trunks.SetAddresses(trunk.Name, [known.Remote.Address]);
        }
        else if (flow is null)
        {
            SetUp(false, "its host does not resolve");
        }
        // An address needs no second look.
        if (!IPAddress.TryParse(trunk.Host.Trim('[', ']'), out _)) StartTimer("lookup", LookUpMillis, new LookUpDue());
        if (!first) return;
        if (trunk.OptionsIntervalMillis > 0) SendOptions();
        if (trunk.Register) SendRegister(trunk.RegisterSeconds, null);
    }

    private void SendOptions()
    {
        StartTimer("options", trunk.OptionsIntervalMillis, new OptionsDue());
        if (flow is not { } way || options is not null) return;
        var address = services.Sip.LocalAddress(way);
        var us = new NameAddr(SipUri.Create("cti", address.Host, address.Port, null));
        var request = InitialRequests.Options(new InitialRequest(Target(), us, new NameAddr(Target()), us, optionsCallId, registerTag, ++optionsNumber, []));
        options = new RequestHandle(Self, request);
        services.Sip.Start(request, way, options);
    }

    private void SendRegister(int seconds, string? cnonce)
    {
        if (flow is not { } way || trunk.User is not { } user) return;
        var address = services.Sip.LocalAddress(way);
        var record = new NameAddr(SipUri.Create(user, trunk.FromDomain ?? trunk.Host, 0, null));
        var contact = new NameAddr(SipUri.Create(user, address.Host, address.Port, null));
        var request = InitialRequests.Register(new InitialRequest(Target(), record, record, contact, registerCallId, registerTag, ++registerNumber, []), seconds);
        if (cnonce is not null && trunk.Password is { } password)
            digest = DigestChallenges.AddTo(request, digest, new DigestCredentials(user, password), cnonce);
        register = new RequestHandle(Self, request);
        services.Sip.Start(request, way, register);
    }

    private void Responded(RequestHandle handle, SipResponse response)
    {
        if (response.IsProvisional) return;
        if (handle == options)
        {
            options = null;
            // Any answer shows that it is there; only 503 and 408 say that it takes no calls.
            SetUp(response.Status is not (503 or 408), $"OPTIONS answered {response.Status}");
        }
        else if (handle == register)
        {
            Registered(response);
        }
    }

    private void Registered(SipResponse response)
    {
        var sent = register!.Request;
        register = null;
        if (response.Status is 401 or 407 && digest.TryChallenge(DigestChallenges.Read(response), out var next))
        {
            digest = next;
            SendRegister(trunk.RegisterSeconds, services.Random.NextHex(16));
            return;
        }
        if (!response.IsSuccess)
        {
            digest = DigestSession.Empty;
            System.Log.Write(LogEvents.TrunkRegisterFailed, trunk.Name, response.Status, response.Reason);
            StartTimer("register", RegisterRetryMillis, new RegisterDue());
            return;
        }
        digest = digest.Accept();
        var seconds = InitialRequests.RegisteredSeconds(response, sent.Contact!, trunk.RegisterSeconds) ?? trunk.RegisterSeconds;
        StartTimer("register", Math.Max(10, seconds * 4 / 5) * 1000, new RegisterDue());
    }

    private void Failed(RequestHandle handle)
    {
        if (handle == options)
        {
            options = null;
            SetUp(false, "OPTIONS was not answered");
        }
        else if (handle == register)
        {
            register = null;
            System.Log.Write(LogEvents.TrunkRegisterFailed, trunk.Name, 408, "no answer");
            StartTimer("register", RegisterRetryMillis, new RegisterDue());
        }
    }

    private void SetUp(bool up, string why)
    {
        if (services.Trunks.SetUp(trunk.Name, up)) System.Log.Write(up ? LogEvents.TrunkUp : LogEvents.TrunkDown, trunk.Name, why);
    }

    private SipUri Target() => SipUri.Create(null, trunk.Host, trunk.Port, trunk.Transport switch
    {
        SipTransportKind.Tcp => ";transport=tcp",
        SipTransportKind.Tls => ";transport=tls",
        _ => null,
    });
}
