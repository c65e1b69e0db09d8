namespace Cti.Node.Tests.Hocon;

/// <summary>The HOCON specification, example by example: text, and what it amounts to as JSON.</summary>
public sealed class SpecificationTests
{
    public static TheoryData<string, string> Syntax => new()
    {
        // Unchanged from JSON
        { """{ "a" : { "b" : [1, -2.5e3, true, null, "x\n\u0041"] } }""", """{"a":{"b":[1,-2.5e3,true,null,"x\nA"]}}""" },
        { "", "{}" },
        { " \n # nothing\n // at all\n", "{}" },
        // Comments
        { "a = 1 // one\nb = 2 # two\n# c = 3\n", """{"a":1,"b":2}""" },
        { "a = \"# no // comment\"", """{"a":"# no // comment"}""" },
        { "a = b//c", """{"a":"b"}""" },
        // Omit root braces, key-value separator
        { "a : 1, b = 2", """{"a":1,"b":2}""" },
        { "a { b = 1 }", """{"a":{"b":1}}""" },
        { "a\t{}", """{"a":{}}""" },
        { "a =\n\n 1", """{"a":1}""" },
        // Commas
        { "a = [1,2,3,]", """{"a":[1,2,3]}""" },
        { "a = [1\n2\n3]", """{"a":[1,2,3]}""" },
        { "a = [1,\n2\n,3\n,\n]", """{"a":[1,2,3]}""" },
        { "a = { b : 1, c : 2, }", """{"a":{"b":1,"c":2}}""" },
        // White space
        { "\uFEFFa\u00A0=\u20031\r\n", """{"a":1}""" },
        // Duplicate keys and object merging
        { """{ "foo" : { "a" : 42, "b" : 43 } }""", """{"foo":{"a":42,"b":43}}""" },
        { """{ "foo" : { "a" : 42 }, "foo" : { "b" : 43 } }""", """{"foo":{"a":42,"b":43}}""" },
        { """{ "foo" : { "a" : 42 }, "foo" : null, "foo" : { "b" : 43 } }""", """{"foo":{"b":43}}""" },
        { "foo { a : 1, b : 2 }\nfoo { a : 3 }", """{"foo":{"a":3,"b":2}}""" },
        { "a = 1\na = 2", """{"a":2}""" },
        { "a { x { y = 1 } }\na { x { z = 2 } }", """{"a":{"x":{"y":1,"z":2}}}""" },
        // Unquoted strings
        { "a = true\nb = truefoo\nc = foo true", """{"a":true,"b":"truefoo","c":"foo true"}""" },
        { "a = 10.0foo\nb = -x\nc = 1e+5\nd = 10 20", """{"a":"10.0foo","b":"-x","c":1e+5,"d":"10 20"}""" },
        { "a = 007\nb = 0\nc = 1.\nd = .5", """{"a":"007","b":0,"c":"1.","d":".5"}""" },
        { "a = 10-11-12/x;y|z", """{"a":"10-11-12/x;y|z"}""" },
        { "a = nullable\nb = null x", """{"a":"nullable","b":"null x"}""" },
        // Multi-line strings
        { "a = \"\"\"one\n  two\\n\"\"\"", """{"a":"one\n  two\\n"}""" },
        { "a = \"\"\"quoted \"word\"\"\"\"", "{\"a\":\"quoted \\u0022word\\u0022\"}" },
        { "a = \"\"\"\"\"\"", """{"a":""}""" },
        // String concatenation
        { "foo bar : baz qux", """{"foo bar":"baz qux"}""" },
        { "a =   x   y   ", """{"a":"x   y"}""" },
        { "a = x\" y \"z", """{"a":"x y z"}""" },
        { "a = \"x\" \"y\"", """{"a":"x y"}""" },
        { "a = \"\"", """{"a":""}""" },
        { "a = \"1\"", """{"a":"1"}""" },
        // Array and object concatenation
        { "a = [1, 2] [3, 4]", """{"a":[1,2,3,4]}""" },
        { "a = { b : 1 } { c : 2 }", """{"a":{"b":1,"c":2}}""" },
        { "a = { b : { x : 1 } } { b : { y : 2 } }", """{"a":{"b":{"x":1,"y":2}}}""" },
        { "a = [ [1] [2], {x:1}{y:2} ]", """{"a":[[1,2],{"x":1,"y":2}]}""" },
        { "a = [1 2, 3\n4]", """{"a":["1 2",3,4]}""" },
        // Path expressions and paths as keys
        { "foo.bar : 42", """{"foo":{"bar":42}}""" },
        { "foo.bar.baz : 42", """{"foo":{"bar":{"baz":42}}}""" },
        { "a.x : 42, a.y : 43", """{"a":{"x":42,"y":43}}""" },
        { "a b c : 42", """{"a b c":42}""" },
        { "true : 42", """{"true":42}""" },
        { "3.14 : 42", """{"3":{"14":42}}""" },
        { "10.0foo : 1", """{"10":{"0foo":1}}""" },
        { "foo\"10.0\" : 1", """{"foo10.0":1}""" },
        { "\"foo.bar\".\"\" : 1", """{"foo.bar":{"":1}}""" },
        { "\"include\" : 42\nincludes : 1\nfoo include : 2", """{"include":42,"includes":1,"foo include":2}""" },
        // += 
        { "a += 1", """{"a":[1]}""" },
        { "a = [1]\na += 2\na += { b : 3 }", """{"a":[1,2,{"b":3}]}""" },
        { "a { b = [x] }\na.b += y", """{"a":{"b":["x","y"]}}""" },
        { "a { b += x }\na { b += y }", """{"a":{"b":["x","y"]}}""" },
        { "a = [ { b = [1], b += 2 } ]", """{"a":[{"b":[1,2]}]}""" },
    };

