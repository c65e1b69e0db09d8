// The targets of build.sh. Needs Cake.Tool (dotnet tool restore) and nothing else.
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Threading;
using System.Xml.Linq;

const string Solution = "Cti.Actors.sln";
const string Configuration = "Release";

// What the tests start besides the product: program or library, and its Debian package.
var needs = new (string File, string Package)[]
{
    ("/usr/bin/sipp", "sip-tester"),
    ("/usr/bin/baresip", "baresip-core"),
    ("/usr/bin/linphonec", "linphone-cli"),
    ("/usr/sbin/kamailio", "kamailio"),
    ("/usr/lib/*/kamailio/modules/tls.so", "kamailio-tls-modules"),
    ("/usr/bin/sox", "sox"),
    ("/usr/bin/espeak-ng", "espeak-ng"),
    ("/usr/bin/ffmpeg", "ffmpeg"),
    ("/usr/bin/sndfile-convert", "sndfile-programs"),
    ("/usr/lib/*/libsndfile.so.1", "libsndfile1"),
    ("/usr/lib/*/libopus.so.0", "libopus0"),
    ("/usr/lib/*/sox/libsox_fmt_mp3.so", "libsox-fmt-mp3"),
    ("/usr/bin/gcc", "gcc"),
    ("/usr/include/stdio.h", "libc6-dev"),
    ("/usr/bin/python3", "python3"),
    ("/usr/bin/node", "nodejs"),
    ("/usr/bin/git", "git"),
    ("/sbin/ip", "iproute2"),
    ("/usr/lib/*/libsqlite3.so.0", "libsqlite3-0"),
    ("/usr/lib/*/libsrtp2.so.1", "libsrtp2-1"),
    ("/usr/lib/postgresql/*/bin/initdb", "postgresql"),
};

var target = Argument("target", "test");
var root = System.IO.Path.GetFullPath(".");

// ---- helpers ------------------------------------------------------------------------------------------------------------------------

int Run(string program, IEnumerable<string> arguments, TimeSpan limit, Action<string> line = null, IDictionary<string, string> environment = null)
{
    var start = new ProcessStartInfo(program) { WorkingDirectory = root, UseShellExecute = false, RedirectStandardOutput = line != null, RedirectStandardError = line != null, RedirectStandardInput = true };
    foreach (var argument in arguments) start.ArgumentList.Add(argument);
    foreach (var (name, value) in environment ?? new Dictionary<string, string>()) start.Environment[name] = value;
    using var process = Process.Start(start);
    process.StandardInput.Close();
    if (line != null)
    {
        process.OutputDataReceived += (_, e) => { if (e.Data != null) line(e.Data); };
        process.ErrorDataReceived += (_, e) => { if (e.Data != null) line(e.Data); };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }
    if (!process.WaitForExit((int)limit.TotalMilliseconds))
    {
        process.Kill(entireProcessTree: true);
        process.WaitForExit();
        Say($"{program} {string.Join(' ', arguments)}: stopped after {limit}");
        return -1;
    }
    if (line != null) process.WaitForExit();
    return process.ExitCode;
}

void Must(string program, params string[] arguments)
{
    var code = Run(program, arguments, TimeSpan.FromMinutes(20));
    if (code != 0) throw new CakeException($"{program} {string.Join(' ', arguments)}: exit code {code}");
}

void Say(string text)
{
    System.Console.Out.WriteLine(text);
    System.Console.Out.Flush();
}

bool IsThere(string file)
{
    if (!file.Contains('*')) return System.IO.File.Exists(file);
    var at = file.IndexOf('*');
    return System.IO.Directory.Exists(file[..at]) && System.IO.Directory.GetDirectories(file[..at]).Any(d => System.IO.File.Exists(d + file[(at + 1)..]));
}

