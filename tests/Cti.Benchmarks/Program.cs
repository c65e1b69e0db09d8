using Cti.Benchmarks;

string[] names =
[
    "media", "srtp", "mixing", "codecs", "prompts", "journal", "persistence", "calls", "rpc", "memory", "idle", "overload", "admission", "spin", "cluster",
    "failover", "tls",
];
var name = args is [] ? "all" : args[0];
if (args.Length > 1 || name != "all" && !names.Contains(name))
{
    Console.Error.WriteLine($"benchmarks: {string.Join(", ", names)}, all");
    return 2;
}

Console.WriteLine($"{Environment.ProcessorCount} processors, load average {ProcessCost.LoadAverage()} before the start");
var report = new Report();
var status = 0;
int? highestRate = null;
foreach (var benchmark in name == "all" ? names : [name])
{
    try
    {
        if (benchmark == "media") status |= MediaBenchmark.Run(report);
        else if (benchmark == "srtp") status |= SrtpBenchmark.Run(report);
        else if (benchmark == "mixing") status |= MixingBenchmark.Run(report);
        else if (benchmark == "codecs") CodecsBenchmark.Run(report);
        else if (benchmark == "prompts") PromptBenchmark.Run(report);
        else if (benchmark == "journal") await JournalBenchmark.RunAsync(report);
        else if (benchmark == "persistence") await PersistenceBenchmark.RunAsync(report);
        else if (benchmark == "failover") await FailoverBenchmark.RunAsync(report);
        else if (benchmark == "tls") await TlsBenchmark.RunAsync(report);
        else if (!Sipp.IsThere()) status = 1;
        else if (benchmark == "cluster") await ClusterBenchmark.RunAsync(report);
        else if (benchmark == "calls") highestRate = await CallsBenchmark.RunAsync(report);
        else if (benchmark == "idle") await IdleBenchmark.RunAsync(report);
        else if (benchmark == "overload") status |= await OverloadBenchmark.RunAsync(report);
        else if (benchmark == "admission") status |= await AdmissionBenchmark.RunAsync(report);
        else if (benchmark == "spin") await SpinBenchmark.RunAsync(report);
        else if (benchmark == "rpc") await RpcBenchmark.RunAsync(report, highestRate);
        else await MemoryBenchmark.RunAsync(report);
    }
    catch (Exception failure) when (name == "all")
    {
        // One that cannot be measured does not hide the others.
        Console.Error.WriteLine($"{benchmark}: {failure}");
        status = 1;
    }
}
report.Print();
return status;
