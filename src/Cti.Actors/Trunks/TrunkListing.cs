using System.Buffers;
using System.Text.Json;
using Cti.Actors.Resources;
using Cti.Calls.Call;
using Cti.Kernel;

namespace Cti.Actors.Trunks;

/// <summary>What a node says of its trunks.</summary>
internal sealed class TrunkListing(string nodeName, TrunkTable trunks, ResourceDirectory directory, IClock clock)
{
    /// <summary>How many calls of this node are over each trunk, by its name.</summary>
    public Dictionary<string, int> CallsByTrunk()
    {
        var calls = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var listing in directory.All)
        {
            if (listing.Published is CallState { Trunk: { } trunk }) calls[trunk] = calls.GetValueOrDefault(trunk) + 1;
        }
        return calls;
    }

    /// <summary>UTF-8 JSON of <c>sys.trunk.list</c>: an array of this node's view of each.</summary>
    /// <param name="isMedia">Whether the node has SIP; without it nothing is known of trunks here.</param>
    public ReadOnlyMemory<byte> Describe(bool isMedia)
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        using var json = new Utf8JsonWriter(buffer);
        json.WriteStartArray();
        var calls = isMedia ? CallsByTrunk() : [];
        foreach (var trunk in isMedia ? trunks.All : [])
        {
            json.WriteStartObject();
            json.WriteString("node"u8, nodeName);
            json.WriteString("name"u8, trunk.Name);
            json.WriteBoolean("up"u8, trunks.IsUp(trunk));
            json.WriteStartArray("targets"u8);
            foreach (var (target, state) in trunks.TargetsOf(trunk)) Write(json, target, state);
            json.WriteEndArray();
            WriteRegistration(trunk, json);
            json.WriteNumber("calls"u8, calls.GetValueOrDefault(trunk.Name));
            json.WriteNumber("max_calls"u8, trunk.MaxCalls);
            json.WriteNumber("calls_per_second"u8, trunk.CallsPerSecond);
            json.WriteNumber("too_fast"u8, trunks.TooFastOn(trunk));
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.Flush();
        return buffer.WrittenMemory;
    }

    /// <summary>How the registration at a trunk stands, where there is to be one.</summary>
    public void WriteRegistration(Trunk trunk, Utf8JsonWriter json)
    {
        if (!trunk.Register) return;
        var registration = trunks.RegistrationAt(trunk);
        var leftMillis = registration.UntilMillis - (clock.MonotonicNanos / 1_000_000);
        json.WriteBoolean("registered"u8, leftMillis > 0);
        if (leftMillis > 0) json.WriteNumber("registered_until"u8, (clock.UnixMillis + leftMillis) / 1000);
        if (registration.Status != 0)
        {
            json.WriteNumber("register_status"u8, registration.Status);
            json.WriteString("register_reason"u8, registration.Reason);
        }
        if (registration.SinceUnixMillis != 0) json.WriteNumber("register_since"u8, registration.SinceUnixMillis / 1000);
    }

    private static void Write(Utf8JsonWriter json, TrunkTarget target, TargetState state)
    {
        json.WriteStartObject();
        json.WriteString("target"u8, target.ToString());
        json.WriteNumber("priority"u8, target.Priority);
        json.WriteNumber("weight"u8, target.Weight);
        json.WriteBoolean("up"u8, state.IsUp);
        if (state.Code != 0)
        {
            json.WriteNumber("code"u8, state.Code);
            json.WriteString("reason"u8, state.Reason);
        }
        if (state.SinceUnixMillis != 0) json.WriteNumber("since"u8, state.SinceUnixMillis / 1000);
        json.WriteEndObject();
    }
}
