using System.Net;
using Cti.Kernel;

namespace Cti.Testing.Peers;

/// <summary>How often a <see cref="RandomPhone"/> does what, in per cent.</summary>
public sealed record PhoneHabits
{
    /// <summary>Rings before it answers.</summary>
    public int Rings { get; init; } = 80;
    /// <summary>Refuses a call.</summary>
    public int Refuses { get; init; } = 15;
    /// <summary>Never answers, so that the other side has to give up.</summary>
    public int NeverAnswers { get; init; } = 10;
    /// <summary>Cancels its own call if it is not answered soon.</summary>
    public int Cancels { get; init; } = 20;
    /// <summary>Hangs up at some time; else it leaves that to the other side.</summary>
    public int HangsUp { get; init; } = 60;
    /// <summary>Loses the ACKs of one to three 200s.</summary>
    public int LosesAcks { get; init; } = 10;
    /// <summary>Never acknowledges a 200.</summary>
    public int NeverAcknowledges { get; init; } = 2;
    /// <summary>Sends every request twice.</summary>
    public int SendsTwice { get; init; } = 10;
    /// <summary>Calls without an offer.</summary>
    public int OffersNothing { get; init; } = 10;
    /// <summary>Has ringing acknowledged, in calls of its own and of others; 0 draws nothing.</summary>
    public int IsReliable { get; init; }
    /// <summary>Speaks G.722 or Opus before G.711; 0 draws nothing.</summary>
    public int IsWideband { get; init; }
    /// <summary>Protects its sound by SRTP; 0 draws nothing.</summary>
    public int Protects { get; init; }
    /// <summary>Does something during the call, each time it thinks of it.</summary>
    public int Fidgets { get; init; } = 70;
    /// <summary>The longest call before it hangs up, in milliseconds.</summary>
    public int TalkMillisMax { get; init; } = 30_000;
    /// <summary>How long it waits for an answer before it cancels at the latest, in milliseconds.</summary>
    public int PatienceMillis { get; init; } = 100_000;

    /// <summary>Answers soon, presses keys, hangs up in the end: no trouble.</summary>
    public static PhoneHabits Polite { get; } = new()
    {
        Refuses = 0, NeverAnswers = 0, Cancels = 0, HangsUp = 100, LosesAcks = 0, NeverAcknowledges = 0, SendsTwice = 0, OffersNothing = 0,
    };
}

