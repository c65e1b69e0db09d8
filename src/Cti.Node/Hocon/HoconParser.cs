using System.Collections.Immutable;
using System.Text;

namespace Cti.Node.Hocon;

/// <summary>Reads one text into an object that may already hold others: what comes later lies on top.</summary>
internal sealed class HoconParser
{
    private readonly HoconScanner _scanner;
    private readonly HoconInclusion _inclusion;
    private readonly List<string> _path;
    private readonly int _prefix;
    private int _depth;
    private int _unreachable;

    private HoconParser(HoconScanner scanner, HoconInclusion inclusion, List<string> path, int depth)
    {
        _scanner = scanner;
        _inclusion = inclusion;
        _path = path;
        _prefix = path.Count;
        _depth = depth;
    }

    /// <summary>Parses a text whose root is an object; it stands at <paramref name="path"/> of the whole, <paramref name="depth"/> levels deep.</summary>
    public static void ParseInto(ObjectNode root, string text, string source, HoconInclusion inclusion, List<string> path, int depth)
    {
        inclusion.Charge(text.Length, new HoconOrigin(source, 0, 0));
        var parser = new HoconParser(new HoconScanner(text, source), inclusion, path, depth);
        parser.Document(root);
    }

    /// <summary>Parses a text that is one value, e.g. of <c>--set</c>. <paramref name="path"/> is the key it is for.</summary>
    public static HoconNode ParseValue(string text, string source, HoconInclusion inclusion, List<string> path)
    {
        inclusion.Charge(text.Length, new HoconOrigin(source, 0, 0));
        var parser = new HoconParser(new HoconScanner(text, source), inclusion, [], path.Count);
        parser._path.AddRange(path);
        parser._scanner.SkipBlank();
        var layers = parser.Value();
        parser._scanner.SkipBlank();
        if (!parser._scanner.AtEnd) throw parser._scanner.Error("text after the value; a value that starts with [, { or \" has to be complete HOCON");
        return layers is [var only] ? only : new ConcatenationNode(layers, layers[0].Origin);
    }

    private void Document(ObjectNode root)
    {
        _scanner.SkipBlank();
        if (_scanner.AtEnd) return;
        if (_scanner.Current == '[') throw _scanner.Error("a configuration is an object and not a list; write KEY = [...]");
        if (_scanner.Current == '{')
        {
            Object(root);
            _scanner.SkipBlank();
            if (!_scanner.AtEnd) throw _scanner.Error(Unexpected() + " after the closing } of the whole; remove it, or the outer braces");
            return;
        }
        Fields(root, '\0');
    }

    /// <summary>An object in braces; the scanner stands on the opening one.</summary>
    private void Object(ObjectNode target)
    {
        var open = _scanner.Origin;
        Enter();
        _scanner.Advance();
        Fields(target, '}');
        if (_scanner.AtEnd) throw new HoconException(open, "this { is not closed; add a }");
        _scanner.Advance();
        _depth--;
    }

    private void Fields(ObjectNode target, char close)
    {
        _scanner.SkipBlank();
        if (_scanner.Current == ',') throw _scanner.Error("a comma before the first field; remove it");
        while (!_scanner.AtEnd && (close == '\0' || _scanner.Current != close))
        {
            if (_scanner.Current is '}' or ']') throw _scanner.Error($"a {_scanner.Current} that closes nothing; remove it");
            if (AtInclude()) Include(target);
            else Field(target);
            if (!Separator("field", close)) return;
        }
    }

    /// <summary>Between two elements stand a comma, a newline or both; before the end they may.</summary>
    private bool Separator(string what, char close)
    {
        var newline = _scanner.SkipBlank();
        if (_scanner.AtEnd || (close != '\0' && _scanner.Current == close)) return false;
        if (_scanner.Current == ',')
        {
            _scanner.Advance();
            _scanner.SkipBlank();
            if (_scanner.Current == ',') throw _scanner.Error("two commas in a row; remove one");
            return true;
        }
        if (newline || _scanner.Current is '}' or ']') return true;
        throw _scanner.Error($"{Unexpected()} after a {what}; put a comma or a newline between two, and text with special characters in double quotes");
    }

