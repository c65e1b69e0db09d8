using System.Diagnostics;
using System.Globalization;
using Cti.Testing;

namespace Cti.Acceptance.Infrastructure;

/// <summary>
/// The cluster of cluster-compose/, run by podman with images that are made here: where there is no registry, Debian's archive and the SDK of this machine do.
/// Everything carries the name of this run and is removed by it; the archive of the base is kept in artifacts/containers/, as it takes the longest to make.
/// </summary>
internal sealed class Containers : IAsyncDisposable
{
    private static readonly TimeSpan Build = TimeSpan.FromMinutes(25);

    // An engine's own default is more than an ordinary machine lets it have.
    private static readonly string[] Limits = ["--ulimit", "nofile=20000:20000", "--ulimit", "nproc=20000:20000"];

    private readonly string _name = "ctitest" + Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
    private readonly string _folder = Directory.CreateTempSubdirectory("cti-containers-").FullName;
    private readonly List<string> _images = [];
    private readonly Dictionary<string, string> _settings = [];

    private Containers() => Compose = Path.Combine(_folder, "cluster-compose");

    /// <summary>Why no container can be run here, or null.</summary>
    public static string? Missing { get; } = WhatIsMissing();

    public string Compose { get; }

    public string Key => Setting("APPLICATION_KEY");

    private static string Root { get; } = FindRoot();

    /// <summary>Makes every image, one at a time, and a copy of cluster-compose/ with secrets and ports of its own.</summary>
    public static async Task<Containers> PrepareAsync()
    {
        var containers = new Containers();
        try
        {
            await containers.BuildImagesAsync();
            await containers.ConfigureAsync();
            return containers;
        }
        catch
        {
            await containers.DisposeAsync();
            throw;
        }
    }

    public int GatewayPort(string node) => int.Parse(Setting("GATEWAY_PORT_" + char.ToUpperInvariant(node[^1])), CultureInfo.InvariantCulture);

    public Uri Prometheus => new($"http://127.0.0.1:{Setting("PROMETHEUS_PORT")}");

    /// <summary>Starts services, one after another, without building anything.</summary>
    public Task UpAsync(params string[] services) => ComposeAsync(["up", "-d", "--no-build", .. services]);

    public string NameOf(string service) => $"{_name}_{service}_1";

    public Task KillAsync(string service) => PodmanAsync("kill", "--signal", "KILL", NameOf(service));

    public Task StartAsync(string service) => PodmanAsync("start", NameOf(service));

    /// <summary>Waits for a container to end, and answers its exit code.</summary>
    public async Task<int> ExitAsync(string service, TimeSpan within) =>
        int.Parse((await RunAsync("podman", ["wait", NameOf(service)], within)).Trim().Split('\n')[^1], CultureInfo.InvariantCulture);

    public async Task<string> LogAsync(string service) => (await Tools.RunAsync("podman", "podman", ["logs", "--tail", "60", NameOf(service)])).Text;

    public Task<string> InsideAsync(string service, params string[] command) => PodmanAsync(["exec", NameOf(service), .. command]);

    public async ValueTask DisposeAsync()
    {
        if (Directory.Exists(Compose))
            await Tools.RunAsync("podman-compose", "podman-compose", ["-p", _name, "-f", "compose.yaml", "down", "-v"], Compose, TimeSpan.FromMinutes(3));
        // What an engine may have left of a run that failed halfway: by this run's name, and nothing else.
        foreach (var container in await NamesAsync("ps", "-a", "--format", "{{.Names}}"))
            await Tools.RunAsync("podman", "podman", ["rm", "-f", "-t", "0", container]);
        foreach (var volume in await NamesAsync("volume", "ls", "-q")) await Tools.RunAsync("podman", "podman", ["volume", "rm", "-f", volume]);
        foreach (var network in await NamesAsync("network", "ls", "-q")) await Tools.RunAsync("podman", "podman", ["network", "rm", "-f", network]);
        foreach (var image in Enumerable.Reverse(_images)) await Tools.RunAsync("podman", "podman", ["rmi", "-f", image], within: TimeSpan.FromMinutes(2));
        Directory.Delete(_folder, recursive: true);
    }