/// <summary>
/// A telephone that behaves at random: answers, refuses, lets it ring, cancels, holds, resumes, presses keys, loses ACKs, hangs up. A seed repeats it.
/// </summary>
public sealed class RandomPhone(VirtualNetwork network, ManualRuntime runtime, SeededRandom random, IPEndPoint local, PhoneHabits habits)
    : SipPeer(network, runtime, random, local)
{
    private const string Keys = "0123456789*#ABCD";
    private static readonly int[] Refusals = [486, 603, 404, 480, 503, 302, 500];
    private readonly Dictionary<PeerCall, List<ITimerHandle>> _plans = [];

    /// <summary>Presses a key in the sound towards the other side's RTP address: the simulation's media side delivers it.</summary>
    public Action<IPEndPoint, char>? PressKey { get; init; }

    /// <summary>Draws what it does about transfers, and how often in per cent; null: it knows none.</summary>
    public (SeededRandom Random, int Percent)? Transfers { get; init; }

    /// <summary>Calls that are not over.</summary>
    public int Active => Calls.Count(call => call.Phase != PeerPhase.Ended);

    /// <summary>Calls someone.</summary>
    public PeerCall Dial(IPEndPoint server, string toUri)
    {
        var call = NewCall(server, toUri);
        call.RequiresReliable = habits.IsReliable > 0 && Random.Chance(habits.IsReliable);
        call.Invite(withOffer: !Random.Chance(habits.OffersNothing));
        Plan(call, Random.Chance(habits.Cancels) ? Random.Between(0, 10_000) : habits.PatienceMillis, call.Cancel);
        return call;
    }

    /// <summary>Hangs up whatever is not over: how a simulation comes to its end.</summary>
    public void HangUpAll()
    {
        foreach (var call in Calls.Where(call => call.Phase is not (PeerPhase.Ended or PeerPhase.HangingUp)).ToList()) call.HangUp();
    }

    protected override void Observe(PeerCall call)
    {
        _plans[call] = [];
        call.SendsTwice = Random.Chance(habits.SendsTwice);
        if (Random.Chance(habits.LosesAcks)) call.LoseAcks = Random.Between(1, 3);
        else if (Random.Chance(habits.NeverAcknowledges)) call.LoseAcks = int.MaxValue;
        call.Changed = Changed;
        if (habits.IsWideband > 0 && Random.Chance(habits.IsWideband)) call.Sound = new PeerSound(Random.Chance(50) ? [9, 8] : [PeerSound.Opus, 0, 8], null);
        if (habits.Protects > 0 && Random.Chance(habits.Protects)) call.Sound = call.Sound with { Key = PeerSound.KeyOf(call.CallId) };
        call.RingsReliably = habits.IsReliable > 0 && Random.Chance(habits.IsReliable);
        if (Transfers is { } transfers && transfers.Random.Chance(90)) call.Refers = () => Answers(transfers.Random);
        if (!call.IsCaller) PlanAnswer(call);
    }

    private void PlanAnswer(PeerCall call)
    {
        var ringsAt = Random.Between(10, 2000);
        if (Random.Chance(habits.Rings)) Plan(call, ringsAt, () => RespondIfOffered(call, Random.Chance(20) ? 183 : 180));
        if (Random.Chance(habits.NeverAnswers)) return;
        var status = Random.Chance(habits.Refuses) ? Random.Pick<int>(Refusals) : 200;
        Plan(call, ringsAt + Random.Between(0, 8000), () => RespondIfOffered(call, status));
    }

    private static void RespondIfOffered(PeerCall call, int status)
    {
        if (call.Phase == PeerPhase.Offered) call.Respond(status);
    }

    private void Changed(PeerCall call)
    {
        switch (call.Phase)
        {
            case PeerPhase.Up:
                if (Random.Chance(habits.HangsUp)) Plan(call, Random.Between(0, habits.TalkMillisMax), call.HangUp);
                Fidget(call);
                if (Transfers is { } transfers) AskToBeTransferred(call, transfers.Random, transfers.Percent);
                break;
            case PeerPhase.Ended:
                foreach (var plan in _plans[call]) plan.Cancel();
                _plans[call].Clear();
                break;
        }
    }

    private void Fidget(PeerCall call)
    {
        if (!Random.Chance(habits.Fidgets)) return;
        Plan(call, Random.Between(20, 4000), () =>
        {
            if (call.Phase != PeerPhase.Up) return;
            switch (Random.Next(10))
            {
                case < 6:
                    if (call.Remote is { } remote) PressKey?.Invoke(remote.Rtp, Random.Pick<char>(Keys));
                    break;
                case 6: call.SendInfo(Random.Pick<char>(Keys)); break;
                case 7: call.ReInvite(Random.Pick("sendrecv", "sendonly", "inactive", null)); break;
                case 8: call.SendOptions(); break;
                default: call.RefuseNextReInvite = Random.Pick(491, 488, 500); break;
            }
            Fidget(call);
        });
    }

    private void AskToBeTransferred(PeerCall call, SeededRandom random, int percent)
    {
        if (!random.Chance(percent)) return;
        Plan(call, random.Between(0, 6000), () =>
        {
            var whom = random.Pick("sip:100@10.0.0.1", "sip:200@10.0.0.2?Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc", "tel:+4930123", "mailto:nobody");
            call.Refer(whom, wantsReports: !random.Chance(15));
            AskToBeTransferred(call, random, percent);
        });
    }

    /// <summary>Takes it, refuses it, says nothing or half of it.</summary>
    private static (int AfterMillis, int Status)[] Answers(SeededRandom random)
    {
        if (random.Chance(20)) return [(random.Between(0, 2000), random.Pick(603, 405, 481, 500))];
        var answers = new List<(int, int)> { (random.Pick(0, 0, 200, 3000), 202) };
        if (random.Chance(70)) answers.Add((random.Between(0, 500), 100));
        if (random.Chance(50)) answers.Add((random.Between(0, 2000), 180));
        if (random.Chance(70)) answers.Add((random.Between(0, 4000), random.Pick(200, 200, 486, 603)));
        return [.. answers];
    }

    private void Plan(PeerCall call, int millis, Action act) => _plans[call].Add(Runtime.After(millis, act));
}
