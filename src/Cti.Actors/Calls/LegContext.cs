using Cti.Actors.Hosting;
using Cti.Actors.SipNode;
using Cti.Actors.Trunks;
using Cti.Kernel;
using Cti.Sip.Auth;
using Cti.Sip.Dialog;
using Cti.Sip.Message;
using Cti.Sip.Sdp;

namespace Cti.Actors.Calls;

/// <summary>
/// What every part of a call's SIP side has at hand: the call, its node, our side of the audio and the trunk. Nothing of it changes while the leg lives.
/// </summary>
internal sealed class LegContext(CallServices services, CallCell cell, ActorHost system, LocalAudio local, Trunk? trunk)
{
    private readonly ILog _log = system.Log;

    public CallServices Services { get; } = services;

    public CallCell Cell { get; } = cell;

    public IClock Clock { get; } = system.Clock;

    /// <summary>What is asked of this far end, and granted to it.</summary>
    public SipProfile Profile { get; } = trunk?.ProfileOver(services.SipProfile) ?? services.SipProfile;

    public ITimers Timers { get; } = system.Timers;

    /// <summary>Our side of the audio.</summary>
    public LocalAudio Local { get; } = local;

    /// <summary>The trunk that the call came or goes over.</summary>
    public Trunk? Trunk { get; } = trunk;

    /// <summary>Built from a journal; news of the far end's SIP then came to another process.</summary>
    public bool IsRestored { get; init; }

    public long NowMillis => Clock.MonotonicNanos / 1_000_000;

    public DigestCredentials? Credentials => Trunk is { User: { } user, Password: { } password } ? new DigestCredentials(user, password) : null;

    /// <summary>What the call's application wants to hear of a message's header fields; null where it wants none.</summary>
    public string? Heard(SipMessage message) => Cell.State is { } call ? CarriedHeaders.Of(message, Services.HeardHeaders(call.Application)) : null;

    /// <summary>What was agreed with the trunk by challenges.</summary>
    public DigestAgreement? Agreement => Trunk is null ? null : Services.Trunks.Of(Trunk).Agreement;

    /// <summary>What a challenge is answered with; null where this call's trunk has no credentials, or they are not for whoever asks.</summary>
    public DigestSession? AnswerTo(ResponseCame came, DigestSession? soFar)
    {
        if (Trunk is null || soFar is null || Credentials is null || came.Response.Status is not (401 or 407)) return null;
        var verdict = Services.Trunks.Of(Trunk).Judge(soFar, came.Handle.Request, came.Response, came.Sent, came.Came, NowMillis, out var isNews);
        if (isNews) ChallengeLog.Refused(_log, Trunk, came, verdict.Refusal);
        return verdict.Answer;
    }
}
