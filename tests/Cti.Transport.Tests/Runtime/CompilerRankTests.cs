using System.Globalization;
using System.Runtime.CompilerServices;
using Cti.Transport.Native;
using Cti.Transport.Runtime;

namespace Cti.Transport.Tests.Runtime;

public sealed class CompilerRankTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Fact]
    public void A_thread_that_compiles_goes_behind_the_others_and_no_other_does()
    {
        if (!OperatingSystem.IsLinux()) return;
        using var compiler = new NamedThread(".NET Tiered Compilation Worker");
        using var worker = new NamedThread(".NET TP Worker");
        using var rank = new CompilerRank();
        rank.Look();
        compiler.Niceness.ShouldBe(worker.Niceness + CompilerRank.Nicer);
    }

    [Fact]
    public async Task A_thread_that_begins_to_compile_later_is_found()
    {
        if (!OperatingSystem.IsLinux()) return;
        using var worker = new NamedThread(".NET TP Worker");
        using var rank = new CompilerRank();
        rank.Look();
        using var compiler = new NamedThread(".NET Tiered Compilation Worker");
        for (var started = DateTime.UtcNow; compiler.Niceness == worker.Niceness && DateTime.UtcNow - started < Patience;) await Task.Delay(20);
        compiler.Niceness.ShouldBe(worker.Niceness + CompilerRank.Nicer);
    }

    /// <summary>The name is the runtime's, and nothing but this test tells when it changes.</summary>
    [Fact]
    public async Task The_runtimes_own_compiler_is_known_by_its_name()
    {
        if (!OperatingSystem.IsLinux()) return;
        var sum = 0;
        var isThere = false;
        for (var started = DateTime.UtcNow; !isThere && DateTime.UtcNow - started < Patience;)
        {
            for (var i = 0; i < 100; i++) sum += Hot(i);
            await Task.Delay(20);
            isThere = Directory.GetDirectories("/proc/self/task").Any(static thread => NameOf(thread) == CompilerRank.ThreadName);
        }
        sum.ShouldBeGreaterThan(0);
        isThere.ShouldBeTrue();
    }

    /// <summary>Called often, it is compiled again.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int Hot(int of) => of + 1;

    private static string? NameOf(string thread)
    {
        try
        {
            return File.ReadAllText(thread + "/comm").TrimEnd('\n');
        }
        catch (IOException)
        {
            return null;
        }
    }

    private sealed class NamedThread : IDisposable
    {
        private const int NicenessField = 19;

        private readonly ManualResetEventSlim _end = new();
        private readonly Thread _thread;
        private int _id;

        public NamedThread(string name)
        {
            using var started = new ManualResetEventSlim();
            _thread = new Thread(() =>
            {
                _id = Libc.GetThreadId();
                started.Set();
                _end.Wait();
            })
            { Name = name };
            _thread.Start();
            started.Wait();
        }

        /// <summary>As the system tells it: the name that stands in parentheses may have spaces.</summary>
        public int Niceness
        {
            get
            {
                var stat = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/self/task/{_id}/stat"));
                return int.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[NicenessField - 3], CultureInfo.InvariantCulture);
            }
        }

        public void Dispose()
        {
            _end.Set();
            _thread.Join();
            _end.Dispose();
        }
    }
}
