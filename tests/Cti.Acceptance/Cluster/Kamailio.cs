using System.Diagnostics;
using System.Globalization;
using System.Net;
using Cti.Testing;

namespace Cti.Acceptance.Cluster;

/// <summary>
/// Kamailio in front of the nodes: record-routing, dispatching on OPTIONS, and finding another node for a request within a dialog whose node does not answer.
/// </summary>
internal sealed class Kamailio : IAsyncDisposable
{
    public const int Port = 15070;

    /// <summary>
    /// What it says of new calls: of a node's 100, of asking the same node again, of offering a call to the next. A node's address and the user called follow.
    /// </summary>
    public const string Trying = "100 from", AskedAgain = "asked again:", Next = "offered to the next:";

    /// <summary>What a registrar says of who has registered; the user and the transport follow.</summary>
    public const string Registered = "registered:";

    /// <summary>What it says of a request within a call; the method follows.</summary>
    public const string Within = "within a call:";

    /// <summary>What both of its parts need.</summary>
    private const string Modules = """
        loadmodule "tm.so"
        loadmodule "sl.so"
        loadmodule "rr.so"
        loadmodule "pv.so"
        loadmodule "maxfwd.so"
        loadmodule "textops.so"
        loadmodule "siputils.so"
        loadmodule "xlog.so"
        """;

    private readonly Process _process;
    private readonly List<string> _said = [];

    private Kamailio(Process process, IPEndPoint address)
    {
        _process = process;
        Address = address;
        process.ErrorDataReceived += (_, e) => Take(e.Data);
        process.OutputDataReceived += (_, e) => Take(e.Data);
        process.BeginErrorReadLine();
        process.BeginOutputReadLine();
    }

    public IPEndPoint Address { get; }

    public string Said
    {
        get
        {
            lock (_said) return string.Join('\n', _said);
        }
    }

    /// <param name="folder">For its files.</param>
    /// <param name="address">Where it listens.</param>
    /// <param name="nodes">Whom it dispatches to.</param>
    /// <param name="phones">Where calls of the nodes go.</param>
    public static Kamailio Start(string folder, string address, IEnumerable<IPEndPoint> nodes, IPEndPoint phones)
    {
        Directory.CreateDirectory(folder);
        var list = Path.Combine(folder, "dispatcher.list");
        File.WriteAllLines(list, nodes.Select(static node => $"1 sip:{node}"));
        var listen = new IPEndPoint(IPAddress.Parse(address), Port);
        return Run(folder, Configuration(listen, list, phones), listen);
    }

    /// <summary>A registrar that asks for a password, and a proxy towards who has registered and a telephone.</summary>
    /// <param name="folder">For its files.</param>
    /// <param name="password">Of everybody.</param>
    /// <param name="certificate">Its certificate and key, for TLS.</param>
    /// <param name="phone">Where calls to tester go.</param>
    public static Kamailio StartRegistrar(string folder, string password, string certificate, IPEndPoint phone)
    {
        Directory.CreateDirectory(folder);
        IPEndPoint plain = new(IPAddress.Loopback, Ports.Free()), tls = new(IPAddress.Loopback, Ports.Free());
        var kamailio = Run(folder, RegistrarConfiguration(plain, tls, password, certificate, phone), plain);
        kamailio.TlsAddress = tls;
        return kamailio;
    }

    /// <summary>Where it listens for TLS, as a registrar.</summary>
    public IPEndPoint? TlsAddress { get; private set; }