    private void Field(ObjectNode target)
    {
        var origin = _scanner.Origin;
        var path = KeyPath();
        var append = false;
        if (_scanner.LooksAt("+="))
        {
            append = true;
            _scanner.Advance(2);
        }
        else if (_scanner.Current is ':' or '=') _scanner.Advance();
        else if (_scanner.Current != '{') throw _scanner.Error($"{Unexpected()} after the key {HoconPath.Format([.. path])}; a key is followed by =, : or {{");

        foreach (var _ in path) Enter();
        _path.AddRange(path);
        foreach (var element in path.AsSpan(0, path.Count - 1)) target = target.GetOrAdd(element).OpenObject(origin);
        var slot = target.GetOrAdd(path[^1]);
        _scanner.SkipBlank();
        if (append)
        {
            var below = new SubstitutionNode([.. _path], 0, optional: true, origin) { Below = _unreachable > 0 ? (slot, slot.Layers.Count) : null };
            var value = Value();
            var element = value is [var only] ? only : new ConcatenationNode(value, value[0].Origin);
            slot.Push(new ConcatenationNode([below, new ArrayNode([element], element.Origin)], origin));
        }
        else
        {
            foreach (var layer in Value()) slot.Push(layer);
        }
        _path.RemoveRange(_path.Count - path.Count, path.Count);
        _depth -= path.Count;
    }

    /// <summary>A key: elements separated by dots, with inner spaces kept. Ends before =, :, += or {.</summary>
    private List<string> KeyPath() => PathExpression("a key", c => c is '=' or ':' or '{' or '+');

    private List<string> PathExpression(string what, Func<char, bool> ends)
    {
        var path = new List<string>();
        var element = new StringBuilder();
        var quoted = false;
        _scanner.TakeSpaces();
        var spaces = "";
        while (true)
        {
            if (_scanner.AtEnd || _scanner.Current == '\n' || _scanner.AtComment)
            {
                if (what == "a key") throw _scanner.Error("a key without a value; write KEY = VALUE");
                break;
            }
            var c = _scanner.Current;
            if (ends(c)) break;
            if (HoconScanner.IsSpace(c))
            {
                spaces = _scanner.TakeSpaces();
                continue;
            }
            element.Append(spaces);
            spaces = "";
            if (c == '.')
            {
                CloseElement();
                _scanner.Advance();
            }
            else if (c == '"')
            {
                element.Append(_scanner.TakeQuoted());
                quoted = true;
            }
            else if (_scanner.AtUnquoted) element.Append(_scanner.TakeUnquoted(stopAtDot: true));
            else throw _scanner.Error($"{Unexpected()} in {what}; put it in double quotes");
        }
        CloseElement();
        return path;

        void CloseElement()
        {
            if (element.Length == 0 && !quoted) throw _scanner.Error($"an empty element in {what}; remove a dot, or write \"\" for an empty name");
            path.Add(element.ToString());
            if (path.Count > HoconLimits.DepthMax) throw _scanner.Error($"more than {HoconLimits.DepthMax} elements in {what}");
            element.Clear();
            quoted = false;
        }
    }

    /// <summary>
    /// A value up to a comma, newline or closing bracket: layers to lay one on the other. Objects (and substitutions joined with them) stay
    /// apart, because joining objects is the same as assigning them one after the other, and paths lead into them.
    /// </summary>
    private List<HoconNode> Value()
    {
        var pieces = new List<HoconNode>();
        var origin = _scanner.Origin;
        while (!_scanner.AtEnd && !(_scanner.Current is ',' or '\n' or '}' or ']') && !_scanner.AtComment)
        {
            var start = _scanner.Origin;
            if (HoconScanner.IsSpace(_scanner.Current)) pieces.Add(new SpaceNode(_scanner.TakeSpaces(), start));
            else pieces.Add(Piece(start));
        }
        while (pieces.Count > 0 && pieces[^1] is SpaceNode) pieces.RemoveAt(pieces.Count - 1);
        if (pieces.Count == 0) throw new HoconException(origin, "a value is missing; write \"\" for an empty string or null for none");
        if (pieces is [TextNode only]) return [new LiteralNode(only.ToScalar())];
        if (pieces.Count == 1) return pieces;
        for (var i = 0; i < pieces.Count; i++)
        {
            if (pieces[i] is TextNode text) pieces[i] = new LiteralNode(new HoconScalar(text.Text, HoconScalarKind.Text, text.Origin));
        }
        if (!pieces.Exists(p => p is ObjectNode) || !pieces.TrueForAll(p => p is ObjectNode or SubstitutionNode or SpaceNode))
            return [new ConcatenationNode(pieces, origin)];
        pieces.RemoveAll(p => p is SpaceNode);
        foreach (var piece in pieces)
        {
            if (piece is SubstitutionNode substitution) substitution.ObjectExpected = true;
        }
        return pieces;
    }

