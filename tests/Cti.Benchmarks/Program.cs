using Cti.Benchmarks;

switch (args)
{
    case ["media"]:
        return MediaBenchmark.Run();
    default:
        Console.Error.WriteLine("benchmarks: media");
        return 2;
}
