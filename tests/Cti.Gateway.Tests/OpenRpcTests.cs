using System.Diagnostics;
using Cti.Contract;

namespace Cti.Gateway.Tests;

/// <summary>
/// <c>rpc.discover</c> before the validator that OpenRPC's authors publish. It comes from the npm registry by the lock file beside it, into a folder of the
/// test's own; where npm is not installed the test says so and is left out.
/// </summary>
public sealed class OpenRpcTests
{
    private static readonly TimeSpan Installing = TimeSpan.FromMinutes(3), Validating = TimeSpan.FromMinutes(1);

    [FactWithNpm]
    public async Task Discover_passes_the_official_validator_in_both_generations()
    {
        var folder = await InstalledAsync();
        await using var gateway = await GatewayUnderTest.StartAsync();
        foreach (var generation in (ApiGeneration[])[ApiGeneration.V1, ApiGeneration.V2])
        {
            var document = (await gateway.CallAsync("rpc.discover", "null", generation)).GetProperty("result").GetRawText();
            (await RunAsync("node", ["validate.cjs"], folder, document, Validating)).ShouldBe((0, "valid"));
            // That it looks is seen by what it finds: the URL of a server is absolute.
            var (code, said) = await RunAsync("node", ["validate.cjs"], folder,
                document.Replace($"{gateway.Base}v{(int)generation}", $"/v{(int)generation}", StringComparison.Ordinal), Validating);
            code.ShouldBe(1);
            said.ShouldContain("uri");
        }
    }

    private static async Task<string> InstalledAsync()
    {
        var source = Path.Combine(AppContext.BaseDirectory, "OpenRpc");
        var folder = Directory.CreateDirectory(Path.Combine(AppContext.BaseDirectory, "openrpc-validation")).FullName;
        foreach (var file in Directory.GetFiles(source)) File.Copy(file, Path.Combine(folder, Path.GetFileName(file)), overwrite: true);
        var installed = Path.Combine(folder, "node_modules", ".package-lock.json");
        if (File.Exists(installed) && File.GetLastWriteTimeUtc(installed) > File.GetLastWriteTimeUtc(Path.Combine(source, "package-lock.json"))) return folder;
        var (code, said) = await RunAsync("npm", ["ci", "--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund"], folder, "", Installing);
        code.ShouldBe(0, $"the validator could not be installed from the npm registry: {said}");
        return folder;
    }

    private static async Task<(int Code, string Said)> RunAsync(string program, string[] arguments, string folder, string input, TimeSpan limit)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = folder, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        })!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        using var deadline = new CancellationTokenSource(limit);
        try
        {
            await process.WaitForExitAsync(deadline.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{program} {string.Join(' ', arguments)} takes longer than {limit}");
        }
        return (process.ExitCode, $"{await output}{await errors}".Trim());
    }

    private sealed class FactWithNpmAttribute : FactAttribute
    {
        public FactWithNpmAttribute()
        {
            var folders = (Environment.GetEnvironmentVariable("PATH") ?? "/usr/bin").Split(Path.PathSeparator);
            foreach (var program in (string[])["node", "npm"])
                if (!folders.Any(folder => File.Exists(Path.Combine(folder, program)))) Skip = $"{program} is missing; on Debian: apt-get install nodejs npm";
        }
    }
}
