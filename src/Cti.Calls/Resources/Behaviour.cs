using Cti.Contract;

namespace Cti.Calls.Resources;

/// <summary>What a resource does in the state that it is in: what its actor becomes.</summary>
/// <typeparam name="TState">The resource's state.</typeparam>
/// <typeparam name="TEntry">Its entries.</typeparam>
public interface IBehaviour<TState, TEntry>
    where TState : ResourceState
    where TEntry : ResourceEntry
{
    /// <summary>The documented name.</summary>
    string Name { get; }

    /// <summary>Decides on a command: a pure function of state, command and time.</summary>
    /// <param name="state">The resource, in this state.</param>
    /// <param name="command">What came.</param>
    /// <param name="now">Unix milliseconds.</param>
    /// <param name="settings">The configured limits.</param>
    ResourceDecision<TState, TEntry> Decide(TState state, ResourceCommand command, long now, CallSettings settings);
}

/// <summary>
/// What a resource does in one of its documented states: which requests it accepts and what news it hears. Stateless, one object a state; what is not named
/// here is refused (a request) or nothing to it (news).
/// </summary>
/// <typeparam name="TDecision">The resource's decisions.</typeparam>
/// <typeparam name="TState">Its state.</typeparam>
/// <typeparam name="TEntry">Its entries.</typeparam>
public abstract class Behaviour<TDecision, TState, TEntry> : IBehaviour<TState, TEntry>
    where TDecision : ResourceDecision<TState, TEntry>, new()
    where TState : ResourceState
    where TEntry : ResourceEntry
{
    private readonly Dictionary<Type, List<Acceptance>> _requests = [];
    private readonly Dictionary<Type, Hearing> _news = [];

    /// <summary>The state's documented name.</summary>
    public abstract string Name { get; }

    /// <inheritdoc cref="IBehaviour{TState, TEntry}.Decide"/>
    public abstract TDecision Decide(TState state, ResourceCommand command, long now, CallSettings settings);

    ResourceDecision<TState, TEntry> IBehaviour<TState, TEntry>.Decide(TState state, ResourceCommand command, long now, CallSettings settings) =>
        Decide(state, command, now, settings);

    /// <summary>Whether a request of that kind is accepted, as far as the state decides that.</summary>
    /// <param name="request">The request's type.</param>
    /// <param name="generation">Through which generation it comes.</param>
    /// <param name="direction">The call's direction; null for resources that have none.</param>
    public bool IsAccepted(Type request, ApiGeneration generation, CallDirection? direction) => Find(request, generation, direction) is not null;

    /// <summary>Whether every acceptance of that kind is for one direction of calls: which, or null.</summary>
    internal bool IsOnlyFor(Type request, CallDirection direction) =>
        !_requests.TryGetValue(request, out var accepted) || accepted.TrueForAll(one => one.Direction == direction);

    /// <summary>Whether that kind of news is heard here.</summary>
    internal bool IsHeard(Type news) => _news.ContainsKey(news);

    /// <summary>Accepts a request.</summary>
    /// <param name="decide">What follows; it may still refuse for a reason that is finer than the state.</param>
    /// <param name="generation">Only through that generation.</param>
    /// <param name="direction">Only on calls of that direction.</param>
    private protected void Accepts<TRequest>(Func<DecisionDraft<TDecision, TState, TEntry>, TRequest, TDecision> decide, ApiGeneration? generation = null,
        CallDirection? direction = null)
        where TRequest : ResourceRequest
    {
        if (!_requests.TryGetValue(typeof(TRequest), out var accepted)) _requests.Add(typeof(TRequest), accepted = []);
        accepted.Add(new Acceptance(generation, direction, (decision, request) => decide(decision, (TRequest)request)));
    }

    /// <summary>Hears news, also while another state lies upon this one.</summary>
    /// <param name="hear">What follows; null: it is not for this state.</param>
    private protected void Hears<TNews>(Func<DecisionDraft<TDecision, TState, TEntry>, TNews, TDecision?> hear)
        where TNews : ResourceCommand => _news.Add(typeof(TNews), new Hearing(false, (decision, news) => hear(decision, (TNews)news)));

    /// <summary>Answers another resource's question, which only the uppermost state may agree to.</summary>
    /// <param name="hear">What follows; null: it is not for this state.</param>
    private protected void HearsOnTop<TNews>(Func<DecisionDraft<TDecision, TState, TEntry>, TNews, TDecision?> hear)
        where TNews : ResourceCommand => _news.Add(typeof(TNews), new Hearing(true, (decision, news) => hear(decision, (TNews)news)));

    /// <summary>The decision on a request; null where this state does not accept it.</summary>
    private protected TDecision? Accept(DecisionDraft<TDecision, TState, TEntry> decision, ResourceRequest request, CallDirection? direction) =>
        Find(request.GetType(), request.Generation, direction)?.Decide(decision, request);

    /// <summary>The decision on news; null where it is nothing to this state.</summary>
    private protected TDecision? Hear(DecisionDraft<TDecision, TState, TEntry> decision, ResourceCommand news, bool isOnTop) =>
        _news.TryGetValue(news.GetType(), out var hearing) && (isOnTop || !hearing.OnlyOnTop) ? hearing.Decide(decision, news) : null;

    private Acceptance? Find(Type request, ApiGeneration generation, CallDirection? direction)
    {
        if (!_requests.TryGetValue(request, out var accepted)) return null;
        foreach (var one in accepted)
            if ((one.Generation ?? generation) == generation && (one.Direction ?? direction) == direction) return one;
        return null;
    }

    private sealed record Acceptance(ApiGeneration? Generation, CallDirection? Direction,
        Func<DecisionDraft<TDecision, TState, TEntry>, ResourceRequest, TDecision> Decide);

    private sealed record Hearing(bool OnlyOnTop, Func<DecisionDraft<TDecision, TState, TEntry>, ResourceCommand, TDecision?> Decide);
}
