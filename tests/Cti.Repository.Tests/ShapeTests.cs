using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Cti.Repository.Tests;

/// <summary>How large things may become before they are taken apart.</summary>
public sealed class ShapeTests
{
    private const int LinesMax = 500, ArmsMax = 20, MutableFieldsMax = 15, LineCharactersMax = 160;

    private static readonly List<(string File, CompilationUnitSyntax Root)> Sources =
        [.. FilesIn("src/").Select(static file => (file, CSharpSyntaxTree.ParseText(Repository.Read(file)).GetCompilationUnitRoot()))];

    [Fact]
    public void No_file_is_longer_than_a_reader_keeps_in_mind() =>
        Sources.Select(static source => (source.File, Lines: Repository.Read(source.File).Count(static c => c == '\n')))
            .Where(static file => file.Lines > LinesMax)
            .Select(static file => $"{file.File}: {file.Lines} lines").ShouldBeEmpty();

    [Fact]
    public void No_line_is_longer_than_a_reader_sees() =>
        FilesIn("src/").Concat(FilesIn("tests/"))
            .SelectMany(static file => Repository.Read(file).Split('\n').Select((line, index) => (line.Length, Where: $"{file}:{index + 1}")))
            .Where(static line => line.Length > LineCharactersMax)
            .Select(static line => $"{line.Where}: {line.Length} characters").ShouldBeEmpty();

    [Fact]
    public void No_switch_has_more_arms_than_a_reader_keeps_apart() =>
        Sources.SelectMany(static source => source.Root.DescendantNodes().Select(node => (Node: node, Arms: ArmsOf(node), source.File)))
            .Where(static found => found.Arms > ArmsMax)
            .Select(static found => $"{found.File}:{found.Node.GetLocation().GetLineSpan().StartLinePosition.Line + 1}: {found.Arms} arms").ShouldBeEmpty();

    [Fact]
    public void No_type_remembers_more_than_a_reader_can()
    {
        var fields = from source in Sources
                     from type in source.Root.DescendantNodes().OfType<TypeDeclarationSyntax>()
                     group MutableFieldsOf(type) by NameOf(type) into parts
                     select (Type: parts.Key, Count: parts.Sum());
        fields.Where(static type => type.Count > MutableFieldsMax).Select(static type => $"{type.Type}: {type.Count} mutable fields").ShouldBeEmpty();
    }

    private static IEnumerable<string> FilesIn(string folder) =>
        Repository.Files.Where(file => file.StartsWith(folder, StringComparison.Ordinal) && file.EndsWith(".cs", StringComparison.Ordinal));

    private static int ArmsOf(SyntaxNode node) => node switch
    {
        SwitchStatementSyntax statement => statement.Sections.Count,
        SwitchExpressionSyntax expression => expression.Arms.Count,
        _ => 0,
    };

    /// <summary>Fields that change, and properties that hold one.</summary>
    private static int MutableFieldsOf(TypeDeclarationSyntax type) =>
        type.Members.OfType<FieldDeclarationSyntax>()
            .Where(static field => !field.Modifiers.Any(SyntaxKind.ReadOnlyKeyword) && !field.Modifiers.Any(SyntaxKind.ConstKeyword))
            .Sum(static field => field.Declaration.Variables.Count)
        + type.Members.OfType<PropertyDeclarationSyntax>().Count(property => property.AccessorList?.Accessors is { } accessors
            && accessors.All(static accessor => accessor is { Body: null, ExpressionBody: null }) && accessors.Any(SyntaxKind.SetAccessorDeclaration)
            && !property.Modifiers.Any(SyntaxKind.AbstractKeyword) && type is not InterfaceDeclarationSyntax);

    private static string NameOf(TypeDeclarationSyntax type)
    {
        var spaces = type.Ancestors().OfType<BaseNamespaceDeclarationSyntax>().Select(static space => space.Name.ToString());
        var outer = type.Ancestors().OfType<TypeDeclarationSyntax>().Select(static one => one.Identifier.Text).Reverse();
        return string.Join('.', [.. spaces, .. outer, $"{type.Identifier.Text}{type.TypeParameterList?.ToString()}"]);
    }
}