void InstallWhatTestsNeed()
{
    var missing = needs.Where(n => !IsThere(n.File)).Select(n => n.Package).Distinct().ToList();
    if (missing.Count == 0) return;
    var command = "apt-get install -y --no-install-recommends " + string.Join(' ', missing);
    if (System.Environment.UserName != "root" || !System.IO.File.Exists("/usr/bin/apt-get"))
    {
        Say("Some tests need packages that are not here. On Debian or Ubuntu, as root: " + command);
        return;
    }
    Say("Installing: " + string.Join(' ', missing));
    var quiet = new Dictionary<string, string> { ["DEBIAN_FRONTEND"] = "noninteractive" };
    var said = new StringBuilder();
    int Apt(params string[] arguments) => Run("apt-get", arguments, TimeSpan.FromMinutes(10), l => { lock (said) said.AppendLine(l); }, quiet);
    var install = new[] { "install", "-y", "--no-install-recommends", "-o", "Dpkg::Use-Pty=0" }.Concat(missing).ToArray();
    // The lists of a machine that was used today are good enough; a fresh one has none.
    if (Apt(install) == 0) return;
    Apt("update");
    if (Apt(install) != 0) Say(said + "\nCould not install them; what needs them will fail: " + command);
}

string[] TestProjects() =>
    System.IO.Directory.GetFiles("tests", "*.csproj", System.IO.SearchOption.AllDirectories)
        .Where(p => System.IO.Path.GetFileNameWithoutExtension(p) is var n && (n.EndsWith(".Tests") || n is "Cti.Simulation" or "Cti.Acceptance" or "Cti.Fuzz"))
        .Order(StringComparer.Ordinal).ToArray();

// ---- targets ------------------------------------------------------------------------------------------------------------------------

// Compiled ahead of time for this machine: a node takes over calls, and joins, with code that it has never run before, and the sound does not wait for a compiler.
void Publish()
{
    Say("Building the node; on a fresh clone that takes a few minutes");
    string[] publish = ["publish", "src/Cti.Node/Cti.Node.csproj", "-c", Configuration, "-o", "artifacts/cti", "-v", "q", "--nologo"];
    if (Run("dotnet", [.. publish, "--use-current-runtime", "--self-contained", "false", "-p:PublishReadyToRun=true"], TimeSpan.FromMinutes(15), Say) == 0) return;
    Say("The compiler for code ahead of time is not to be had: published without, which takes over calls more slowly the first time.");
    Must("dotnet", publish);
}

Task("publish").Does(Publish);

Task("build").Does(() =>
{
    Must("dotnet", "build", Solution, "-c", Configuration, "-v", "q", "--nologo");
    Publish();
    Say("published to artifacts/cti/; start it with artifacts/cti/cti run");
});

sealed record Outcome(string Project, int Passed, int Failed, int Skipped, int ExitCode, TimeSpan Took, List<string> Failures, string Output);

Outcome Test(string project, string results)
{
    var name = System.IO.Path.GetFileNameWithoutExtension(project);
    var started = Stopwatch.GetTimestamp();
    var output = new StringBuilder();
    var trx = System.IO.Path.Combine(results, name + ".trx");
    var code = Run("dotnet",
        ["test", project, "-c", Configuration, "--no-build", "--nologo", "-v", "q", "--logger", "trx;LogFileName=" + trx, "--blame-hang-timeout", "8m", "--blame-hang-dump-type", "none", "--results-directory", results],
        TimeSpan.FromMinutes(20), l => { lock (output) output.AppendLine(l); },
        // What acceptance tests drive is what is published, not what was built beside them.
        new Dictionary<string, string> { ["CTI_PROGRAM"] = System.IO.Path.GetFullPath("artifacts/cti/cti") });
    int passed = 0, failed = 0, skipped = 0;
    var failures = new List<string>();
    if (System.IO.File.Exists(trx))
    {
        var document = XDocument.Load(trx);
        var ns = document.Root.Name.Namespace;
        foreach (var result in document.Descendants(ns + "UnitTestResult"))
        {
            switch ((string)result.Attribute("outcome"))
            {
                case "Passed": passed++; break;
                case "NotExecuted": skipped++; break;
                default:
                    failed++;
                    var info = result.Descendants(ns + "ErrorInfo").FirstOrDefault();
                    failures.Add($"{result.Attribute("testName")?.Value}\n{info?.Element(ns + "Message")?.Value}\n{info?.Element(ns + "StackTrace")?.Value}");
                    break;
            }
        }
    }
    return new Outcome(name, passed, failed, skipped, code, Stopwatch.GetElapsedTime(started), failures, output.ToString());
}

