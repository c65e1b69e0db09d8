using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Cti.Repository.Tests;

/// <summary>The architecture's table of projects, and what may stand at the top.</summary>
public sealed partial class LayoutTests
{
    /// <summary>What each project may refer to. A reference that is not here is a decision, to be written into src/ARCHITECTURE.md first.</summary>
    private static readonly Dictionary<string, string[]> References = new()
    {
        ["Cti.Kernel"] = [],
        ["Cti.Contract"] = ["Cti.Kernel"],
        ["Cti.Sip"] = ["Cti.Kernel"],
        ["Cti.Media"] = ["Cti.Kernel"],
        ["Cti.Calls"] = ["Cti.Kernel", "Cti.Contract", "Cti.Sip"],
        ["Cti.Persistence"] = ["Cti.Kernel"],
        ["Cti.Transport"] = ["Cti.Kernel", "Cti.Sip", "Cti.Media"],
        ["Cti.Cluster"] = ["Cti.Kernel", "Cti.Persistence"],
        ["Cti.Actors"] = ["Cti.Kernel", "Cti.Contract", "Cti.Sip", "Cti.Media", "Cti.Calls", "Cti.Persistence", "Cti.Cluster"],
        ["Cti.Gateway"] = ["Cti.Kernel", "Cti.Contract"],
        ["Cti.Node"] =
        [
            "Cti.Kernel", "Cti.Contract", "Cti.Sip", "Cti.Media", "Cti.Calls", "Cti.Persistence", "Cti.Transport", "Cti.Cluster", "Cti.Actors", "Cti.Gateway",
        ],
    };

    /// <summary>Packages of the product; tests take what Directory.Packages.props has.</summary>
    private static readonly Dictionary<string, string[]> Packages = new()
    {
        ["Cti.Actors"] = ["Akka"],
        ["Cti.Cluster"] = ["Akka", "Akka.Cluster", "Akka.Cluster.Sharding", "Akka.Coordination", "Akka.Remote"],
        ["Cti.Media"] = ["NAudio.Core"],
        ["Cti.Persistence"] = ["Akka.Persistence", "Npgsql", "Microsoft.Data.Sqlite.Core", "SQLitePCLRaw.bundle_e_sqlite3"],
        ["Cti.Transport"] = ["DnsClient"],
        ["Cti.Node"] = ["System.CommandLine", "Spectre.Console"],
    };

    private static readonly string[] Ambient = ["Cti.Transport", "Cti.Persistence", "Cti.Gateway", "Cti.Node"];

    public static TheoryData<string> Projects => [.. References.Keys];

    [Theory]
    [MemberData(nameof(Projects))]
    public void A_project_refers_only_to_what_the_architecture_allows(string project)
    {
        var xml = XDocument.Parse(Repository.Read($"src/{project}/{project}.csproj"));
        var references = xml.Descendants("ProjectReference")
            .Select(r => Path.GetFileNameWithoutExtension(((string)r.Attribute("Include")!).Replace('\\', '/')));
        var packages = xml.Descendants("PackageReference").Select(r => (string)r.Attribute("Include")!);

        references.Except(References[project]).ShouldBeEmpty();
        packages.Except(Packages.GetValueOrDefault(project, [])).ShouldBeEmpty();
        (xml.Descendants("AllowAmbient").Any(a => a.Value == "true") && !Ambient.Contains(project))
            .ShouldBeFalse("only transport, storage, gateway and node may read clocks, sleep and start threads");
    }

    [Fact]
    public void Every_project_is_in_the_table_in_the_solution_and_has_tests()
    {
        var solution = Repository.Read("Cti.Actors.sln");
        var projects = Repository.Files.Where(f => f.EndsWith(".csproj", StringComparison.Ordinal)).ToList();

        projects.Where(f => f.StartsWith("src/", StringComparison.Ordinal)).Select(Path.GetFileNameWithoutExtension).Order().ShouldBe(References.Keys.Order());
        foreach (var project in projects) solution.Replace('\\', '/').ShouldContain(project);
        var names = projects.Select(Path.GetFileNameWithoutExtension).ToHashSet();
        foreach (var project in References.Keys) names.ShouldContain(project + ".Tests");
    }

    [Fact]
    public void Versions_stand_in_one_place()
    {
        foreach (var project in Repository.Files.Where(f => f.EndsWith(".csproj", StringComparison.Ordinal)))
            XDocument.Parse(Repository.Read(project)).Descendants("PackageReference").Select(p => p.Attribute("Version")?.Value).OfType<string>()
                .ShouldBeEmpty(project);
    }

    [Fact]
    public void The_top_holds_what_it_is_meant_to_hold()
    {
        string[] allowed =
        [
            "src", "tests", "config", "cluster-compose", "Cti.Actors.sln", "build.cake", "README.md", "HOCON.md", "global.json", "LICENSE", "build.sh",
        ];
        var top = Repository.Files.Select(f => f.Split('/')[0]).Distinct().Where(f => !f.StartsWith('.') && !DirectoryFile().IsMatch(f));

        top.Except(allowed).ShouldBeEmpty();
    }

    [GeneratedRegex(@"^Directory\.[A-Za-z]+\.(props|targets)$")]
    private static partial Regex DirectoryFile();

    [Fact]
    public void The_build_tools_are_pinned()
    {
        using var tools = JsonDocument.Parse(Repository.Read(".config/dotnet-tools.json"));

        tools.RootElement.GetProperty("tools").GetProperty("cake.tool").GetProperty("version").GetString().ShouldBe("7.0.0");
        Repository.Read("LICENSE").ShouldContain("Apache License");
    }

    [Fact]
    public void One_place_knows_how_the_two_generations_differ()
    {
        // The gateway has an endpoint and a document for each; a state says by which it is left or entered; all else that differs stands in one file.
        var others = Repository.Files.Where(static file => file.EndsWith(".cs", StringComparison.Ordinal) && file.StartsWith("src/", StringComparison.Ordinal)
            && !file.StartsWith("src/Cti.Gateway/", StringComparison.Ordinal) && !file.StartsWith("src/Cti.Calls/Call/States/", StringComparison.Ordinal)
            && file != "src/Cti.Contract/Generations.cs");
        others.Where(static file => Repository.Read(file).Contains("ApiGeneration." + "V1", StringComparison.Ordinal)).ShouldBeEmpty();
    }
}
