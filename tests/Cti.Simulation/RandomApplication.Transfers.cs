using Cti.Testing;

namespace Cti.Simulation;

/// <summary>What the application does about transfers. Drawn apart, so that a seed means the same without them.</summary>
internal sealed partial class RandomApplication
{
    private readonly SeededRandom _transfers = new(world.Plan.Seed ^ 0x7472616E73);

    /// <summary>Asks the far end to call somebody, maybe in the place of another call.</summary>
    private void Refer(CallView call)
    {
        if (!_transfers.Chance(world.Plan.TransferPercent)) return;
        var others = _calls.Values.Where(other => other.IsUp && !other.IsReleased && other != call).ToList();
        var whom = others.Count > 0 && _transfers.Chance(50)
            ? $"\"replaces_call_res_id\":\"{others[_transfers.Next(others.Count)].Id}\""
            : "\"to_uri\":\"sip:200@10.0.0.2\"";
        Send("sys.call.refer", $$"""{"res_id":"{{call.Id}}",{{whom}},"reports":{{(_transfers.Chance(80) ? "true" : "false")}}}""");
    }

    /// <summary>The far end asks: takes it and says how it goes, refuses it, or forgets it.</summary>
    private void BeReferred(CallView call)
    {
        if (_transfers.Chance(15)) return;
        Later(_transfers.Pick(0, 5, 300, 9000), () =>
        {
            if (_transfers.Chance(25)) Send("sys.call.refer_reject", $$"""{"res_id":"{{call.Id}}","cause":{{_transfers.Pick(603, 486)}}}""");
            else
            {
                Send("sys.call.refer_accept", Res(call));
                foreach (var status in (int[])[180, _transfers.Pick(200, 486)])
                {
                    if (!_transfers.Chance(80)) continue;
                    Later(_transfers.Between(0, 3000), () => Send("sys.call.refer_notify", $$"""{"res_id":"{{call.Id}}","status":{{status}}}"""));
                }
            }
        });
    }
}