Task("test").Does(() =>
{
    InstallWhatTestsNeed();
    Say("Building");
    Must("dotnet", "build", Solution, "-c", Configuration, "-v", "q", "--nologo", "-clp:NoSummary");
    Publish();

    var only = Argument("project", "");
    var projects = TestProjects().Where(p => only == "" || System.IO.Path.GetFileNameWithoutExtension(p) == only).ToList();
    var results = System.IO.Path.GetFullPath("artifacts/test-results");
    if (System.IO.Directory.Exists(results)) System.IO.Directory.Delete(results, true);
    System.IO.Directory.CreateDirectory(results);

    // What measures time or uses real processes runs alone; the others two at a time.
    var alone = projects.Where(p => p.Contains("Cti.Acceptance") || p.Contains("Cti.Transport.Tests")).ToList();
    var outcomes = new List<Outcome>();
    void One(string project)
    {
        var outcome = Test(project, results);
        lock (outcomes)
        {
            outcomes.Add(outcome);
            Say($"{outcome.Project}: {outcome.Passed} passed, {outcome.Failed} failed, {outcome.Skipped} skipped in {outcome.Took.TotalSeconds:F0} s");
            foreach (var failure in outcome.Failures) Say("FAILED " + failure + "\n");
            if (outcome.Failures.Count == 0 && (outcome.ExitCode != 0 || outcome.Passed == 0)) Say(outcome.Output);
        }
    }
    System.Threading.Tasks.Parallel.ForEach(projects.Except(alone), new System.Threading.Tasks.ParallelOptions { MaxDegreeOfParallelism = 2 }, One);
    alone.ForEach(One);

    var passed = outcomes.Sum(o => o.Passed);
    var skipped = outcomes.Sum(o => o.Skipped);
    // A project that ran nothing, or ended badly without naming a test, counts as one failure: silence is not success.
    var silent = outcomes.Where(o => o.Failed == 0 && (o.ExitCode != 0 || o.Passed + o.Skipped == 0)).ToList();
    foreach (var o in silent) Say($"FAILED {o.Project}: " + (o.Passed + o.Skipped == 0 ? "ran no test" : $"exit code {o.ExitCode}"));
    var failed = outcomes.Sum(o => o.Failed) + silent.Count + (outcomes.Count == 0 ? 1 : 0);
    System.IO.File.WriteAllText("artifacts/test-results/totals", $"{passed} passed, {failed} failed" + (skipped > 0 ? $", {skipped} skipped" : ""));
    if (failed > 0) throw new CakeException($"{failed} failed");
});

Task("bench").Does(() =>
{
    // The program is measured as it is published.
    Publish();
    Must("dotnet", "build", "tests/Cti.Benchmarks/Cti.Benchmarks.csproj", "-c", Configuration, "-v", "q", "--nologo");
    var name = Argument("name", "");
    Must("dotnet", ["run", "--project", "tests/Cti.Benchmarks/Cti.Benchmarks.csproj", "-c", Configuration, "--no-build", "--", .. (name == "" ? Array.Empty<string>() : [name])]);
});

void TestWith(string project, params (string Variable, string Argument)[] settings)
{
    Must("dotnet", "build", project, "-c", Configuration, "-v", "q", "--nologo");
    var environment = new Dictionary<string, string>();
    foreach (var (variable, argument) in settings)
    {
        if (Argument(argument, "") is { Length: > 0 } value) environment[variable] = value;
    }
    var code = Run("dotnet", ["test", project, "-c", Configuration, "--no-build", "--nologo", "-v", "q", "--logger", "console;verbosity=detailed"], TimeSpan.FromHours(24), Say, environment);
    if (code != 0) throw new CakeException("failed");
}

