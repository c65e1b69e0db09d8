using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Cti.Actors.Resources;
using Cti.Media;
using Cti.Media.Session.Mix;
using Cti.Persistence;
using Cti.Sip;
using Cti.Sip.Message;
using Cti.Testing;

namespace Cti.Simulation;

/// <summary>What goes wrong with a node's journal, by its plan and its seed; a dead node is never answered.</summary>
internal sealed class PlannedStoreFaults(SimulatedWorld world, NodeProcess process, SeededRandom random) : IStoreFaults
{
    public ValueTask BeforeAsync(StoreOperation operation, CancellationToken cancellation) => ActAsync(operation, CrashMoment.BeforeAppend);

    public ValueTask AfterAsync(StoreOperation operation, CancellationToken cancellation) => ActAsync(operation, CrashMoment.AfterAppend);

    private async ValueTask ActAsync(StoreOperation operation, CrashMoment moment)
    {
        if (process.IsAlive && operation == StoreOperation.Append) world.Reach(process, moment);
        if (!process.IsAlive) await NodeProcess.Never;
        if (world.IsHealed) return;
        var plan = world.Plan;
        // A heartbeat a second would draw away the trouble of what is looked at; outages meet it too.
        var isHeartbeat = operation is StoreOperation.Join or StoreOperation.Renew;
        if (!isHeartbeat && random.Chance(plan.StoreSlowPercent)) await process.DelayAsync(random.Between(1, plan.StoreDelayMillisMax));
        var now = world.Runtime.ElapsedMillis;
        var isOut = plan.Outages.Any(outage => now >= outage.FromMillis && now < outage.ToMillis);
        // Two hooks an operation: each fails half as often.
        if (isOut || (!isHeartbeat && random.Next(200) < plan.StoreFailPercent))
            throw new StoreUnavailableException($"{operation} fails {(moment == CrashMoment.BeforeAppend ? "before" : "after")} it took effect");
    }
}

/// <summary>A node's way to the network: ends with its process, and shows every message to the observer before it leaves.</summary>
internal sealed class GatedTransport(VirtualWorld world, NodeProcess process, VirtualSipTransport inner) : ISipTransport
{
    public void Send(SipFlow flow, ReadOnlyMemory<byte> message, long sendId)
    {
        if (!process.IsAlive) return;
        world.Reach(process, CrashMoment.BeforeSend);
        if (!process.IsAlive) return;
        var sent = inner.Sent;
        inner.Send(flow, message, sendId);
        // A node that may not speak says nothing.
        if (inner.Sent > sent) world.Wire.Leaves(message, process);
        world.Reach(process, CrashMoment.AfterSend);
    }

    public int FindListener(SipTransportKind kind, AddressFamily family) => inner.FindListener(kind, family);

    public SipHostPort LocalAddress(SipTransportKind kind, int listener) => inner.LocalAddress(kind, listener);
}

/// <summary>As the program does it: what comes before the node is ready meets no socket.</summary>
internal sealed class SocketsOpenLast(NodeLife node, ISipTransportEvents inner) : ISipTransportEvents
{
    public void OnReceived(in ReceivedMessage received)
    {
        if (node.IsServing) inner.OnReceived(received);
    }

    public void OnRejected(in SipParseResult rejected, SipFlow flow)
    {
        if (node.IsServing) inner.OnRejected(rejected, flow);
    }

    public void OnSendFailed(SipFlow flow, long sendId, SipSendFailure failure) => inner.OnSendFailed(flow, sendId, failure);
}

/// <summary>A node's way to its media side, which dies with it.</summary>
internal sealed class GatedMedia(VirtualWorld world, NodeProcess process, VirtualMediaPort inner) : IMediaPort
{
    public IPEndPoint? TryOpen(MediaSessionId session, MediaSessionOptions options, IMediaEvents events, out MediaRefusal refusal)
    {
        refusal = MediaRefusal.NoPort;
        return Passes() ? inner.TryOpen(session, options, new Ears(world, process, inner, events), out refusal) : null;
    }

    public void Configure(MediaSessionId session, MediaDescription description)
    {
        if (Passes()) inner.Configure(session, description);
    }

    public void StartPlay(MediaSessionId session, PlayRequest request)
    {
        if (Passes()) inner.StartPlay(session, request);
    }

    public void StopPlay(MediaSessionId session, long action)
    {
        if (Passes()) inner.StopPlay(session, action);
    }

    public void StartRecord(MediaSessionId session, RecordRequest request)
    {
        if (Passes()) inner.StartRecord(session, request);
    }

    public bool Speaks(AddressFamily family) => inner.Speaks(family);

    public void StopRecord(MediaSessionId session, long action)
    {
        if (Passes()) inner.StopRecord(session, action);
    }

    public void SendKeys(MediaSessionId session, SendKeysRequest request)
    {
        if (Passes()) inner.SendKeys(session, request);
    }

    public StreamStatistics? ReadStatistics(MediaSessionId session) => process.IsAlive ? inner.ReadStatistics(session) : null;

    public void Close(MediaSessionId session)
    {
        if (Passes()) inner.Close(session);
    }

    public void Abandon(MediaSessionId session)
    {
        if (Passes()) inner.Abandon(session);
    }