    private static Kamailio Run(string folder, string configuration, IPEndPoint listen)
    {
        const string Program = "/usr/sbin/kamailio";
        if (!File.Exists(Program)) throw new InvalidOperationException("Kamailio is missing; on Debian: apt-get install kamailio");
        var file = Path.Combine(folder, "kamailio.cfg");
        File.WriteAllText(file, configuration);
        var start = new ProcessStartInfo(Program,
            ["-f", file, "-DD", "-E", "-m", "64", "-M", "8", "-w", folder, "-Y", folder, "-P", Path.Combine(folder, "kamailio.pid")])
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
            WorkingDirectory = folder,
        };
        return new Kamailio(Process.Start(start)!, listen);
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            // The main process ends its children; one that was killed could not.
            using (var kill = Process.Start("kill", ["-TERM", _process.Id.ToString(CultureInfo.InvariantCulture)])) await kill.WaitForExitAsync();
            await _process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(20));
        }
        _process.Dispose();
    }

    private void Take(string? line)
    {
        if (line is null) return;
        lock (_said)
        {
            _said.Add(line);
            if (_said.Count > 500) _said.RemoveRange(0, 100);
        }
    }

    private static string Configuration(IPEndPoint listen, string list, IPEndPoint phones) => $$"""
        #!KAMAILIO
        debug=0
        log_stderror=yes
        children=4
        disable_tcp=yes
        auto_aliases=no
        listen=udp:{{listen}}

        {{Modules}}
        loadmodule "dispatcher.so"

        # Within a call a node that does not say a word within a second is passed over. For new calls, which have times of their own below, one that rings may
        # do so for minutes.
        modparam("tm", "fr_timer", 1000)
        modparam("tm", "fr_inv_timer", 300000)
        modparam("tm", "restart_fr_on_each_reply", 0)
        # A draining node answers OPTIONS with 503: no new calls for it.
        modparam("dispatcher", "list_file", "{{list}}")
        # ds_next_dst needs both.
        modparam("dispatcher", "flags", 2)
        modparam("dispatcher", "xavp_dst", "_node_")
        modparam("dispatcher", "ds_ping_method", "OPTIONS")
        modparam("dispatcher", "ds_ping_interval", 1)
        modparam("dispatcher", "ds_probing_mode", 1)
        modparam("dispatcher", "ds_probing_threshold", 1)
        modparam("dispatcher", "ds_inactive_threshold", 1)
        modparam("dispatcher", "ds_ping_reply_codes", "class=2")
        modparam("rr", "enable_full_lr", 1)

        request_route {
            if (!mf_process_maxfwd_header("70")) {
                sl_send_reply("483", "Too Many Hops");
                exit;
            }
            if (is_method("OPTIONS") && !has_totag() && uri == myself) {
                sl_send_reply("200", "OK");
                exit;
            }
            if (is_method("CANCEL")) {
                if (t_check_trans()) t_relay();
                exit;
            }
            if (has_totag()) {
                if (loose_route()) {
                    if (!is_method("ACK") && !ds_is_from_list("1")) t_on_failure("ANOTHER");
                    t_relay();
                } else if (is_method("ACK")) {
                    if (t_check_trans()) t_relay();
                } else {
                    sl_send_reply("404", "Not Here");
                }
                exit;
            }
            t_check_trans();
            if (is_method("INVITE")) record_route();
            if (ds_is_from_list("1")) {
                $du = "sip:{{phones}}";
                t_relay();
                exit;
            }
            if (!ds_select_dst("1", "4")) {
                sl_send_reply("503", "No Node");
                exit;
            }
            $avp(offers) = 0;
            $avp(again) = 0;
            route(OFFER);
            t_relay();
        }

        route[OFFER] {
            $avp(offers) = $avp(offers) + 1;
            $avp(rings) = 0;
            $avp(node) = $du;
            t_on_reply("SAID");
            t_on_failure("NEXT");
            t_set_fr("3000", "1500");
        }

        onreply_route[SAID] {
            if ($rs > 100 && $rs < 200) {
                $avp(rings) = 1;
                t_set_fr("300000");
            } else if ($rs == 100) {
                xlog("L_ERR", "{{Trying}} $si of $tU\n");
            }
        }

        # A new call: the next node, when one is silent or says that it takes none; the same once more, when it has said 100 and that it rings has not followed.
        failure_route[NEXT] {
            if (t_is_canceled()) exit;
            if (t_branch_timeout()) {
                if ($avp(rings) == 1) exit;
                if (t_branch_replied() && $avp(again) < 3) {
                    $avp(again) = $avp(again) + 1;
                    # $du is what it was for the first branch.
                    $du = $avp(node);
                    xlog("L_ERR", "{{AskedAgain}} $du of $tU\n");
                    route(OFFER);
                    t_relay();
                    exit;
                }
            } else if (!t_check_status("503")) {
                exit;
            }
            if ($avp(offers) < 10 && ds_next_dst()) {
                $avp(again) = 0;
                xlog("L_ERR", "{{Next}} $du of $tU\n");
                route(OFFER);
                t_relay();
                exit;
            }
        }

        # Within a dialog: any living node knows by the tag whose it is.
        failure_route[ANOTHER] {
            if (t_is_canceled()) exit;
            if (t_branch_timeout() && ds_select_dst("1", "4")) {
                t_on_failure("LAST");
                t_relay();
            }
        }

        failure_route[LAST] {
            if (t_is_canceled()) exit;
            if ((t_branch_timeout() || t_check_status("503")) && ds_next_dst()) {
                t_on_failure("LAST");
                t_relay();
            }
        }
        """;

    private static string RegistrarConfiguration(IPEndPoint plain, IPEndPoint tls, string password, string certificate, IPEndPoint phone) => $$"""
        #!KAMAILIO
        debug=0
        log_stderror=yes
        children=2
        tcp_children=2
        enable_tls=yes
        auto_aliases=no
        listen=udp:{{plain}}
        listen=tls:{{tls}}

        loadmodule "tls.so"
        {{Modules}}
        loadmodule "usrloc.so"
        loadmodule "registrar.so"
        loadmodule "auth.so"

        # By itself it speaks only what is too old.
        modparam("tls", "tls_method", "TLSv1.2+")
        modparam("tls", "certificate", "{{certificate}}")
        modparam("tls", "private_key", "{{certificate}}")
        modparam("tls", "verify_certificate", 0)
        modparam("tls", "require_certificate", 0)
        modparam("usrloc", "db_mode", 0)
        modparam("rr", "enable_full_lr", 1)

        request_route {
            if (!mf_process_maxfwd_header("70")) {
                sl_send_reply("483", "Too Many Hops");
                exit;
            }
            if (is_method("CANCEL")) {
                if (t_check_trans()) t_relay();
                exit;
            }
            if (has_totag()) {
                if (loose_route()) {
                    xlog("L_ERR", "{{Within}} $rm\n");
                    t_relay();
                }
                else if (is_method("ACK") && t_check_trans()) t_relay();
                else if (!is_method("ACK")) sl_send_reply("404", "Not Here");
                exit;
            }
            t_check_trans();
            if (is_method("OPTIONS")) {
                sl_send_reply("200", "OK");
                exit;
            }
            if (is_method("REGISTER")) {
                if (!pv_www_authenticate("kamailio", "{{password}}", "0")) {
                    www_challenge("kamailio", "1");
                    exit;
                }
                save("location");
                xlog("L_ERR", "{{Registered}} $tU by $proto\n");
                exit;
            }
            record_route();
            if ($rU == "tester") {
                # Only who has registered may call out.
                if (!pv_proxy_authenticate("kamailio", "{{password}}", "0")) {
                    proxy_challenge("kamailio", "1");
                    exit;
                }
                consume_credentials();
                $ru = "sip:tester@{{phone}}";
            } else if (!lookup("location")) {
                sl_send_reply("404", "Not Found");
                exit;
            }
            t_relay();
        }
        """;
}
