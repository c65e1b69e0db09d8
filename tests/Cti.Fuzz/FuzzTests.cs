using System.Globalization;
using System.Security.Cryptography;
using Xunit.Abstractions;

namespace Cti.Fuzz;

/// <summary>
/// Every parser, for a bounded time. CTI_FUZZ_SECONDS (10) is for each target, CTI_FUZZ_TARGET picks one, CTI_FUZZ_SEED (1) other inputs.
/// A failing input is added to the corpus, so that it runs first from then on.
/// </summary>
public sealed class FuzzTests(ITestOutputHelper output)
{
    private const long IterationsMax = 20_000_000;

    private static readonly string? Corpus = FindCorpus();

    public static TheoryData<string> Targets
    {
        get
        {
            var only = Environment.GetEnvironmentVariable("CTI_FUZZ_TARGET");
            return [.. Discover().Select(t => t.Name).Where(n => string.IsNullOrEmpty(only) || n == only).Order(StringComparer.Ordinal)];
        }
    }

    [Theory]
    [MemberData(nameof(Targets))]
    public void Any_input_is_parsed_or_refused(string name)
    {
        var target = Discover().Single(t => t.Name == name);
        var seed = Number("CTI_FUZZ_SEED", 1);
        var seeds = target.Seeds.Concat(KeptInputs(name)).ToList();
        var runner = new FuzzRunner(target, seed);

        var finding = runner.RunCorpus(seeds) ?? runner.Run(seeds, TimeSpan.FromSeconds(Number("CTI_FUZZ_SECONDS", 10)), IterationsMax);

        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name}: {seeds.Count} seeds, {runner.Iterations} mutations"));
        if (finding is not null) Assert.Fail(finding + Keep(finding));
        runner.Iterations.ShouldBePositive();
    }

    [Fact]
    public void Every_parser_of_what_others_send_is_a_target() =>
        Discover().Select(target => target.Name).Order(StringComparer.Ordinal)
            .ShouldBe(["dns", "g722", "hocon", "jsonrpc", "opus", "rtp", "sdp", "sdp-crypto", "sip", "sip-challenge", "sip-dialog", "sip-refer",
                "sip-stream", "sip-uri", "sound"]);

    [Fact]
    public void The_same_seed_makes_the_same_inputs()
    {
        byte[][] corpus = ["INVITE sip:a@b SIP/2.0\r\n"u8.ToArray(), [1, 2, 3]];
        var (one, same, other) = (new Mutator(corpus, 7), new Mutator(corpus, 7), new Mutator(corpus, 8));

        var inputs = Enumerable.Range(0, 1000).Select(_ => one.Next()).ToList();

        inputs.ShouldAllBe(input => same.Next().SequenceEqual(input));
        inputs.Count(input => other.Next().SequenceEqual(input)).ShouldBeLessThan(500);
    }

    [Fact]
    public void A_failure_is_found_and_made_small()
    {
        var finding = new FuzzRunner(new Fragile(), 1).Run([.. new Fragile().Seeds], TimeSpan.FromSeconds(30), 1_000_000);

        finding.ShouldNotBeNull().Input.ShouldBe("{{"u8.ToArray());
    }

    /// <summary>Nested, so that it is no target of the fuzz runs.</summary>
    private sealed class Fragile : IFuzzTarget
    {
        public string Name => "fragile";

        public IEnumerable<byte[]> Seeds => ["a long text with { one brace } in it"u8.ToArray()];

        public void Run(ReadOnlySpan<byte> input)
        {
            if (input.IndexOf("{{"u8) >= 0) throw new InvalidOperationException("two braces");
        }
    }

    private static IEnumerable<IFuzzTarget> Discover() =>
        typeof(FuzzTests).Assembly.GetTypes()
            .Where(t => t is { IsClass: true, IsAbstract: false, IsNested: false } && t.IsAssignableTo(typeof(IFuzzTarget)))
            .Select(t => (IFuzzTarget)Activator.CreateInstance(t)!);

    private static IEnumerable<byte[]> KeptInputs(string name)
    {
        var folder = Corpus is null ? null : Path.Combine(Corpus, name);
        return Directory.Exists(folder) ? Directory.GetFiles(folder).Order(StringComparer.Ordinal).Select(File.ReadAllBytes) : [];
    }

    private static string Keep(Finding finding)
    {
        if (Corpus is null) return "";
        var folder = Directory.CreateDirectory(Path.Combine(Corpus, finding.Target)).FullName;
        var file = Path.Combine(folder, "found-" + Convert.ToHexStringLower(SHA256.HashData(finding.Input))[..16]);
        File.WriteAllBytes(file, finding.Input);
        return $"\nkept as {file}\nreplay: CTI_FUZZ_TARGET={finding.Target} CTI_FUZZ_SECONDS=1 dotnet test tests/Cti.Fuzz";
    }

    private static int Number(string variable, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), NumberStyles.None, CultureInfo.InvariantCulture, out var n) ? n : otherwise;

    private static string? FindCorpus()
    {
        for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            var corpus = Path.Combine(at.FullName, "tests", "Cti.Fuzz", "corpus");
            if (Directory.Exists(corpus)) return corpus;
        }
        return null;
    }
}
