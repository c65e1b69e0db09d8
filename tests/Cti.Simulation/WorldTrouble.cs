using Cti.Testing;
using Cti.Testing.Peers;

namespace Cti.Simulation;

/// <summary>What goes wrong around the node: lines that are cut, ports that run out, disks that fill up, far ends that fall silent.</summary>
internal sealed class WorldTrouble(SimulatedWorld world, SeededRandom random)
{
    public void Begin()
    {
        foreach (var cut in world.Plan.Cuts)
        {
            var phone = world.Phones[cut.Phone].Local;
            world.Runtime.After(cut.FromMillis, () =>
            {
                if (world.IsHealed) return;
                world.Trace.Add($"{phone} is cut off");
                world.Network.Cut(phone.Address, SimulatedNode.Address.Address);
            });
            world.Runtime.After(cut.ToMillis, () =>
            {
                if (world.IsHealed) return;
                var conditions = world.Network.Conditions;
                var drop = world.Network.Drop;
                world.Network.Heal();
                world.Network.Conditions = conditions;
                world.Network.Drop = drop;
            });
        }
        if (world.Plan.HasMediaTrouble) Next();
    }

    private void Next() => world.Runtime.After(random.Between(200, 5_000), () =>
    {
        world.Media.NoPort = !world.IsHealed && random.Chance(20);
        world.Media.DiskFull = !world.IsHealed && random.Chance(20);
        if (world.Plan.TogetherPercent > 0)
        {
            world.Media.NoMixer = !world.IsHealed && random.Chance(20);
            world.Media.NoMember = !world.IsHealed && random.Chance(10);
            world.Media.NoConference = !world.IsHealed && random.Chance(10);
            world.Media.NoRoomToListen = !world.IsHealed && random.Chance(20);
        }
        if (world.IsHealed) return;
        if (random.Chance(20)
            && world.Phones.SelectMany(phone => phone.Calls).FirstOrDefault(call => call is { Phase: PeerPhase.Up, Remote: not null }) is { } silent)
        {
            world.Trace.Add($"silence in {silent.CallId}");
            world.Media.FallSilent(silent.Remote!.Rtp);
        }
        Next();
    });
}
