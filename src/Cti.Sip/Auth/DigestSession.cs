using System.Collections.Immutable;

namespace Cti.Sip.Auth;

/// <summary>One header that answers a challenge.</summary>
/// <param name="IsProxy">Proxy-Authorization rather than Authorization.</param>
/// <param name="Value">Its value; holds a hash of the password, so it is not logged.</param>
public sealed record DigestAuthorization(bool IsProxy, string Value)
{
    /// <summary>The header's name.</summary>
    public string HeaderName => IsProxy ? "Proxy-Authorization" : "Authorization";

    /// <inheritdoc/>
    public override string ToString() => HeaderName;
}

/// <summary>
/// What was answered so far towards one far end: each realm is answered once, again only when its nonce is called stale or changed after
/// it had been accepted, so that a wrong password never loops. Immutable and pure.
/// </summary>
public sealed record DigestSession
{
    private const int RealmsMax = 4;
    private const int StaleMax = 3;

    /// <summary>Nothing answered yet.</summary>
    public static readonly DigestSession Empty = new();

    private ImmutableList<Answered> _answers = [];

    /// <summary>
    /// Takes the challenges of a 401 or 407.
    /// </summary>
    /// <param name="challenges">Of that response; unsupported ones were passed over.</param>
    /// <param name="next">The session to go on with.</param>
    /// <returns>False when it must not be answered: nothing supported, or a realm refused what we know. The response is then final.</returns>
    public bool TryChallenge(ImmutableArray<DigestChallenge> challenges, out DigestSession next)
    {
        next = this;
        if (challenges.IsEmpty) return false;
        var list = _answers;
        foreach (var realm in challenges.GroupBy(challenge => (challenge.Realm, challenge.IsProxy)))
        {
            var chosen = DigestClient.Choose(realm)!;
            var known = list.FindIndex(answer => answer.Challenge.Realm == chosen.Realm && answer.Challenge.IsProxy == chosen.IsProxy);
            if (known < 0)
            {
                if (list.Count == RealmsMax) return false;
                list = list.Add(new Answered(chosen, 0, 0, false));
                continue;
            }
            var before = list[known];
            if (!before.Accepted && (!chosen.Stale || before.StaleCount == StaleMax)) return false;
            list = list.SetItem(known, new Answered(chosen, 0, before.Accepted ? 0 : before.StaleCount + 1, false));
        }
        next = new DigestSession { _answers = list };
        return true;
    }

    /// <summary>The headers for the next request: one a realm challenged so far, with its nonce count raised in <paramref name="next"/>.</summary>
    public ImmutableArray<DigestAuthorization> Authorize(DigestCredentials credentials, string method, string uri, string cnonce, out DigestSession next,
        ReadOnlyMemory<byte> body = default)
    {
        next = this;
        if (_answers.IsEmpty) return [];
        var headers = ImmutableArray.CreateBuilder<DigestAuthorization>(_answers.Count);
        var list = _answers;
        for (var i = 0; i < list.Count; i++)
        {
            var answer = list[i] with { Uses = list[i].Uses + 1 };
            list = list.SetItem(i, answer);
            headers.Add(new DigestAuthorization(answer.Challenge.IsProxy, DigestClient.Authorize(answer.Challenge, credentials, method, uri,
                cnonce, answer.Uses, body)));
        }
        next = new DigestSession { _answers = list };
        return headers.DrainToImmutable();
    }

    /// <summary>The far end took our answers: a later challenge (the nonce ran out) may be answered again.</summary>
    public DigestSession Accept() =>
        _answers.IsEmpty ? this : new DigestSession { _answers = _answers.ConvertAll(answer => answer with { Accepted = true, StaleCount = 0 }) };

    private sealed record Answered(DigestChallenge Challenge, uint Uses, int StaleCount, bool Accepted);
}
