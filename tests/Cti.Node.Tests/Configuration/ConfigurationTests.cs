using System.Collections.Immutable;
using System.Net;
using Cti.Kernel;
using Cti.Node.Configuration;

namespace Cti.Node.Tests.Configuration;

public sealed class ConfigurationTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("cti-config-");

    public void Dispose() => _folder.Delete(recursive: true);

    private string File(string text)
    {
        var path = Path.Combine(_folder.FullName, "node.conf");
        System.IO.File.WriteAllText(path, text);
        return path;
    }

    private static NodeConfiguration Load(string? file = null, (string Name, string Value)[]? environment = null, params string[] sets) =>
        NodeConfigurationLoader.Load(new ConfigurationSources(file, (environment ?? []).ToImmutableDictionary(e => e.Name, e => e.Value), [.. sets]));

    private static string ProblemOf(string? file = null, (string Name, string Value)[]? environment = null, params string[] sets) =>
        Should.Throw<ConfigurationException>(() => Load(file, environment, sets)).Problems.ShouldHaveSingleItem();

    [Fact]
    public void The_embedded_defaults_alone_make_a_node()
    {
        var c = Load();

        c.Demo.ShouldBeTrue();
        c.Instances.ShouldBe(64);
        c.Data.ShouldBe(Path.GetFullPath("./data"));
        c.Node.Roles.ShouldBe(NodeRoles.Gateway | NodeRoles.Media);
        c.Sip.Listen.Select(l => l.ToString()).ShouldBe(["udp:0.0.0.0:5060", "tcp:0.0.0.0:5060"]);
        c.Sip.Timers.ShouldBe(new SipTimerSettings(TimeSpan.FromMilliseconds(500), TimeSpan.FromSeconds(4), TimeSpan.FromSeconds(5)));
        (c.Media.PortFirst, c.Media.PortLast).ShouldBe((20000, 29999));
        c.Media.RecordRoot.ShouldBe(Path.GetFullPath("./media/recordings"));
        c.Gateway.Listen.ShouldHaveSingleItem().ShouldBe("http://127.0.0.1:8080");
        c.Gateway.KeysFile.ShouldBe(Path.GetFullPath("./data/default.key"));
        c.Gateway.RequestBytes.ShouldBe(32 * 1024);
        c.Journal.Provider.ShouldBe(JournalProvider.Sqlite);
        c.Call.IdleRelease.ShouldBe(TimeSpan.FromHours(1));
        c.Events.Retention.ShouldBe(TimeSpan.FromHours(24));
        c.Warnings.ShouldBeEmpty();
    }

    [Fact]
    public void Text_to_speech_is_espeak_unless_a_service_is_named()
    {
        var c = Load();
        c.Media.Language.ShouldBe("zh-CN");
        c.Speech.Headers.ShouldBeEmpty();
        c.Speech.ShouldBe(new SpeechSettings(SpeechEngineKind.Espeak, TimeSpan.FromSeconds(10), 4, 64 * 1024 * 1024, "espeak-ng", null, c.Speech.Headers));

        var http = Load(null, null, "cti.media.language=en-US", "cti.tts.engine=http", "cti.tts.http.url=https://tts.example/{lang}?key=1",
            """cti.tts.http.headers=[{ name = X-Key, value = "k" }]""").Speech;
        http.Url!.Reveal().ShouldBe("https://tts.example/{lang}?key=1");
        http.Headers.ShouldBe([new SpeechHeader("X-Key", new Secret("k"))]);
        http.ToString().ShouldNotContain("key=1");

        ProblemOf(null, null, "cti.media.language=en").ShouldContain("right is zh-CN or en-US");
        ProblemOf(null, null, "cti.tts.engine=http").ShouldContain("cti.tts.http.url: not set; cti.tts.engine = http needs an http:// or https:// URL");
        ProblemOf(null, null, "cti.tts.http.url=file:///etc/passwd").ShouldContain("cti.tts.http.url: wrong; right is an http://");
        ProblemOf(null, null, """cti.tts.http.headers=[{ name = "X Key", value = "k" }]""").ShouldContain("right is a header field's name");
        ProblemOf(null, null, """cti.tts.http.headers=[{ name = X-Key }]""").ShouldContain("cti.tts.http.headers[0].value: not set or wrong");
    }

    [Fact]
    public void Modes_are_octal_as_for_chmod_and_leave_the_node_what_it_needs()
    {
        var c = Load(null);
        (c.Media.RecordFileMode, c.Media.RecordDirectoryMode).ShouldBe(((UnixFileMode)0b110_100_000, (UnixFileMode)0b111_101_000));
        c = Load(null, null, "cti.media.record-file-mode=600", "cti.media.record-directory-mode=0755");
        (c.Media.RecordFileMode, c.Media.RecordDirectoryMode).ShouldBe(((UnixFileMode)0b110_000_000, (UnixFileMode)0b111_101_101));
        foreach (var wrong in (string[])["0440", "08", "888", "1640", "rw-r-----", "64"])
            ProblemOf(null, null, $"cti.media.record-file-mode={wrong}").ShouldContain("cti.media.record-file-mode");
        ProblemOf(null, null, "cti.media.record-directory-mode=0640").ShouldContain("at least 700");
    }

    [Fact]
    public void An_application_may_have_folders_of_its_own()
    {
        const string Key = "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae";
        var applications = Load(File($$"""cti.gateway.applications { a { keys = ["{{Key}}"] }, b { keys = ["{{Key}}"]"""
            + $$""", media-root = /srv/b, record-root = rec } }""")).Gateway.Applications;
        (applications["a"].MediaRoot, applications["a"].RecordRoot).ShouldBe((null, null));
        (applications["b"].MediaRoot, applications["b"].RecordRoot).ShouldBe(("/srv/b", Path.GetFullPath("rec")));
    }

    [Fact]
    public void A_file_switches_the_demo_off_and_can_switch_it_on()
    {
        Load(File("cti.area = 1")).Demo.ShouldBeFalse();
        Load(File("cti.demo = true")).Demo.ShouldBeTrue();
    }

    [Fact]
    public void Later_sources_lie_on_top()
    {
        var file = File("cti { area = 1, station = 1, instances = 1, data = /file }");

        var c = Load(file, [("CTI_STATION", "2"), ("CTI_INSTANCES", "2")], "cti.instances=3");

        (c.Area, c.Station, c.Instances).ShouldBe((1, 2, 3));
        c.Gateway.KeysFile.ShouldBe("/file/default.key", "a default that refers to a key follows it");
    }

    [Fact]
    public void A_trunks_targets_are_texts_or_objects_and_stand_for_its_address()
    {
        var c = Load(File("""
            cti.trunks = [
              { name = a, targets = ["10.0.0.1", { address = "10.0.0.2:5080", priority = 2, weight = 30 }] }
              { name = b, address = carrier.example, targets = sbc.example }
            ]
            """), []);

        var (a, b) = (c.Trunks[0], c.Trunks[1]);
        a.Targets.ShouldBe([new(new HostPort("10.0.0.1", null), 1, 1), new(new HostPort("10.0.0.2", 5080), 2, 30)]);
        (a.Address, a.HasAddress).ShouldBe((new HostPort("10.0.0.1", null), false));
        (b.Address, b.HasAddress, b.Targets[0].Address).ShouldBe((new HostPort("carrier.example", null), true, new HostPort("sbc.example", null)));
        var trunk = TrunkWiring.ToTrunk(a, []);
        trunk.Targets.Select(static target => target.ToString()).ShouldBe(["10.0.0.1:5060", "10.0.0.2:5080"]);
        (trunk.Host, trunk.IsNamedByTargets).ShouldBe(("10.0.0.1", true));
        TrunkWiring.ToTrunk(b, []).Targets[0].ToString().ShouldBe("sbc.example", "a name without a port may have service records");
    }

    [Fact]
    public void A_shell_value_is_literal_unless_it_starts_like_HOCON()
    {
        var c = Load(null, [("CTI_SIP_LISTEN", """["udp:127.0.0.1:5070", "tcp:[::1]:5071"]""")],
            "cti.gateway.listen=http://127.0.0.1:9090", "cti.sip.accept-any=true",
            """cti.trunks=[{name = t, address = "10.0.0.1:5080", auth { user = u, password = "s#cret" }}]""",
            "cti.node.name=\"a\"", "cti.data=/tmp/a=b");

        c.Sip.Listen.Select(l => l.ToString()).ShouldBe(["udp:127.0.0.1:5070", "tcp:[::1]:5071"]);
        c.Gateway.Listen.ShouldHaveSingleItem().ShouldBe("http://127.0.0.1:9090");
        c.Sip.AcceptAny.ShouldBeTrue();
        c.Node.Name.ShouldBe("a");
        c.Data.ShouldBe("/tmp/a=b");
        var trunk = c.Trunks.ShouldHaveSingleItem();
        trunk.Address.ShouldBe(new HostPort("10.0.0.1", 5080));
        trunk.Dtmf.ShouldBe(DtmfMode.Rfc4733);
        trunk.OptionsInterval.ShouldBe(TimeSpan.FromSeconds(30));
        trunk.Auth!.Password.Reveal().ShouldBe("s#cret");
        trunk.Auth.Realms.ShouldBeEmpty();
        trunk.RegisterExpires.ShouldBe(TimeSpan.FromMinutes(10));
        c.ToString().ShouldNotContain("s#cret");
    }

    [Fact]
    public void An_unknown_variable_is_a_warning_with_what_was_probably_meant() =>
        Load(null, [("CTI_SIP_LISTENS", "x"), ("CTI_SERVICE_HOST", "10.0.0.1")]).Warnings.ShouldBe(
        [
            "environment variable CTI_SERVICE_HOST is no key and is ignored",
            "environment variable CTI_SIP_LISTENS is no key and is ignored; CTI_SIP_LISTEN is probably meant",
        ]);

    [Fact]
    public void A_port_that_is_taken_is_told_with_its_key_and_its_place()
    {
        var file = File("cti {\n  sip.listen = [\"udp:127.0.0.1:5070\"]\n  data = /d\n}");
        var c = Load(file,
            [("CTI_CLUSTER_LISTEN", "127.0.0.1:7000"), ("CTI_CLUSTER_SECRET", "0123456789abcdef0123456789abcdef"), ("CTI_JOURNAL_PROVIDER", "postgresql"),
            ("CTI_JOURNAL_CONNECTION_STRING", "Host=h")], "cti.gateway.listen=http://127.0.0.1:9090");
        const string Taken = "is in use by another process: end that one, or listen at another port";
        string Told(string address) => c.Describe(new ListenException(address, System.Net.Sockets.SocketError.AddressAlreadyInUse));
        Told("udp:127.0.0.1:5070").ShouldBe($"{file}:2:16: cti.sip.listen: udp:127.0.0.1:5070 {Taken}");
        Told("http://127.0.0.1:9090").ShouldBe($"--set cti.gateway.listen: cti.gateway.listen: http://127.0.0.1:9090 {Taken}");
        Told("127.0.0.1:7000").ShouldBe($"environment variable CTI_CLUSTER_LISTEN: cti.cluster.listen: 127.0.0.1:7000 {Taken}");
        NodeConfigurationLoader.Load(ConfigurationSources.None)
            .Describe(new ListenException("udp:0.0.0.0:5060", System.Net.Sockets.SocketError.AddressAlreadyInUse))
            .ShouldContain($": cti.sip.listen: udp:0.0.0.0:5060 {Taken}", customMessage: "a default has a place too");
    }

    public static TheoryData<string, string> Wrong => new()
    {
        { "cti.sip.lisen = []", "1:17: cti.sip.lisen: unknown key; cti.sip.listen is probably meant" },
        { "ctl.area = 1", "1:1: ctl: unknown key; cti is probably meant" },
        { "cti.xyzzy = 1", "1:13: cti.xyzzy: unknown key; right are here: area, call, cdr" },
        { "cti {\n  area = many\n}", "2:10: cti.area: \"many\" is wrong; right is a whole number 0..999999" },
        { "cti.instances = 0", "1:17: cti.instances: \"0\" is wrong; right is a whole number 1..65536" },
        { "cti.instances = null", "cti.instances: not set; right is a whole number 1..65536" },
        { "cti.sip.accept-any = maybe", "1:22: cti.sip.accept-any: \"maybe\" is wrong; right is true or false" },
        { "cti.sip.listen = [\"udp:0.0.0.0:5060\", \"sctp:0.0.0.0:5061\"]",
            "1:39: cti.sip.listen[1]: \"sctp:0.0.0.0:5061\" is wrong; right is udp:ADDRESS:PORT" },
        { "cti.sip.listen = [\"udp:0.0.0.0:5060\", \"tls:0.0.0.0:5061\"]",
            "1:18: cti.sip.listen: tls:0.0.0.0:5061 needs cti.sip.tls.certificate and cti.sip.tls.key" },
        { "cti.sip.tls.certificate = \"a.pem\"", "cti.sip.tls.key: not set; certificate needs its private key" },
        { "cti.sip.tls.key = \"a.pem\"", "cti.sip.tls.certificate: not set; key needs the certificate" },
        { "cti.gateway.listen = \"https://127.0.0.1:8443\"",
            "1:22: cti.gateway.listen: https://127.0.0.1:8443 needs cti.gateway.tls.certificate and cti.gateway.tls.key" },
        { "cti.trunks = [{ name = a, address = b, accept-from = [here] }]", "cti.trunks[0].accept-from[0]: \"here\" is wrong; right is a network" },
        { "cti.trunks = [{ name = a, address = b, tls { verify = perhaps } }]", "cti.trunks[0].tls.verify: \"perhaps\" is wrong; right is true or false" },
        { "cti.sip.listen = []", "1:18: cti.sip.listen: 0 elements; right is 1..32" },
        { "cti.sip = 5", "1:11: cti.sip: \"5\" is wrong; right is an object" },
        { "cti.sip.timers.t1 = 4500ms", "cti.sip.timers.t2: shorter than t1" },
        { "cti.call.offer-timeout = 5 parsecs",
            "1:26: cti.call.offer-timeout: \"5 parsecs\" is wrong; right is a duration 1s..1h (units ns, us, ms, s, m, h, d; without one ms)" },
        { "cti.gateway.request-bytes = 1GiB", "right is a size 1KiB..16MiB" },
        { "cti.gateway.listen = \"https://x:1\"", "right is http://ADDRESS:PORT" },
        { "cti.gateway.listen = \"http://0.0.0.0:8080\"", "cti.gateway.listen: http://0.0.0.0:8080 is not loopback" },
        { "cti.gateway { listen = [\"http://127.0.0.1:8080\", \"http://*:8081\"], applications.a.keys = [\"sha256:"
            + "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae\"] }", "cti.gateway.listen: http://*:8081 is HTTP in clear beyond loopback" },
        { "cti.media.ports = \"20001-20005\"", "right is FIRST-LAST, FIRST even" },
        { "cti.media.codecs = [PCMA, pcma]", "the same codec twice" },
        { "cti.media.codecs = [PCMA, G729]", "one of PCMA, PCMU, G722, opus" },
        { "cti.media.codecs = []", "right is 1..16" },
        { "cti.journal.provider = mysql", "right is one of sqlite, postgresql, memory" },
        { "cti.journal.provider = postgresql", "cti.journal.connection-string: not set; postgresql needs one" },
        { "cti.journal.connection-string = \"postgres://cti:x@db/cti\"", "cti.journal.connection-string: is a URL; right is Host=" },
        { "cti.journal.connection-string = \"Host=db;Pasword=x\"",
            "cti.journal.connection-string: has a part that is no KEYWORD=VALUE known to Npgsql; right is Host=" },
        { "cti.cluster.listen = \"0.0.0.0:7400\"", "at least 16 characters" },
        { "cti.cluster { listen = \"0.0.0.0:7400\", secret = \"sixteen letters!\" }",
            "cti.cluster.listen: set, but the journal is not shared; right is cti.journal.provider = postgresql" },
        { "cti.cluster { listen = \"0.0.0.0:7400\", certificate = a, key = a, authority = b }",
            "cti.cluster.listen: set, but the journal is not shared; right is cti.journal.provider = postgresql" },
        { "cti.cluster { listen = \"0.0.0.0:7400\", certificate = a, key = a }", "cti.cluster.authority: not set; certificate needs who signs" },
        { "cti.cluster { listen = \"0.0.0.0:7400\", certificate = a, authority = a }", "cti.cluster.key: not set; certificate needs its private key" },
        { "cti.cluster { secret = \"sixteen letters!\", authority = a }", "cti.cluster.certificate: not set; authority needs this node's certificate" },
        { "cti.node.roles = [gateway]", "cti.node.roles: without media, and without other nodes that have it" },
        { "cti.log.level = loud", "right is one of debug, information, warning, error" },
        { "cti.cdr.time-zone = Mars", "right is a time zone of this system" },
        { "cti.trunks = [{ name = a, address = h, media { codecs = [GSM] } }]",
            "cti.trunks[0].media.codecs[0]: \"GSM\" is wrong; right is one of PCMA, PCMU, G722, opus" },
        { "cti.trunks = [{ name = a }]", "1:15: cti.trunks[0].address: not set; right is HOST or HOST:PORT" },
        { "cti.trunks = [{ name = a, address = h, targets = [\"h h\"] }]", "cti.trunks[0].targets[0]: \"h h\" is wrong; right is HOST or HOST:PORT" },
        { "cti.trunks = [{ name = a, targets = [{ priority = 2 }] }]", "cti.trunks[0].targets[0].address: not set; right is HOST or HOST:PORT" },
        { "cti.trunks = [{ name = a, targets = [{ address = h, weight = 65536 }] }]", "cti.trunks[0].targets[0].weight" },
        { "cti.trunks = [{ name = a, address = h, tls { accept-by-certificate = true } }]",
            "cti.trunks: \"a\" is known by its certificate, and nobody is asked for one; right is cti.sip.tls with client-certificates" },
        { "cti.trunks = [{ name = a, address = h, caller-id { format = e164 } }]",
            "cti.trunks[0].caller-id.country: not set; a format needs the country's calling code" },
        { "cti.trunks = [{ name = a, address = h, caller-id { country = \"049\" } }]", "cti.trunks[0].caller-id.country: \"049\" is wrong" },
        { "cti.trunks = [{ name = a, targets = [h, h] }]", "cti.trunks[0].targets: the same address twice" },
        { "cti.trunks = [{ name = a, address = h, mx-calls = 1 }]", "1:51: cti.trunks[0].mx-calls: unknown key; cti.trunks[0].max-calls is probably meant" },
        { "cti.trunks = [{ name = a, address = h, register = true }]", "cti.trunks[0].register: needs auth" },
        { "cti.trunks = [{ name = a, address = h, register-expires = 5s }]", "cti.trunks[0].register-expires" },
        { "cti.trunks = [{ name = a, address = h, auth { user = u, password = p, realm = [r, \"\"] } }]", "cti.trunks[0].auth.realm" },
        { "cti.trunks = [{ name = a, address = h }, { name = a, address = h }]", "two trunks of the same name" },
        { "cti.routes = [{ application = default, trunk = t }]", "no trunk is called \"t\"; right are: none" },
        { "cti.routes = [{ application = x }]", "no application is called \"x\"; right are: default" },
        { "cti.gateway.applications.a { keys = [abc] }", "cti.gateway.applications.a.keys[0]: \"abc\" is wrong; right is sha256:" },
        { "cti.gateway.applications.a {}", "cti.gateway.applications.a.keys: not set" },
        { "cti.sip.advertise = \"a b\"", "right is HOST or HOST:PORT" },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public void What_is_wrong_stops_with_place_key_and_what_would_be_right(string text, string says)
    {
        var file = File(text);

        var problem = ProblemOf(file);

        problem.ShouldContain(says);
        if (char.IsAsciiDigit(says[0])) problem.ShouldStartWith(file + ":");
    }

    [Fact]
    public void Problems_from_shell_and_environment_say_so_and_all_show_at_once()
    {
        ProblemOf(null, [("CTI_AREA", "x")]).ShouldStartWith("environment variable CTI_AREA: cti.area: \"x\" is wrong");
        ProblemOf(null, null, "cti.area=x").ShouldStartWith("--set cti.area: cti.area: \"x\" is wrong");
        ProblemOf(null, null, "cti.trunks=[{").ShouldStartWith("--set cti.trunks:1:2: this { is not closed");
        ProblemOf(null, null, "cti.area").ShouldBe("--set cti.area: right is --set KEY=VALUE");
        Should.Throw<ConfigurationException>(() => Load(null, null, "cti.area=x", "cti.station=y", "cti.nod.name=z")).Problems.Length.ShouldBe(3);
    }

    [Fact]
    public void A_secret_is_not_in_the_message_about_it() =>
        ProblemOf(null, null, "cti.cluster.secret=[hunter2]").ShouldNotContain("hunter2");

    [Fact]
    public void Addresses_read_and_write()
    {
        var c = Load(null, null, "cti.sip.advertise=example.org:5060", "cti.media.address=127.0.0.1",
            """cti.trunks=[{name = t, address = "[2001:db8::1]:5070"}]""");

        c.Sip.Advertise.ShouldBe(new HostPort("example.org", 5060));
        c.Media.Address.ShouldBe(IPAddress.Loopback);
        c.Trunks[0].Address.ToString().ShouldBe("[2001:db8::1]:5070");
    }
}