    private HoconNode Piece(HoconOrigin start)
    {
        switch (_scanner.Current)
        {
            case '{':
                var made = new ObjectNode(start);
                Object(made);
                return made;
            case '[':
                return Array(start);
            case '"':
                return new LiteralNode(new HoconScalar(_scanner.TakeQuoted(), HoconScalarKind.Text, start));
            case '$' when _scanner.LooksAt("${"):
                return Substitution(start);
            default:
                if (_scanner.AtUnquoted) return new TextNode(_scanner.TakeUnquoted(stopAtDot: false), start);
                throw _scanner.Error($"{Unexpected()} in a value; put the value in double quotes");
        }
    }

    private ArrayNode Array(HoconOrigin open)
    {
        Enter();
        _unreachable++;
        _scanner.Advance();
        var items = new List<HoconNode>();
        _scanner.SkipBlank();
        if (_scanner.Current == ',') throw _scanner.Error("a comma before the first element; remove it");
        while (!_scanner.AtEnd && _scanner.Current != ']')
        {
            if (_scanner.Current == '}') throw _scanner.Error("a } that closes nothing; remove it, or close the list with ]");
            var layers = Value();
            items.Add(layers is [var only] ? only : new ConcatenationNode(layers, layers[0].Origin));
            if (!Separator("element", ']')) break;
        }
        if (_scanner.AtEnd) throw new HoconException(open, "this [ is not closed; add a ]");
        _scanner.Advance();
        _unreachable--;
        _depth--;
        return new ArrayNode(items, open);
    }

    private SubstitutionNode Substitution(HoconOrigin start)
    {
        _scanner.Advance(2);
        var optional = _scanner.Current == '?';
        if (optional) _scanner.Advance();
        var path = PathExpression("a substitution", c => c == '}');
        if (_scanner.Current != '}') throw new HoconException(start, "this substitution is not closed; add a }");
        _scanner.Advance();
        var prefix = _unreachable > 0 && _prefix == 0 ? 0 : _prefix;
        return new SubstitutionNode([.. _path[..prefix], .. path], prefix, optional, start);
    }

    private bool AtInclude()
    {
        if (!_scanner.LooksAt("include")) return false;
        var rest = _scanner.PeekAt("include".Length);
        return !HoconScanner.IsUnquoted(rest);
    }

    /// <summary><c>include "x"</c>, <c>include file("x")</c>, <c>include required(...)</c>.</summary>
    private void Include(ObjectNode target)
    {
        var start = _scanner.Origin;
        _scanner.Advance("include".Length);
        _scanner.TakeSpaces();
        var required = TryOpen("required(");
        var file = TryOpen("file(");
        if (_scanner.LooksAt("url(") || _scanner.LooksAt("classpath(")) throw _scanner.Error("only files can be included; write include file(\"NAME\")");
        if (_scanner.Current != '"') throw _scanner.Error("include is followed by a file name in double quotes; quote \"include\" if it is meant as a key");
        var name = _scanner.TakeQuoted();
        for (var open = (required ? 1 : 0) + (file ? 1 : 0); open > 0; open--)
        {
            _scanner.TakeSpaces();
            if (_scanner.Current != ')') throw _scanner.Error("a ) is missing after the name of the included file");
            _scanner.Advance();
        }
        // No path leads into a list, so what an object in one includes looks its names up from the root.
        _inclusion.Include(target, name, required, heuristic: !file, _scanner.Source, start, _unreachable > 0 ? [] : _path, _depth);
    }

    private bool TryOpen(string word)
    {
        if (!_scanner.LooksAt(word)) return false;
        _scanner.Advance(word.Length);
        _scanner.TakeSpaces();
        return true;
    }

    private void Enter()
    {
        if (++_depth > HoconLimits.DepthMax) throw _scanner.Error($"nested more than {HoconLimits.DepthMax} deep");
    }

    private string Unexpected() => _scanner.AtEnd ? "the text ends" : _scanner.Current switch
    {
        '\n' => "a newline",
        < ' ' => $"a control character (\\u{(int)_scanner.Current:x4})",
        var c => $"a {c}",
    };

    /// <summary>Unquoted text whose meaning (number, boolean, null) depends on whether it stands alone.</summary>
    private sealed class TextNode(string text, HoconOrigin origin) : HoconNode(origin)
    {
        public string Text { get; } = text;

        public HoconScalar ToScalar() => new(Text, Text switch
        {
            "true" or "false" => HoconScalarKind.Boolean,
            "null" => HoconScalarKind.Null,
            _ when HoconScanner.IsNumber(Text) => HoconScalarKind.Number,
            _ => HoconScalarKind.Text,
        }, Origin);
    }
}

internal static class ListSpans
{
    public static ReadOnlySpan<T> AsSpan<T>(this List<T> list, int start, int length) =>
        System.Runtime.InteropServices.CollectionsMarshal.AsSpan(list).Slice(start, length);
}
