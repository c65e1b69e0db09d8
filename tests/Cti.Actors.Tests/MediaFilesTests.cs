using Cti.Actors.MediaNode;
using Cti.Media.Files;

namespace Cti.Actors.Tests;

/// <summary>Where a recording goes.</summary>
public sealed class MediaFilesTests
{
    private static MediaFiles Files(string root) => new(new MediaFolders(root, null, root), SoundLibrary.Default);

    [Theory]
    [InlineData("said", "Alaw", "said.wav")]
    [InlineData("said.wav", "Alaw", "said.wav")]
    [InlineData("said.WAV", "Mp3", "said.mp3")]
    [InlineData("folder/said.mp3", "OkiAdpcm", "folder/said.vox")]
    [InlineData("0.0.3-sys.call-67", "Alaw", "0.0.3-sys.call-67.wav")]
    [InlineData("0.0.3-sys.call-68", "Alaw", "0.0.3-sys.call-68.wav")]
    [InlineData("2012.09.08", "Gsm", "2012.09.08.wav")]
    public void The_format_sets_the_extension_and_leaves_the_name_as_it_is(string file, string format, string expected)
    {
        var root = Directory.CreateTempSubdirectory("cti-recordings-");
        try
        {
            Files(root.FullName).Resolve("app", file, format).ShouldBe(Path.Combine(root.FullName, "app", expected));
        }
        finally
        {
            root.Delete(recursive: true);
        }
    }

    [Theory]
    [InlineData("../said")]
    [InlineData("/etc/said")]
    public void Nothing_is_recorded_outside_the_root(string file)
    {
        var root = Directory.CreateTempSubdirectory("cti-recordings-");
        try
        {
            Files(root.FullName).Resolve("app", file, "Alaw").ShouldBeNull();
        }
        finally
        {
            root.Delete(recursive: true);
        }
    }
}