    [Theory]
    [MemberData(nameof(Syntax))]
    public void Syntax_reads_as_the_specification_says(string text, string json) => Json.Resolve(text).ShouldBe(json);

    public static TheoryData<string, string> Substitutions => new()
    {
        { "a = 1, b = ${a}", """{"a":1,"b":1}""" },
        { "b = ${a}, a = 1", """{"b":1,"a":1}""" },
        { "a.b = { c : 1 }, d = ${a.b.c}, e = ${a}", """{"a":{"b":{"c":1}},"d":1,"e":{"b":{"c":1}}}""" },
        { "a = ${ x } y\nx = 5", """{"a":"5 y","x":5}""" },
        { "a = \"${x}\"", """{"a":"${x}"}""" },
        { "a = ${\"x.y\"}, \"x.y\" = 1", """{"a":1,"x.y":1}""" },
        { "base = /x, path = ${base}\"/y\"", """{"base":"/x","path":"/x/y"}""" },
        { "a = null, b = ${a}", """{"a":null,"b":null}""" },
        // Optional: a field without a value is not there, an element is left out, in a string it is empty
        { "a = ${?no}, b = [1, ${?no}, 2], c = x${?no}y, d = [1] ${?no}", """{"b":[1,2],"c":"xy","d":[1]}""" },
        { "a = 1\na = ${?no}", """{"a":1}""" },
        { "a { b = 1 }\na = ${?no}", """{"a":{"b":1}}""" },
        // Concatenation
        { "x = [1], a = ${x} [2] ${x}", """{"x":[1],"a":[1,2,1]}""" },
        { "generic { cluster-size = 6 }, east = ${generic} { name = \"east\" }", """{"generic":{"cluster-size":6},"east":{"cluster-size":6,"name":"east"}}""" },
        { "generic { size = 6 }, east = { name = east } ${generic}, east.size = 7", """{"generic":{"size":6},"east":{"name":"east","size":7}}""" },
        // Self-referential
        { "path = [/etc], path = ${path} [/usr/bin]", """{"path":["/etc","/usr/bin"]}""" },
        { "path = \"a\", path = ${path}\":b\"", """{"path":"a:b"}""" },
        { "a = 1, a = ${a}2, a = ${a}3", """{"a":"123"}""" },
        { "a = ${?a}foo", """{"a":"foo"}""" },
        { "a = [1], a = [${a}, 2]", """{"a":[[1],2]}""" },
        { "bar : { foo : 42, baz : ${bar.foo} }", """{"bar":{"foo":42,"baz":42}}""" },
        { "bar : { foo : 42, baz : ${bar.foo} }\nbar : { foo : 43 }", """{"bar":{"foo":43,"baz":43}}""" },
        { "bar : { a : ${foo.d}, b : 1 }\nbar.b = 3\nfoo : { c : ${bar.b}, d : 2 }\nfoo.d = 4", """{"bar":{"a":4,"b":3},"foo":{"c":3,"d":4}}""" },
        { "foo : { a : { c : 1 } }\nfoo : ${foo.a}\nfoo : { a : 2 }", """{"foo":{"a":2,"c":1}}""" },
        { "a : { b : 1 }, a : ${a} { c : 2 }, a : ${a} { d : ${a.b} }", """{"a":{"b":1,"c":2,"d":1}}""" },
        { "a { x = 1 }, a = ${b}, b { y = ${a.x} }", """{"a":{"x":1,"y":1},"b":{"y":1}}""" },
        // What is hidden is never worked out
        { "foo : ${does-not-exist}\nfoo : 42", """{"foo":42}""" },
        { "a = ${a}\na = 1", """{"a":1}""" },
    };

    [Theory]
    [MemberData(nameof(Substitutions))]
    public void Substitutions_resolve_as_the_specification_says(string text, string json) => Json.Resolve(text).ShouldBe(json);

    [Fact]
    public void A_substitution_falls_back_to_the_environment()
    {
        Json.Resolve("a = ${HOME_DIR}, b = ${?NOT_THERE}", ("HOME_DIR", "/home/x")).ShouldBe("""{"a":"/home/x"}""");
        Json.Resolve("a = default, a = ${?A}", ("A", "set")).ShouldBe("""{"a":"set"}""");
        Json.Resolve("A = key, a = ${A}", ("A", "variable")).ShouldBe("""{"A":"key","a":"key"}""");
        Json.Resolve("A = null, a = ${A}", ("A", "variable")).ShouldBe("""{"A":null,"a":null}""");
        Json.Resolve("path = ${PATH}\":/x\"", ("PATH", "/bin")).ShouldBe("""{"path":"/bin:/x"}""");
    }
}
