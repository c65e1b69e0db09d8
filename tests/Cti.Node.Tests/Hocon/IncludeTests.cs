using Cti.Node.Hocon;

namespace Cti.Node.Tests.Hocon;

public sealed class IncludeTests
{
    private static string Resolve(params (string Path, string Text)[] files) =>
        Json.Of(new HoconDocument(new MemoryFiles(files)).AddFile(files[0].Path).Resolve());

    [Theory]
    [InlineData("include \"b.conf\"")]
    [InlineData("include \"b\"")]
    [InlineData("include file(\"b.conf\")")]
    [InlineData("include required(\"b.conf\")")]
    [InlineData("include required(file(\"b.conf\"))")]
    [InlineData("include required( file( \"b.conf\" ) )")]
    public void Each_form_includes(string include) =>
        Resolve(("/etc/a.conf", "x = 1\n" + include + "\ny = 2"), ("/etc/b.conf", "z = 3")).ShouldBe("""{"x":1,"z":3,"y":2}""");

    [Fact]
    public void Included_keys_lie_above_earlier_and_below_later_ones() =>
        Resolve(("/a", "x = 1, y = 1, o { p = 1 }\ninclude \"b\"\ny = 3"), ("/b", "x = 2, y = 2, o { q = 2 }"))
            .ShouldBe("""{"x":2,"y":3,"o":{"p":1,"q":2}}""");

    [Fact]
    public void A_name_is_relative_to_the_including_file() =>
        Resolve(("/etc/a", "include \"sub/b\""), ("/etc/sub/b", "include \"c\""), ("/etc/sub/c", "x = 1")).ShouldBe("""{"x":1}""");

    [Fact]
    public void Substitutions_of_an_included_file_look_where_it_stands_and_then_at_the_root()
    {
        Resolve(("/a", "x = 1\na { include \"b\" }"), ("/b", "x = 10, y = ${x}")).ShouldBe("""{"x":1,"a":{"x":10,"y":10}}""");
        Resolve(("/a", "x = 1\na { include \"b\" }"), ("/b", "y = ${x}")).ShouldBe("""{"x":1,"a":{"y":1}}""");
        Resolve(("/a", "a { include \"b\" }\na { x = 42 }"), ("/b", "x = 10, y = ${x}")).ShouldBe("""{"a":{"x":42,"y":42}}""");
        Resolve(("/a", "a { l = [1]\n include \"b\" }"), ("/b", "l += 2\nl = ${l} [3]")).ShouldBe("""{"a":{"l":[1,2,3]}}""");
    }

    [Fact]
    public void A_missing_file_is_nothing_unless_required()
    {
        Resolve(("/a", "include \"no\"\nx = 1")).ShouldBe("""{"x":1}""");
        Should.Throw<HoconException>(() => Resolve(("/a", "\n  include required(\"no\")"))).Message.ShouldStartWith("/a:2:3: no file /no;");
        Should.Throw<HoconException>(() => new HoconDocument(new MemoryFiles()).AddFile("/a")).Message.ShouldBe("/a: no such file");
    }

    [Fact]
    public void Files_that_include_one_another_in_a_circle_are_refused() =>
        Should.Throw<HoconException>(() => Resolve(("/a", "include \"b\""), ("/b", "x = 1\ninclude \"a\"")))
            .Message.ShouldBe("/b:2:1: a includes itself: /a → /b → /a");

    [Fact]
    public void Includes_are_bounded_in_depth_and_number()
    {
        var deep = Enumerable.Range(0, 30).Select(i => ($"/f{i}", $"include \"f{i + 1}\"")).ToArray();
        Should.Throw<HoconException>(() => Resolve(deep)).Problem.ShouldContain("nested more than 16 deep");
        var wide = Enumerable.Range(0, 12).Select(i => ($"/f{i}", string.Concat(Enumerable.Repeat($"include \"f{i + 1}\"\n", 10)))).ToArray();
        Should.Throw<HoconException>(() => Resolve(wide)).Problem.ShouldContain("more than 1000 includes");
    }

    [Fact]
    public void Files_on_disk_are_found_beside_the_including_one()
    {
        var folder = Directory.CreateTempSubdirectory("cti-hocon-");
        try
        {
            Directory.CreateDirectory(Path.Combine(folder.FullName, "sub"));
            var main = Path.Combine(folder.FullName, "main.conf");
            File.WriteAllText(main, "include \"sub/part.conf\"\nb = 2");
            File.WriteAllText(Path.Combine(folder.FullName, "sub", "part.conf"), "a = 1\ninclude \"more.json\"");
            File.WriteAllText(Path.Combine(folder.FullName, "sub", "more.json"), """{"c":{"d":[]}}""");

            var values = new HoconDocument(new DiskHoconFiles()).AddFile(main).Resolve();

            Json.Of(values).ShouldBe("""{"a":1,"c":{"d":[]},"b":2}""");
            File.WriteAllBytes(main, [0x61, 0x3D, 0xFF]);
            Should.Throw<HoconException>(() => new HoconDocument(new DiskHoconFiles()).AddFile(main)).Problem.ShouldContain("not UTF-8");
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
