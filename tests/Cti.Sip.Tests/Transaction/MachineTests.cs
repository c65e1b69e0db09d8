using Cti.Sip.Transaction;

namespace Cti.Sip.Tests.Transaction;

/// <summary>What holds for every state and input of the four machines.</summary>
public sealed class MachineTests
{
    private static readonly SipTimers Timers = new();

    internal delegate TransactionStep Machine(TransactionState state, TransactionInput input, long now, SipTimers timers, bool reliable);

    public static TheoryData<int, bool> Machines =>
        new() { { 0, false }, { 1, false }, { 2, false }, { 3, false }, { 0, true }, { 1, true }, { 2, true }, { 3, true } };

    [Theory]
    [MemberData(nameof(Machines))]
    public void Every_reachable_state_takes_every_input_moves_its_deadlines_on_and_what_is_over_stays_over(int number, bool reliable)
    {
        var seen = new HashSet<(TransactionPhase, int, bool, bool)>();
        var work = new Queue<(TransactionState State, long Now)>();
        work.Enqueue((TransactionState.Initial, 0));
        while (work.TryDequeue(out var item))
        {
            var (state, now) = item;
            if (!seen.Add((state.Phase, state.Interval, state.ResendAt == TransactionState.Never, state.EndAt == TransactionState.Never))) continue;
            foreach (var input in Enum.GetValues<TransactionInput>())
            {
                var at = input == TransactionInput.Timer && state.NextDeadline != TransactionState.Never ? state.NextDeadline : now;
                var step = Of(number)(state, input, at, Timers, reliable);
                if (input == TransactionInput.Timer) step.State.NextDeadline.ShouldBeGreaterThan(at, $"{state} fires for ever");
                if (state.IsOver || (state.Phase == TransactionPhase.Initial && input != TransactionInput.Start))
                {
                    step.ShouldBe(new TransactionStep(state, TransactionActions.None));
                }
                if (step.State.IsOver) step.State.NextDeadline.ShouldBe(TransactionState.Never);
                if (reliable)
                    (step.Actions & TransactionActions.Resend & (input == TransactionInput.Timer ? TransactionActions.Resend : 0))
                        .ShouldBe(TransactionActions.None);
                work.Enqueue((step.State, at));
            }
        }
        seen.Select(s => s.Item1).ShouldContain(TransactionPhase.Terminated);
    }

    [Theory]
    [InlineData(0, "Initial Calling Proceeding Completed Accepted Terminated")]
    [InlineData(1, "Initial Trying Proceeding Completed Terminated")]
    [InlineData(2, "Initial Proceeding Completed Confirmed Accepted Terminated")]
    [InlineData(3, "Initial Trying Proceeding Completed Terminated")]
    public void The_reachable_states_are_those_of_the_RFC(int number, string expected)
    {
        var seen = new HashSet<TransactionState> { TransactionState.Initial };
        var work = new Stack<TransactionState>(seen);
        while (work.TryPop(out var state))
        {
            foreach (var input in Enum.GetValues<TransactionInput>())
            {
                var next = Of(number)(state, input, 0, Timers, false).State;
                if (seen.Add(next)) work.Push(next);
                if (state.NextDeadline == TransactionState.Never || input != TransactionInput.Timer) continue;
                next = Of(number)(state, input, state.EndAt == TransactionState.Never ? state.ResendAt : state.EndAt, Timers, false).State;
                if (seen.Add(next)) work.Push(next);
            }
        }
        seen.Select(s => s.Phase.ToString()).Distinct().Order(StringComparer.Ordinal).ShouldBe(expected.Split(' ').Order(StringComparer.Ordinal));
    }

    private static Machine Of(int number) => number switch
    {
        0 => InviteClientMachine.Step,
        1 => NonInviteClientMachine.Step,
        2 => InviteServerMachine.Step,
        _ => NonInviteServerMachine.Step,
    };
}
