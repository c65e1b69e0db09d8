using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Cti.Testing;

/// <summary>
/// A PostgreSQL of a test's own, from the system's package: a new cluster in a temporary folder, on a free port of the loopback, as durable as a real one.
/// It ends with the test, also with one that is killed.
/// </summary>
public sealed class PostgreSqlServer : IAsyncDisposable
{
    /// <summary>The one user's name; he may do everything.</summary>
    public const string User = "cti";

    /// <summary>His password.</summary>
    public const string Password = "test;only";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly string _folder;
    private readonly string? _account = Environment.UserName == "root" ? AccountOf(["postgres", "nobody"]) : null;
    private Process? _process;

    private readonly string? _address;

    private PostgreSqlServer(string? parent, string? address)
    {
        _address = address;
        _folder = parent is null
            ? Directory.CreateTempSubdirectory("cti-postgresql-").FullName
            : Directory.CreateDirectory(Path.Combine(parent, "postgresql-" + Path.GetRandomFileName())).FullName;
        Port = Ports.Free();
    }

    public int Port { get; }

    private string Data => Path.Combine(_folder, "data");

    private static string Programs { get; } = (Directory.Exists("/usr/lib/postgresql")
        ? Directory.GetDirectories("/usr/lib/postgresql").Select(static version => Path.Combine(version, "bin"))
            .Where(static bin => File.Exists(Path.Combine(bin, "initdb"))).Order(StringComparer.Ordinal).LastOrDefault()
        : null) ?? "/usr/lib/postgresql/VERSION/bin";

