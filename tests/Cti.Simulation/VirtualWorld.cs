using System.Globalization;
using System.Net;
using Cti.Actors.MediaNode;
using Cti.Actors.Trunks;
using Cti.Persistence;
using Cti.Persistence.Memory;
using Cti.Sip.Message;
using Cti.Sip.Sdp;
using Cti.Testing;
using Cti.Testing.Peers;

namespace Cti.Simulation;

/// <summary>
/// What every world has, whether one node lives in it or several: time, a network with telephones, an application, a disk, the books, and what went wrong.
/// </summary>
internal abstract class VirtualWorld
{
    private readonly Dictionary<int, MemorySpoolFile> _spools = [];
    private readonly SeededRandom _spoolRandom;
    private static readonly string[] PhoneAddresses = ["10.0.0.1", "10.0.0.2", "10.0.0.3"];
    private readonly bool _keepsTrace;

    /// <summary>What a node speaks where telephones have such habits.</summary>
    public static MediaProfile ProfileFor(PhoneHabits phones) =>
        new(phones.IsWideband > 0 ? [AudioNames.Pcma, AudioNames.Pcmu, AudioNames.G722, AudioNames.Opus] : [AudioNames.Pcma, AudioNames.Pcmu], 0)
        {
            // One suite: with all of them an INVITE is longer than UDP carries.
            Srtp = phones.Protects > 0 ? SrtpMode.Optional : SrtpMode.Off, SrtpSuites = [PeerSound.Suite],
        };

    /// <param name="plan">What the seed means.</param>
    /// <param name="bugs">What is wrong on purpose.</param>
    /// <param name="keepTrace">Whether every line of the trace is kept.</param>
    /// <param name="followsContact">Whether telephones send where the last Contact of the other side points to.</param>
    protected VirtualWorld(SimulationPlan plan, PlantedBugs bugs, bool keepTrace, bool followsContact)
    {
        Plan = plan;
        Bugs = bugs;
        _keepsTrace = keepTrace;
        Random = new SeededRandom(plan.Seed);
        _spoolRandom = new SeededRandom(plan.Seed ^ 0x73706F6F);
        var order = Random.Fork();
        var timers = new SeededRandom(plan.Seed ^ 0x74696D65);
        Runtime = new ManualRuntime(choose: order.Next, chooseTimer: plan.ShufflesTimers ? timers.Next : null);
        Trace = new Trace(() => Runtime.ElapsedMillis, keepTrace);
        Network = new VirtualNetwork(Runtime, Random.Fork()) { Conditions = plan.Network, Drop = Drop };
        Ledger = new Ledger(this);
        Wire = new WireChecks(this);
        Phones = [.. PhoneAddresses.Select(address =>
            new RandomPhone(Network, Runtime, Random.Fork(), new IPEndPoint(IPAddress.Parse(address), 5060), plan.Phones)
        {
            PressKey = Press, FollowsContact = followsContact,
            Transfers = plan.TransferPercent > 0 ? (new SeededRandom(plan.Seed ^ 0x7265666572 ^ (uint)address[^1]), plan.TransferPercent) : null,
        })];
        Trunk = new Trunk
        {
            Name = "carrier", Host = PhoneAddresses[0], MaxCalls = plan.TrunkCalls, OptionsIntervalMillis = plan.OptionsIntervalMillis, Dtmf = plan.TrunkDtmf,
        };
        Disk.NowMillis = () => Runtime.UnixMillis;
        Application = new RandomApplication(this, Random.Fork());
        Group = new GroupOfConsumers(this, Random.Fork());
    }

    /// <summary>A node's own disk, as its process sees it: what is on it survives the process.</summary>
    public ISpoolFile SpoolOf(NodeProcess process)
    {
        if (!_spools.TryGetValue(process.Node, out var disk)) _spools.Add(process.Node, disk = new MemorySpoolFile());
        return new SimulatedSpool(disk, process, _spoolRandom, () => Spools(process));
    }

    /// <summary>A process begins to write to its own disk.</summary>
    protected virtual void Spools(NodeProcess process) => Trace.Add("a BYE is spooled");

