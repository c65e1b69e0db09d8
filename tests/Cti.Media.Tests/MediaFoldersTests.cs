using Cti.Media.Files;

namespace Cti.Media.Tests;

/// <summary>Whose files are whose.</summary>
public sealed class MediaFoldersTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>A shared root with the record root in it; b's recordings and c's prompts lie elsewhere.</summary>
    private MediaFolders Folders() =>
        new(_folder.File("media"), _folder.File("builtin"), _folder.File("media/recordings"), new Dictionary<string, ApplicationFolders>
        {
            ["a"] = new(null, null),
            ["b"] = new(null, _folder.File("of-b")),
            ["c"] = new(_folder.File("media/prompts-of-c"), null),
        });

    private string Put(string name)
    {
        var path = _folder.File(name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, "sound");
        return path;
    }

    [Fact]
    public void A_name_is_looked_up_among_the_applications_own_files_then_among_the_shared_and_the_built_in_ones()
    {
        var folders = Folders();
        var builtin = Put("builtin/x.wav");
        folders.Resolve("c", "x.wav").ShouldBe(new Resolution(ResolutionKind.Found, builtin));
        var shared = Put("media/x.wav");
        folders.Resolve("c", "x.wav").FullPath.ShouldBe(shared);
        var recorded = Put("media/recordings/c/x.wav");
        folders.Resolve("c", "x.wav").FullPath.ShouldBe(recorded);
        var own = Put("media/prompts-of-c/x.wav");
        folders.Resolve("c", "x.wav").FullPath.ShouldBe(own);
        folders.Resolve("a", "x.wav").FullPath.ShouldBe(shared, "what is c's own no other application hears");
        var spoken = Put("media/prompts-of-c/zh-CN/y.wav");
        folders.Resolve("c", "y.wav", "zh-CN").FullPath.ShouldBe(spoken);
        folders.Resolve("a", "y.wav", "zh-CN").Kind.ShouldBe(ResolutionKind.Missing);
    }

    [Fact]
    public void What_is_recorded_is_played_back_by_its_path_and_by_its_name()
    {
        var folders = Folders();
        foreach (var application in (string[])["a", "b", "c", "demo/"])
        {
            var path = folders.ResolveForWriting(application, "calls/said.wav").FullPath!;
            Put(Path.GetRelativePath(_folder.Path, path));
            folders.Resolve(application, path).ShouldBe(new Resolution(ResolutionKind.Found, path), application);
            folders.Resolve(application, "calls/said.wav").FullPath.ShouldBe(path, application);
        }
    }

    [Theory]
    [InlineData("media/recordings/a/said.wav")]
    [InlineData("of-b/said.wav")]
    [InlineData("media/prompts-of-c/said.wav")]
    [InlineData("media/recordings/from-before.wav")]
    [InlineData("media/recordings/of-one-that-was-removed/said.wav")]
    public void Another_applications_file_is_missing_however_it_is_named(string file)
    {
        var folders = Folders();
        var path = Put(file);
        foreach (var application in (string[])["a", "b", "c", "demo/", ".."])
        {
            if (folders.Resolve(application, path) is { Kind: ResolutionKind.Found })
            {
                (file.Contains($"/{application}/") || file.Contains($"of-{application}/")).ShouldBeTrue($"{file} is none of {application}'s");
                continue;
            }
            folders.Resolve(application, path).Kind.ShouldBe(ResolutionKind.Missing);
            folders.Resolve(application, path + "x").Kind.ShouldBe(ResolutionKind.Missing, "whether it is there is none of its business");
            if (file.StartsWith("media/", StringComparison.Ordinal))
                folders.Resolve(application, file["media/".Length..]).Kind.ShouldBe(ResolutionKind.Missing);
        }
        Directory.CreateDirectory(_folder.File("media"));
        File.CreateSymbolicLink(_folder.File("media/link.wav"), path);
        var others = ((string[])["a", "b", "c"]).Where(application => folders.Resolve(application, path).Kind != ResolutionKind.Found);
        foreach (var application in others) folders.Resolve(application, "link.wav").Kind.ShouldNotBe(ResolutionKind.Found);
    }

    [Theory]
    [InlineData("..")]
    [InlineData(".")]
    [InlineData("")]
    [InlineData("a/../b")]
    [InlineData("/etc")]
    [InlineData("demo/")]
    [InlineData("über")]
    public void No_name_of_an_application_is_a_way_out_of_the_record_root(string application)
    {
        var folders = Folders();
        var root = _folder.File("media/recordings") + "/";
        var path = folders.ResolveForWriting(application, "x.wav").FullPath.ShouldNotBeNull();
        path.ShouldStartWith(root);
        path[root.Length..].Split('/').Length.ShouldBe(2);
        path.ShouldNotContain("..");
    }

    [Fact]
    public void Nothing_is_recorded_outside_the_applications_own_folder()
    {
        var folders = Folders();
        folders.ResolveForWriting("a", "../b/x.wav").Kind.ShouldBe(ResolutionKind.LeavesRoot);
        folders.ResolveForWriting("a", _folder.File("media/recordings/c/x.wav")).Kind.ShouldBe(ResolutionKind.LeavesRoot);
        folders.ResolveForWriting("b", "x.wav").FullPath.ShouldBe(_folder.File("of-b/x.wav"));
        folders.RecordRoots.Order().ShouldBe([_folder.File("media/recordings"), _folder.File("of-b")]);
    }

    [Fact]
    public void Where_there_is_one_application_what_was_recorded_before_folders_is_its_own()
    {
        var one = new MediaFolders(_folder.File("media"), null, _folder.File("media/recordings"), new Dictionary<string, ApplicationFolders>
        {
            ["default"] = new(null, null),
        });
        var path = Put("media/recordings/from-before.wav");
        one.Resolve("default", path).Kind.ShouldBe(ResolutionKind.Found);
        one.Resolve("default", "recordings/from-before.wav").Kind.ShouldBe(ResolutionKind.Found);
        one.Resolve("default", Put("media/recordings/another/x.wav")).Kind.ShouldBe(ResolutionKind.Missing);
        one.Resolve("demo/", path).Kind.ShouldBe(ResolutionKind.Missing);
    }

    [Fact]
    public void A_cache_keeps_sound_once_and_hands_it_to_whom_it_belongs()
    {
        Directory.CreateDirectory(_folder.File("media/recordings/a"));
        File.WriteAllBytes(_folder.File("media/recordings/a/x.wav"), Wav.Of(6, 8, 1, 8000, new byte[800]));
        var cache = new PromptCache(Folders(), 100_000);
        cache.For("a").Load("x.wav").Prompt.ShouldNotBeNull();
        cache.For("a").Kept("x.wav").ShouldNotBeNull();
        cache.For("b").Load("recordings/a/x.wav").Outcome.ShouldBe(MediaOutcome.NotFound);
        cache.For("b").Kept("x.wav").ShouldBeNull();
        cache.For("a").Load("recordings/a/x.wav").Prompt.ShouldBe(cache.For("a").Kept("x.wav"));
        cache.Count.ShouldBe(1);
    }
}
