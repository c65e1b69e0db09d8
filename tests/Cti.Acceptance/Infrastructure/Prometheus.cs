using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Cti.Testing;

namespace Cti.Acceptance.Infrastructure;

/// <summary>Asks a Prometheus.</summary>
internal sealed class PrometheusClient(Uri url) : IDisposable
{
    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(10) };

    public void Dispose() => _http.Dispose();

    public async Task<bool> IsReadyAsync()
    {
        using var answer = await _http.GetAsync(new Uri(url, "/-/ready"));
        return answer.IsSuccessStatusCode;
    }

    /// <summary>What a query answers now: series with one value each.</summary>
    /// <exception cref="ShouldAssertException">Prometheus does not understand it.</exception>
    public async Task<IReadOnlyList<(JsonObject Labels, double Value)>> QueryAsync(string query)
    {
        using var answer = await _http.GetAsync(new Uri(url, "/api/v1/query?query=" + Uri.EscapeDataString(query)));
        var text = await answer.Content.ReadAsStringAsync();
        answer.IsSuccessStatusCode.ShouldBeTrue(query + "\n" + text);
        return [.. JsonNode.Parse(text)!["data"]!["result"]!.AsArray()
            .Select(static series => (series!["metric"]!.AsObject(), double.Parse((string)series["value"]![1]!, CultureInfo.InvariantCulture)))];
    }

    /// <summary>Each panel's query is understood, and has an answer as soon as there are enough samples.</summary>
    public async Task AnswersAsync(IEnumerable<(string Panel, string Query)> queries)
    {
        foreach (var (panel, query) in queries)
        {
            if (Dashboard.AlwaysAnswers(query)) await Patience.UntilAsync(async () => (await QueryAsync(query)).Count > 0, $"{panel}: {query} has an answer");
            else await QueryAsync(query);
        }
    }
}

/// <summary>A Prometheus of a test's own, from the system's package: on a free port of the loopback, ended by its id.</summary>
internal sealed class PrometheusProcess : IAsyncDisposable
{
    public const string Program = "/usr/bin/prometheus";

    private readonly string _folder;
    private readonly Process _process;
    private readonly List<string> _said = [];

    private PrometheusProcess(string folder, Process process, PrometheusClient client)
    {
        _folder = folder;
        _process = process;
        Client = client;
    }

    public PrometheusClient Client { get; }

    public static async Task<PrometheusProcess> StartAsync(string configuration)
    {
        var folder = Directory.CreateTempSubdirectory("cti-prometheus-").FullName;
        var file = Path.Combine(folder, "prometheus.yml");
        await File.WriteAllTextAsync(file, configuration);
        var address = string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{Ports.Free()}");
        var start =
            new ProcessStartInfo(Program, ["--config.file=" + file, "--storage.tsdb.path=" + Path.Combine(folder, "data"), "--web.listen-address=" + address])
            {
                WorkingDirectory = folder,
                RedirectStandardError = true,
                RedirectStandardOutput = true,
            };
        var process = Process.Start(start)!;
        var started = new PrometheusProcess(folder, process, new PrometheusClient(new Uri("http://" + address)));
        process.ErrorDataReceived += (_, line) => started.Note(line.Data);
        process.OutputDataReceived += (_, line) => started.Note(line.Data);
        process.BeginErrorReadLine();
        process.BeginOutputReadLine();
        try
        {
            await Patience.UntilAsync(async () =>
            {
                try
                {
                    return await started.Client.IsReadyAsync();
                }
                catch (HttpRequestException)
                {
                    if (process.HasExited) throw new InvalidOperationException(started.Said);
                    return false;
                }
            }, "Prometheus is ready");
            return started;
        }
        catch
        {
            await started.DisposeAsync();
            throw;
        }
    }

    private string Said
    {
        get
        {
            lock (_said) return string.Join('\n', _said);
        }
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        if (!_process.HasExited) _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private void Note(string? line)
    {
        if (line is null) return;
        lock (_said) _said.Add(line);
    }
}