    public bool Connect(MediaSessionId first, MediaSessionId second, BridgeRequest request) => !Passes() || inner.Connect(first, second, request);

    public void Disconnect(MediaSessionId first, long action)
    {
        if (Passes()) inner.Disconnect(first, action);
    }

    public void PlayToBridge(MediaSessionId first, PlayRequest request)
    {
        if (Passes()) inner.PlayToBridge(first, request);
    }

    public void StopBridgePlay(MediaSessionId first, long action)
    {
        if (Passes()) inner.StopBridgePlay(first, action);
    }

    public bool Listen(MediaSessionId listener, MediaSessionId source, long action) => !Passes() || inner.Listen(listener, source, action);

    public void StartTone(MediaSessionId session, long action, string country)
    {
        if (Passes()) inner.StartTone(session, action, country);
    }

    public bool OpenConference(ConferenceId conference, ConferenceOptions options, IConferenceEvents events, out MediaRefusal refusal)
    {
        refusal = MediaRefusal.None;
        return !Passes() || inner.OpenConference(conference, options, events, out refusal);
    }

    public bool Join(ConferenceId conference, MediaSessionId session, ConferenceMember member) => !Passes() || inner.Join(conference, session, member);

    public void Leave(ConferenceId conference, MediaSessionId session)
    {
        if (Passes()) inner.Leave(conference, session);
    }

    public void SetMember(ConferenceId conference, MediaSessionId session, ConferenceMember member)
    {
        if (Passes()) inner.SetMember(conference, session, member);
    }

    public void PlayToConference(ConferenceId conference, PlayRequest request)
    {
        if (Passes()) inner.PlayToConference(conference, request);
    }

    public void StartConferenceRingBack(ConferenceId conference, string country)
    {
        if (Passes()) inner.StartConferenceRingBack(conference, country);
    }

    public void StopConferenceRingBack(ConferenceId conference)
    {
        if (Passes()) inner.StopConferenceRingBack(conference);
    }

    public void StopConferencePlay(ConferenceId conference, long action)
    {
        if (Passes()) inner.StopConferencePlay(conference, action);
    }

    public void PlayEntrySound(ConferenceId conference, ImmutableArray<string> files)
    {
        if (Passes()) inner.PlayEntrySound(conference, files);
    }

    public void RecordConference(ConferenceId conference, RecordRequest request)
    {
        if (Passes()) inner.RecordConference(conference, request);
    }

    public void StopConferenceRecord(ConferenceId conference, long action)
    {
        if (Passes()) inner.StopConferenceRecord(conference, action);
    }

    public void CloseConference(ConferenceId conference)
    {
        if (Passes()) inner.CloseConference(conference);
    }

    public void AbandonConference(ConferenceId conference)
    {
        if (Passes()) inner.AbandonConference(conference);
    }

    private bool Passes()
    {
        if (process.IsAlive) world.Reach(process, CrashMoment.AtMedia);
        return process.IsAlive;
    }

    /// <summary>A report is a moment at which something else may happen.</summary>
    private sealed class Ears(VirtualWorld world, NodeProcess process, VirtualMediaPort media, IMediaEvents inner) : IMediaEvents
    {
        public void OnMediaEvent(MediaSessionId session, MediaEvent happened)
        {
            if (happened is not SessionClosed) world.Reports(media.AddressOf(session));
            process.Hear(() => inner.OnMediaEvent(session, happened));
        }
    }
}

/// <summary>Names that take their time, beside addresses.</summary>
internal sealed class SlowResolver(NodeProcess process) : ISipResolver
{
    private readonly VirtualResolver _addresses = new();

    public async ValueTask<IReadOnlyList<IPAddress>> ResolveHostAsync(string host)
    {
        if (host == "never.example") await process.DelayAsync(7_000);
        else await process.DelayAsync(300);
        return await _addresses.ResolveHostAsync(host);
    }

    public async ValueTask<SipFlow?> ResolveAsync(SipUri nextHop)
    {
        switch (nextHop.Host)
        {
            case "slow.example":
                await process.DelayAsync(1_500);
                return new SipFlow(SipTransportKind.Udp, 0, new IPEndPoint(IPAddress.Parse("10.0.0.2"), 5060));
            case "never.example":
                await process.DelayAsync(7_000);
                throw new OperationCanceledException();
            default:
                return await _addresses.ResolveAsync(nextHop);
        }
    }
}

/// <summary>A disk without files: every name inside the root is there.</summary>
/// <param name="repaired">Told of files that a node that died has left open and that were closed.</param>
internal sealed class VirtualFiles(Action<string>? repaired = null) : IRecordings
{
    public string? Resolve(string application, string file, string format) => file.Contains("..", StringComparison.Ordinal) ? null : $"/rec/{file}";

    public void Repair(string fullPath) => repaired?.Invoke(fullPath);

    public void RepairAll(IReadOnlySet<string> kept, Action<int, bool> then) => then(0, true);

    public bool IsVisible(string fullPath) => true;

    public bool StaysInside(string application, string promptName) => !promptName.Contains("..", StringComparison.Ordinal);

    public string? WhyUnsupported(string format) => format.Equals("Gsm", StringComparison.OrdinalIgnoreCase) ? "no GSM here" : null;
}
