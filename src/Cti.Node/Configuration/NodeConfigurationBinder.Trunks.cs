using System.Collections.Immutable;
using Cti.Actors.Trunks;
using Cti.Media;
using Cti.Sip.Dialog;
using Cti.Sip.Sdp;

namespace Cti.Node.Configuration;

/// <summary>What the configuration says of trunks and routes.</summary>
internal sealed partial class NodeConfigurationBinder
{
    private const int TargetsMax = 16;

    /// <summary>A target's priority and weight where nothing else is configured.</summary>
    private const int TargetNumber = 1;

    private const string Networks = "a network, ADDRESS/BITS, or an address";

    private static readonly (string, NumberFormat)[] NumberFormats =
        [("as-is", NumberFormat.AsIs), ("e164", NumberFormat.E164), ("national", NumberFormat.National)];

    private static readonly (string, AnonymousForm)[] AnonymousForms =
        [("both", AnonymousForm.Both), ("from", AnonymousForm.From), ("privacy", AnonymousForm.Privacy)];

    private static readonly (string, DtmfMode)[] DtmfModes = [("rfc4733", DtmfMode.Rfc4733), ("info", DtmfMode.Info), ("inband", DtmfMode.Inband)];

    private static TrunkSettings Trunk(SettingsReader trunk)
    {
        var auth = trunk.Has("auth") ? Auth(trunk.Section("auth")) : null;
        var register = trunk.FlagOrNull("register") ?? false;
        var targets = trunk.Objects("targets", Target, $"{ConfigurationTexts.HostPortForm}, or an object, {{ address, priority, weight }}",
            static text => ConfigurationTexts.HostAndPort(text) is { } host ? new TrunkTargetSettings(host, TargetNumber, TargetNumber) : null, TargetsMax);
        var address = targets.IsEmpty
            ? trunk.Required("address", ConfigurationTexts.HostPortForm, ConfigurationTexts.HostAndPort, new HostPort("invalid", null))
            : trunk.Parsed("address", ConfigurationTexts.HostPortForm, ConfigurationTexts.HostAndPort);
        var settings = new TrunkSettings(
            trunk.Required("name", "a name of letters, digits, - _ and .", ConfigurationTexts.Name, "?"),
            address ?? targets.Select(static target => target.Address).FirstOrDefault(new HostPort("invalid", null)),
            trunk.Has("transport") ? trunk.Choice("transport", Protocols) : Ask(trunk, "transport", SipProtocol.Udp),
            [.. trunk.List("accept-from", Networks, ConfigurationTexts.Network, max: 256).Select(static network => network.Value)],
            trunk.Has("max-calls") ? trunk.Integer("max-calls", 0, 100_000) : Ask(trunk, "max-calls", 0),
            trunk.Has("calls-per-second") ? trunk.Integer("calls-per-second", 0, 10_000) : Ask(trunk, "calls-per-second", 0),
            auth,
            register,
            trunk.Has("register-expires") ? trunk.Duration("register-expires", "10s", "1d") : Ask(trunk, "register-expires", TimeSpan.FromMinutes(10)),
            trunk.TextOrNull("from-user"),
            trunk.Parsed("from-domain", "a host name or address", text => ConfigurationTexts.HostAndPort(text) is { Port: null } ? text : null),
            trunk.FlagOrNull("assert-identity") ?? false,
            trunk.Has("dtmf") ? trunk.Choice("dtmf", DtmfModes) : Ask(trunk, "dtmf", DtmfMode.Rfc4733),
            trunk.Has("options-interval")
                ? trunk.Duration("options-interval", "1s", "1h", orZero: true)
                : Ask(trunk, "options-interval", TimeSpan.FromSeconds(30)),
            OfTrunk(trunk.Section("media")),
            TlsOfTrunk(trunk.Section("tls")),
            Signalling(trunk))
        {
            Targets = targets,
            HasAddress = address is not null,
            CallerId = CallerId(trunk.Section("caller-id")),
        };
        if (targets.DistinctBy(static target => target.Address).Count() != targets.Length)
            trunk.Problem("targets", "the same address twice; right is each once");
        if (register && auth is null) trunk.Problem("register", "needs auth { user = ..., password = ... }");
        return settings;
    }

