using System.Collections.Immutable;
using Cti.Calls.Call;
using Cti.Calls.Extensions;
using Cti.Contract;

namespace Cti.Calls;

/// <summary>In which states methods are allowed, read from the states of calls and flows. A conference's methods are allowed as long as it is alive.</summary>
public sealed class StateTable : IStateTable
{
    private StateTable()
    {
    }

    /// <summary>The only one.</summary>
    public static StateTable Instance { get; } = new();

    /// <inheritdoc/>
    public ImmutableArray<string> AllowedIn(string method, ApiGeneration generation, CallDirection direction) =>
        CallRequests.TypeOf(method) is null ? [.. FlowBehaviour.AllowedIn(method)] : CallStates.AllowedIn(method, generation, direction);

    /// <inheritdoc/>
    public CallDirection? OnlyDirectionOf(string method) => CallStates.OnlyDirectionOf(method);
}