    private static string? WhatIsMissing()
    {
        if (Environment.GetEnvironmentVariable("CTI_CONTAINERS") is not "1") return "containers are slow to build: ./build.sh containertest runs this";
        if (Environment.UserName != "root") return "debootstrap and podman's network need root here";
        foreach (var (program, package) in (ReadOnlySpan<(string, string)>)[("podman", "podman"), ("runc", "runc"), ("podman-compose", "podman-compose"),
            ("debootstrap", "debootstrap"), ("netavark", "netavark"), ("aardvark-dns", "aardvark-dns")])
        {
            if (Find(program) is null) return $"{program} is missing; on Debian: apt-get install {package}";
        }
        using var info = Process.Start(new ProcessStartInfo("podman", ["info"]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var said = info.StandardError.ReadToEndAsync();
        info.StandardOutput.ReadToEnd();
        info.WaitForExit();
        return info.ExitCode == 0 ? null : "podman does not run here: " + said.GetAwaiter().GetResult().Trim();
    }

    private static string? Find(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Append("/usr/sbin").Append("/usr/lib/podman")
            .Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);

    private static string FindRoot()
    {
        var at = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(at.FullName, "Cti.Actors.sln"))) at = at.Parent!;
        return at.FullName;
    }

    private async Task BuildImagesAsync()
    {
        var debian = await DebianAsync();
        var dotnet = Path.GetDirectoryName(new FileInfo("/usr/bin/dotnet").ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? "/usr/share/dotnet/dotnet")!;
        var context = Directory.CreateDirectory(Path.Combine(_folder, "dotnet")).FullName;
        await File.WriteAllTextAsync(Path.Combine(context, "Dockerfile"), $"""
            FROM {debian}
            RUN apt-get update && apt-get install -y --no-install-recommends libstdc++6 zlib1g libssl3 && rm -rf /var/lib/apt/lists/*
            COPY --from=machine / /usr/share/dotnet/
            RUN ln -s /usr/share/dotnet/dotnet /usr/bin/dotnet
            ENV DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1

            """);
        var sdk = await BuildAsync("dotnet", context, "--build-context", "machine=" + dotnet);

        foreach (var part in (string[])["postgres", "prometheus"])
        {
            var files = Directory.CreateDirectory(Path.Combine(_folder, part)).FullName;
            foreach (var file in Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "containers", part)))
                File.Copy(file, Path.Combine(files, Path.GetFileName(file)));
            _settings[part.ToUpperInvariant() + "_IMAGE"] = await BuildAsync(part, files, "--build-arg", "DEBIAN_IMAGE=" + debian);
        }

        var ours = Path.Combine(Root, "cluster-compose");
        foreach (var part in (string[])["kamailio", "load"])
            _settings[part.ToUpperInvariant() + "_IMAGE"] = await BuildAsync(part, Path.Combine(ours, part), "--build-arg", "DEBIAN_IMAGE=" + debian);

        // The packages that this repository restored already are the only source there is.
        var packages = Environment.GetEnvironmentVariable("NUGET_PACKAGES")
            ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        _settings["CTI_IMAGE"] = await BuildAsync("node", Root, "-f", Path.Combine(ours, "Dockerfile"), "-v", packages + ":/packages:ro",
            "--build-arg", "SDK_IMAGE=" + sdk, "--build-arg", "RUNTIME_IMAGE=" + sdk, "--build-arg", "PACKAGE_SOURCE=/packages",
            "--build-arg", "READY_TO_RUN=" + (Directory.GetDirectories(packages, "microsoft.netcore.app.crossgen2.*").Length > 0 ? "true" : "false"));
    }

    /// <summary>A minimal Debian of this machine's own release, from the archive that it uses itself.</summary>
    private async Task<string> DebianAsync()
    {
        var archive = Path.Combine(Directory.CreateDirectory(Path.Combine(Root, "artifacts", "containers")).FullName, "debian.tar");
        if (!File.Exists(archive))
        {
            var root = Path.Combine(_folder, "debian");
            await RunAsync("debootstrap", ["--variant=minbase", "--include=ca-certificates,procps", "bookworm", root], Build);
            await RunAsync("tar", ["-C", root, "-cf", archive + ".new", "."], Build);
            File.Move(archive + ".new", archive);
            Directory.Delete(root, recursive: true);
        }
        var image = Named("debian");
        await RunAsync("podman", ["import", "--quiet", archive, image], Build);
        return image;
    }

    private string Named(string part)
    {
        var image = $"localhost/{_name}-{part}:test";
        _images.Add(image);
        return image;
    }

    private async Task<string> BuildAsync(string part, string context, params string[] options)
    {
        var image = Named(part);
        // Without layers nothing stays behind: neither the stage that compiles, nor what each line made.
        await RunAsync("podman", ["build", "--quiet", "--layers=false", .. Limits, "-t", image, .. options, context], Build);
        return image;
    }

    private async Task ConfigureAsync()
    {
        await RunAsync("cp", ["-r", Path.Combine(Root, "cluster-compose"), Compose], TimeSpan.FromMinutes(1));
        var file = Path.Combine(Compose, ".env");
        File.Delete(file);
        await RunAsync("sh", [Path.Combine(Compose, "make-secrets.sh")], TimeSpan.FromMinutes(1));
        ((int)File.GetUnixFileMode(file)).ShouldBe((int)(UnixFileMode.UserRead | UnixFileMode.UserWrite), "secrets are their owner's alone");
        foreach (var port in (string[])["SIP_PORT", "GATEWAY_PORT_A", "GATEWAY_PORT_B", "GATEWAY_PORT_C", "PROMETHEUS_PORT"])
            _settings[port] = Ports.Free().ToString(CultureInfo.InvariantCulture);
        _settings["LOAD_RATE"] = "3";
        _settings["LOAD_CALLS"] = "9";
        _settings["LOAD_TOTAL"] = "9";
        // Long enough for a node to die meanwhile, on a busy machine too, and for more than the 60 s after which a call that hears nothing is released: callers
        // are heard.
        _settings["LOAD_HOLD"] = "90";
        await File.AppendAllLinesAsync(file, _settings.Select(static setting => $"{setting.Key}={setting.Value}"));
    }

    private string Setting(string name) =>
        File.ReadLines(Path.Combine(Compose, ".env")).Last(line => line.StartsWith(name + "=", StringComparison.Ordinal))[(name.Length + 1)..];

    private async Task<string[]> NamesAsync(params string[] command)
    {
        var (code, text) = await Tools.RunAsync("podman", "podman", command);
        return code == 0 ? [.. text.Split('\n').Where(name => name.StartsWith(_name + "_", StringComparison.Ordinal))] : [];
    }

    private Task<string> PodmanAsync(params string[] arguments) => RunAsync("podman", arguments, TimeSpan.FromMinutes(1));

    private Task<string> ComposeAsync(string[] arguments) =>
        RunAsync("podman-compose", ["-p", _name, "-f", "compose.yaml", .. arguments], TimeSpan.FromMinutes(5), Compose);

    private static async Task<string> RunAsync(string program, string[] arguments, TimeSpan within, string? folder = null)
    {
        var (code, text) = await Tools.RunAsync(Find(program) ?? program, program, arguments, folder, within);
        code.ShouldBe(0, $"{program} {string.Join(' ', arguments)}\n{text}");
        return text;
    }
}

/// <summary>A test that needs a container engine.</summary>
internal sealed class ContainerFactAttribute : FactAttribute
{
    public ContainerFactAttribute() => Skip = Containers.Missing;
}