    /// <summary>Makes a cluster and starts it.</summary>
    /// <param name="parent">Where its folder shall be, all of whose parents other accounts may enter; null for the system's temporary files.</param>
    /// <param name="address">Where it listens besides 127.0.0.1.</param>
    /// <param name="subnet">Who may connect there, e.g. 10.0.0.0/24.</param>
    public static async Task<PostgreSqlServer> StartAsync(string? parent = null, string? address = null, string? subnet = null)
    {
        if (!Directory.Exists(Programs)) throw new InvalidOperationException("PostgreSQL is missing; on Debian: apt-get install postgresql");
        var server = new PostgreSqlServer(parent, address);
        try
        {
            var password = Path.Combine(server._folder, "password");
            await File.WriteAllTextAsync(password, Password);
            if (server._account is { } account) await MustAsync("chown", ["-R", account, server._folder]);
            await server.ProgramAsync("initdb",
                ["-D", server.Data, "-U", User, "-A", "scram-sha-256", "--pwfile", password, "-E", "UTF8", "--locale=C", "--no-sync"]);
            if (subnet is not null) await File.AppendAllTextAsync(Path.Combine(server.Data, "pg_hba.conf"), $"host all all {subnet} scram-sha-256\n");
            await server.LaunchAsync();
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>What a node is configured with.</summary>
    /// <param name="schema">The tables' own place in the one database, made by <see cref="CreateSchemaAsync"/>; null for the database's default.</param>
    /// <param name="port">A proxy's port instead of the server's.</param>
    /// <param name="address">That address instead of 127.0.0.1.</param>
    public string ConnectionString(string? schema = null, int? port = null, string? address = null) =>
        FormattableString.Invariant($"Host={address ?? "127.0.0.1"};Port={port ?? Port};Username={User};Password=\"{Password}\";Database=postgres")
            + (schema is null ? "" : ";Search Path=" + schema);

    public Task CreateSchemaAsync(string schema) => QueryAsync($"CREATE SCHEMA {schema}");

    /// <summary>The rows of a query, one line each, columns apart by |.</summary>
    public async Task<string[]> QueryAsync(string sql, string? schema = null)
    {
        var environment = new Dictionary<string, string> { ["PGPASSWORD"] = Password, ["PGOPTIONS"] = schema is null ? "" : "-c search_path=" + schema };
        var text = await MustAsync(Path.Combine(Programs, "psql"),
            ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", Text(Port), "-U", User, "-d", "postgres", "-c", sql], environment);
        return text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    /// <summary>Starts it, again after a kill, and waits until it takes connections.</summary>
    public async Task LaunchAsync()
    {
        // The shell waits for the end of its input, which comes with the end of this process: so no server outlives a test that was killed.
        const string Script = "\"$@\" >&2 & p=$!; read _; kill -INT $p; wait $p";
        string[] command =
        [
            "/bin/sh", "-c", Script, "sh", Path.Combine(Programs, "postgres"), "-D", Data, "-c",
            "listen_addresses=127.0.0.1" + (_address is null ? "" : "," + _address), "-c", "port=" + Text(Port),
            "-c", "unix_socket_directories=" + _folder, "-c", "shared_buffers=32MB", "-c", "max_connections=100", "-c", "log_min_messages=fatal",
        ];
        _process?.Dispose();
        _process = StartProcess(AsAccount(command), new Dictionary<string, string>());
        _process.ErrorDataReceived += static (_, _) => { };
        _process.BeginErrorReadLine();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        var started = Stopwatch.GetTimestamp();
        while ((await RunAsync(Path.Combine(Programs, "pg_isready"), ["-q", "-h", "127.0.0.1", "-p", Text(Port)])).Code != 0)
        {
            if (Stopwatch.GetElapsedTime(started) > Patience) throw new TimeoutException("PostgreSQL does not start");
            await timer.WaitForNextTickAsync();
        }
    }

    /// <summary>SIGKILL for all of its processes: what a power failure leaves, but for the disk's own cache.</summary>
    public async Task KillAsync()
    {
        Signal("KILL");
        await EndAsync();
    }

    /// <summary>Every process stands still, as if the host did; connections are still accepted by the kernel.</summary>
    public void Freeze() => Signal("STOP");

    public void Thaw() => Signal("CONT");

    public async ValueTask DisposeAsync()
    {
        if (_process is not null) await EndAsync();
        _process?.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task EndAsync()
    {
        _process!.StandardInput.Close();
        await _process.WaitForExitAsync().WaitAsync(Patience);
    }

    private void Signal(string name)
    {
        var postmaster = int.Parse(File.ReadLines(Path.Combine(Data, "postmaster.pid")).First(), CultureInfo.InvariantCulture);
        // The parent is stopped first, so that it starts no other meanwhile; one that is killed has no children any more, and those that stand still would
        // stay.
        Send("STOP", postmaster);
        var children = File.ReadAllText(FormattableString.Invariant($"/proc/{postmaster}/task/{postmaster}/children"))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries);
        foreach (var child in children) Send(name, int.Parse(child, CultureInfo.InvariantCulture));
        if (name != "STOP") Send(name, postmaster);
    }

    private static void Send(string signal, int process)
    {
        using var kill = Process.Start("kill", ["-" + signal, Text(process)]);
        kill.WaitForExit();
    }

    private Task<string> ProgramAsync(string name, string[] arguments) => MustAsync(AsAccount([Path.Combine(Programs, name), .. arguments]), null);

    /// <summary>PostgreSQL does not run as root.</summary>
    private string[] AsAccount(string[] command) =>
        _account is null ? command : ["setpriv", "--reuid=" + _account, "--regid=" + _account, "--clear-groups", "--", .. command];

    private static string AccountOf(string[] names) =>
        names.First(static name => File.ReadLines("/etc/passwd").Any(line => line.StartsWith(name + ":", StringComparison.Ordinal)));

    private static Task<string> MustAsync(string program, string[] arguments, Dictionary<string, string>? environment = null) =>
        MustAsync([program, .. arguments], environment);

    private static async Task<string> MustAsync(string[] command, Dictionary<string, string>? environment)
    {
        var (code, text) = await RunAsync(command[0], command[1..], environment);
        return code == 0 ? text : throw new InvalidOperationException($"{command[0]}: {text}");
    }

    private static async Task<(int Code, string Text)> RunAsync(string program, string[] arguments, Dictionary<string, string>? environment = null)
    {
        using var process = StartProcess([program, .. arguments], environment ?? []);
        process.StandardInput.Close();
        var reading = Task.WhenAll(process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        try
        {
            await process.WaitForExitAsync().WaitAsync(Patience);
        }
        finally
        {
            if (!process.HasExited) process.Kill();
        }
        return (process.ExitCode, string.Concat(await reading));
    }

    private static Process StartProcess(string[] command, Dictionary<string, string> environment)
    {
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = "/",
        };
        foreach (var (name, value) in environment) start.Environment[name] = value;
        return Process.Start(start)!;
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
