using System.Collections.Immutable;
using Cti.Calls.Call.States;
using Cti.Contract;

namespace Cti.Calls.Call;

/// <summary>All states of a call. The table of allowed methods, the text of a 409 and the documents' column of states are read from here.</summary>
public static class CallStates
{
    /// <summary>In the order of <see cref="CallPhase"/>.</summary>
    public static ImmutableArray<CallBehaviour> All { get; } =
    [
        new Initiated(), new Ring(), new Answer(), new Idle(), new Play(), new Record(), new SendDtmf(), new ReceiveDtmf(), new Dial(), new Connect(),
        new Conf(), new Released(),
    ];

    /// <summary>Those in which an application sees the call.</summary>
    public static IEnumerable<CallBehaviour> Visible => All.Where(static state => state.Phase != CallPhase.Released);

    /// <summary>The behaviour of a state.</summary>
    public static CallBehaviour Of(CallPhase phase) => All[(int)phase];

    /// <summary>The states in which a method is allowed; empty: in every one that such a call can be in.</summary>
    /// <param name="method">Its full name.</param>
    /// <param name="generation">Through which generation.</param>
    /// <param name="direction">On which calls; a method for one direction alone has the same states for both.</param>
    public static ImmutableArray<string> AllowedIn(string method, ApiGeneration generation, CallDirection direction) =>
        CallRequests.TypeOf(method) is { } request ? AllowedIn(request, generation, direction) : [];

    /// <summary>The only direction of calls that a method is for; null for both.</summary>
    public static CallDirection? OnlyDirectionOf(string method) => CallRequests.TypeOf(method) is { } request ? OnlyDirectionOf(request) : null;

    internal static ImmutableArray<string> AllowedIn(Type request, ApiGeneration generation, CallDirection direction)
    {
        direction = OnlyDirectionOf(request) ?? direction;
        if (EveryState.Alike.IsAccepted(request, generation, direction)) return [];
        ImmutableArray<CallBehaviour> allowed = [.. Visible.Where(state => state.IsAccepted(request, generation, direction))];
        return Visible.All(state => allowed.Contains(state) || (state.Direction ?? direction) != direction)
            ? []
            : [.. allowed.Select(static state => state.Name)];
    }

    internal static CallDirection? OnlyDirectionOf(Type request)
    {
        if (EveryState.Alike.IsAccepted(request, ApiGeneration.V2, CallDirection.Outbound)) return null;
        if (All.All(state => state.IsOnlyFor(request, CallDirection.Inbound))) return CallDirection.Inbound;
        return All.All(state => state.IsOnlyFor(request, CallDirection.Outbound)) ? CallDirection.Outbound : null;
    }

    internal static bool IsHeard(Type news) => EveryState.Alike.IsHeard(news) || All.Any(state => state.IsHeard(news));
}