    public SimulationPlan Plan { get; }
    public PlantedBugs Bugs { get; }
    public SeededRandom Random { get; }
    public ManualRuntime Runtime { get; }
    public Trace Trace { get; }
    public VirtualNetwork Network { get; }
    public MemoryDisk Disk { get; } = new();
    public Ledger Ledger { get; }
    public WireChecks Wire { get; }
    public IReadOnlyList<RandomPhone> Phones { get; }
    public Trunk Trunk { get; }

    /// <summary>
    /// Every telephone may call in as a trunk does: who is none gets so few repetitions that it may be left behind in a call where much is lost, and is tested
    /// elsewhere.
    /// </summary>
    public static Trunk Callers { get; } = new() { Name = "callers", Host = "10.255.255.254", AcceptFrom = [IPNetwork.Parse("10.0.0.0/8")] };
    public RandomApplication Application { get; }
    public GroupOfConsumers Group { get; }

    /// <summary>From then on nothing goes wrong any more.</summary>
    public bool IsHealed { get; private set; }

    public bool HasCrashed { get; protected set; }

    /// <summary>Whether instances may go from one node to another.</summary>
    public virtual bool MovesInstances => false;

    /// <summary>Whether a node may answer what was true a moment ago.</summary>
    public virtual bool MayBeBehind => false;

    public List<string> Failures { get; } = [];

    public void Fail(string what)
    {
        Trace.Add($"FAILED {what}");
        Failures.Add(string.Create(CultureInfo.InvariantCulture, $"at {Runtime.ElapsedMillis} ms: {what}"));
    }

    /// <summary>A node that an application finds; null when there is none.</summary>
    public abstract NodeLife? PickNode();

    /// <summary>The node passed a moment at which it may be planned to die.</summary>
    public abstract void Reach(NodeProcess process, CrashMoment moment);

    /// <summary>Until when what was due at a time may be decided, in Unix milliseconds; null where nothing is promised.</summary>
    public abstract long? LatestFor(int instance, long dueMillis);

    /// <summary>Whether a node may hang up although nothing of it is durable.</summary>
    public virtual bool MayHangUpUnwritten(CallBook call, NodeProcess process) => false;

    /// <summary>Whether a recording is there and was not completed.</summary>
    public abstract bool IsIncomplete(string path);

    /// <summary>A telephone presses a key in the sound towards an RTP address.</summary>
    protected abstract void Press(IPEndPoint rtp, char key);

    /// <summary>An instance is about to have another owner.</summary>
    public virtual void Claimed(InstanceOwnership claim, string before)
    {
    }

    /// <summary>A message has left a node.</summary>
    public virtual void Sent(SipMessage message, NodeProcess process)
    {
    }

    /// <summary>Something became durable of a call.</summary>
    public virtual void Decided(CallBook call)
    {
    }

    /// <summary>The media side reports something of the session at that address.</summary>
    public virtual void Reports(IPEndPoint? local)
    {
    }

    /// <summary>A datagram is sent.</summary>
    protected virtual void Passes(IPEndPoint from, IPEndPoint to, ReadOnlyMemory<byte> datagram)
    {
    }

    public virtual void Heal()
    {
        Trace.Add("healed");
        IsHealed = true;
        Network.Heal();
        Network.Drop = Drop;
    }

    protected VirtualMediaPort NewMedia(IPAddress address)
    {
        var media = new VirtualMediaPort(Runtime, address);
        media.Files["short.wav"] = 900;
        media.Files["long.wav"] = 15_000;
        media.Files["broken.wav"] = 1;
        media.Broken.Add("broken.wav");
        return media;
    }

    private bool Drop(IPEndPoint from, IPEndPoint to, ReadOnlyMemory<byte> datagram)
    {
        Passes(from, to, datagram);
        Trace.Add(_keepsTrace ? $"{from} -> {to} {Describe(datagram)}" : $"{from} -> {to}", datagram.Span);
        return Bugs.Drops(from, to, datagram);
    }

    private static string Describe(ReadOnlyMemory<byte> datagram) => SipParser.ParseDatagram(datagram).Message is { } message
        ? $"{(message is SipResponse response ? response.Status.ToString(CultureInfo.InvariantCulture) : ((SipRequest)message).Method)} of "
            + $"{message.CSeq.Number} {message.CSeq.Method} {message.CallId}"
        : "no SIP";
}
