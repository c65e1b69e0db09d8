namespace Cti.Contract;

/// <summary>The documented states of a call (sys.call, <i>States</i>).</summary>
public enum CallPhase
{
    /// <summary>Exists, not answered.</summary>
    Initiated,
    /// <summary>Outbound, ringing.</summary>
    Ring,
    /// <summary>Inbound, being answered.</summary>
    Answer,
    /// <summary>Up, no action running.</summary>
    Idle,
    /// <summary>A play runs.</summary>
    Play,
    /// <summary>A recording runs.</summary>
    Record,
    /// <summary>Keys are being sent.</summary>
    SendDtmf,
    /// <summary>Keys are being collected.</summary>
    ReceiveDtmf,
    /// <summary>A child call is being dialled on this parent.</summary>
    Dial,
    /// <summary>Bridged with another call.</summary>
    Connect,
    /// <summary>In a conference.</summary>
    Conf,
    /// <summary>Over. The application sees nothing of it; the actor lives on only until the far end knows too.</summary>
    Released,
}