    private static TrunkTargetSettings Target(SettingsReader target) => new(
        target.Required("address", ConfigurationTexts.HostPortForm, ConfigurationTexts.HostAndPort, new HostPort("invalid", null)),
        target.Has("priority") ? target.Integer("priority", 0, 65_535) : Ask(target, "priority", TargetNumber),
        target.Has("weight") ? target.Integer("weight", 0, 65_535) : Ask(target, "weight", TargetNumber));

    private static CallerIdRules CallerId(SettingsReader callerId)
    {
        var rules = new CallerIdRules
        {
            Format = callerId.Has("format") ? callerId.Choice("format", NumberFormats) : Ask(callerId, "format", NumberFormat.AsIs),
            Country = callerId.Parsed("country", "a country's calling code, 1..3 digits",
                static text => Digits(text, 3) is { } code && code[0] != '0' ? code : null) ?? "",
            NationalPrefix = callerId.Parsed("national-prefix", "1..4 digits", static text => Digits(text, 4)) ?? "",
            InternationalPrefix = callerId.Parsed("international-prefix", "1..5 digits", static text => Digits(text, 5))
                ?? CallerIdRules.None.InternationalPrefix,
            Anonymous = callerId.Has("anonymous") ? callerId.Choice("anonymous", AnonymousForms) : Ask(callerId, "anonymous", AnonymousForm.Both),
        };
        if (rules is { Format: not NumberFormat.AsIs, Country: "" })
            callerId.Problem("country", "not set; a format needs the country's calling code, e.g. 86");
        callerId.Close();
        return rules;
    }

    private static string? Digits(string text, int max) => text.Length > 0 && text.Length <= max && text.All(char.IsAsciiDigit) ? text : null;

    private static TrunkSignalling Signalling(SettingsReader trunk) => new(
        trunk.Has("reliable-provisional")
            ? trunk.Choice("reliable-provisional", ReliableModes)
            : Ask(trunk, "reliable-provisional", default(ReliableProvisionals?)),
        trunk.Has("session-expires")
            ? trunk.Duration("session-expires", "90s", "1d", orZero: true)
            : Ask(trunk, "session-expires", default(TimeSpan?)),
        trunk.Has("keep-alive") ? trunk.Duration("keep-alive", "5s", "1h", orZero: true) : Ask(trunk, "keep-alive", TimeSpan.Zero));

    private static TrunkTls TlsOfTrunk(SettingsReader tls)
    {
        var settings = new TrunkTls(tls.Parsed("name", "a host name or address", text => ConfigurationTexts.HostAndPort(text) is { Port: null } ? text : null),
            tls.FlagOrNull("verify") ?? true,
            tls.FlagOrNull("accept-by-certificate") ?? false);
        tls.Close();
        return settings;
    }

    private static TrunkMedia OfTrunk(SettingsReader media)
    {
        var settings = new TrunkMedia(
            media.Has("latch") ? media.Choice("latch", LatchModes) : Ask(media, "latch", default(LatchMode?)),
            media.Has("idle") ? media.Choice("idle", IdleModes) : Ask(media, "idle", default(IdleSending?)),
            media.Has("srtp") ? media.Choice("srtp", SrtpModes) : Ask(media, "srtp", default(SrtpMode?)),
            media.Has("codecs") ? Codecs(media) : Ask(media, "codecs", default(ImmutableArray<string>?)));
        media.Close();
        return settings;
    }

    private static TrunkAuth Auth(SettingsReader auth)
    {
        var settings = new TrunkAuth(auth.NonEmpty("user"), auth.SecretOrNull("password") ?? new Secret(""),
            auth.List("realm", "a text of 1..200 characters", text => text.Length is > 0 and <= 200 ? text : null, max: 8));
        if (settings.Password.Reveal().Length == 0) auth.Problem("password", "not set; right is a text that is not empty");
        auth.Close();
        return settings;
    }

    private static RouteSettings Route(SettingsReader route) => new(
        Pattern(route, "to"),
        Pattern(route, "from"),
        route.TextOrNull("trunk"),
        route.Required("application", "an application's name", ConfigurationTexts.Name, "?"));

    private static string? Pattern(SettingsReader route, string key) =>
        route.Parsed(key, "a pattern of 1..200 characters, * for any", text => text.Length is > 0 and <= 200 ? text : null);
}
