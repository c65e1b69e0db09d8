using System.Collections.Immutable;
using System.Text.Json.Serialization;
using Cti.Calls.Call;
using Cti.Contract;

namespace Cti.Calls.Extensions;

/// <summary>What an application asked a flow to do: the parameters of its <c>construct</c>.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "k")]
[JsonDerivedType(typeof(NotifySpec), "notify")]
[JsonDerivedType(typeof(CaptchaSpec), "captcha")]
[JsonDerivedType(typeof(DuoSpec), "duo")]
public abstract record FlowSpec
{
    /// <summary>The party that is called first, or alone.</summary>
    public required PartySpec First { get; init; }
    /// <summary>Limit on ringing in seconds, for each party.</summary>
    public required int MaxRingSeconds { get; init; }
}

/// <summary>One party.</summary>
/// <param name="FromUri">The caller shown; null leaves it to the line.</param>
/// <param name="ToUris">Whom to call: the first whose gateway is usable.</param>
/// <param name="UserData">The application's own data, also in this party's call record.</param>
public sealed record PartySpec(string? FromUri, ImmutableArray<string> ToUris, string? UserData);

/// <summary><c>ext.notify_call</c>: plays a message.</summary>
public sealed record NotifySpec : FlowSpec
{
    /// <summary>The message as given.</summary>
    public required ImmutableArray<PlayElement> Content { get; init; }
    /// <summary>The same as it is played.</summary>
    public required ImmutableArray<string> Files { get; init; }
    /// <summary>How many times more it is played.</summary>
    public required int Repeat { get; init; }
}

/// <summary><c>ext.captcha_call</c>: plays a prompt and collects keys.</summary>
public sealed record CaptchaSpec : FlowSpec
{
    /// <summary>The prompt as given; empty for none.</summary>
    public ImmutableArray<PlayElement> Content { get; init; } = [];
    /// <summary>What is collected, and how.</summary>
    public required ReceiveKeysSpec Keys { get; init; }
}

/// <summary><c>ext.duo_callback</c>: calls two parties and connects them.</summary>
public sealed record DuoSpec : FlowSpec
{
    /// <summary>The second party.</summary>
    public required PartySpec Second { get; init; }
    /// <summary>Limit on the connection in seconds.</summary>
    public required int MaxConnectSeconds { get; init; }
    /// <summary>What the first party hears while the second is called; null: the line's own ring-back.</summary>
    public string? RingPlayFile { get; init; }
    /// <summary>0..3, as <c>sys.call.construct</c>.</summary>
    public int RingPlayMode { get; init; }
    /// <summary>The recording's full path; null for none.</summary>
    public string? RecordPath { get; init; }
    /// <summary>Its format's internal name.</summary>
    public string RecordFormat { get; init; } = RecordFormats.Default;
    /// <summary>From when it is recorded.</summary>
    public DuoRecording RecordMode { get; init; }
}

/// <summary>From when a <c>duo_callback</c> is recorded; the numbers are the contract's.</summary>
public enum DuoRecording
{
    /// <summary>From the connection on.</summary>
    FromConnection = 0,
    /// <summary>From calling the first party.</summary>
    FromFirstCall = 1,
    /// <summary>From calling the second party.</summary>
    FromSecondCall = 2,
}