Task("fuzz").Does(() => TestWith("tests/Cti.Fuzz/Cti.Fuzz.csproj", ("CTI_FUZZ_TARGET", "of"), ("CTI_FUZZ_SECONDS", "seconds"), ("CTI_FUZZ_SEED", "seed")));

Task("simulate").Does(() => TestWith("tests/Cti.Simulation/Cti.Simulation.csproj", ("CTI_SIM_SEED", "seed"), ("CTI_SIM_COUNT", "count"), ("CTI_SIM_RACES", "races"), ("CTI_SIM_CLUSTER", "cluster")));

// The cluster with 300 calls in every state and every fault: some twenty minutes, as root (network namespaces). One run of it: --only "topology B".
// --from and --next name two published programs: the rolling restart then upgrades from one to the other.
Task("killtest").Does(() =>
{
    InstallWhatTestsNeed();
    Publish();
    Must("dotnet", "build", "tests/Cti.Acceptance/Cti.Acceptance.csproj", "-c", Configuration, "-v", "q", "--nologo");
    var environment = new Dictionary<string, string> { ["CTI_PROGRAM"] = System.IO.Path.GetFullPath(Argument("from", "artifacts/cti/cti")), ["CTI_KILLTEST"] = "whole" };
    if (Argument("next", "") is { Length: > 0 } next) environment["CTI_PROGRAM_NEXT"] = System.IO.Path.GetFullPath(next);
    if (Argument("only", "") is { Length: > 0 } only) environment["CTI_KILLTEST_ONLY"] = only;
    if (Argument("calls", "") is { Length: > 0 } calls) environment["CTI_KILLTEST_CALLS"] = calls;
    var code = Run("dotnet", ["test", "tests/Cti.Acceptance/Cti.Acceptance.csproj", "-c", Configuration, "--no-build", "--nologo", "-v", "q", "--filter", "FullyQualifiedName~Cluster.FaultTests", "--logger", "console;verbosity=detailed"], TimeSpan.FromHours(2), Say, environment);
    if (code != 0) throw new CakeException("failed");
});

// cluster-compose/ in containers: ten minutes or more, as the images are built from nothing, so it is no part of test.
Task("containertest").Does(() =>
{
    needs = [.. needs, ("/usr/bin/podman", "podman"), ("/usr/sbin/runc", "runc"), ("/usr/bin/podman-compose", "podman-compose"), ("/usr/sbin/debootstrap", "debootstrap"),
        ("/usr/lib/podman/netavark", "netavark"), ("/usr/lib/podman/aardvark-dns", "aardvark-dns"), ("/usr/sbin/iptables", "iptables"), ("/usr/bin/prometheus", "prometheus")];
    InstallWhatTestsNeed();
    // What operations are tested with, and what fetches the packages that the image is built from: the one for code ahead of time among them.
    Publish();
    Must("dotnet", "build", "tests/Cti.Acceptance/Cti.Acceptance.csproj", "-c", Configuration, "-v", "q", "--nologo");
    var code = Run("dotnet", ["test", "tests/Cti.Acceptance/Cti.Acceptance.csproj", "-c", Configuration, "--no-build", "--nologo", "-v", "q", "--filter", "FullyQualifiedName~ContainerTests|FullyQualifiedName~ComposeConfigurationTests|FullyQualifiedName~OperationsTests", "--logger", "console;verbosity=detailed"],
        TimeSpan.FromHours(1), Say, new Dictionary<string, string> { ["CTI_CONTAINERS"] = "1", ["CTI_PROGRAM"] = System.IO.Path.GetFullPath("artifacts/cti/cti") });
    if (code != 0) throw new CakeException("failed");
});

RunTarget(target);
