using System.Collections.Immutable;
using System.Text;

namespace Cti.Node.Hocon;

/// <summary>
/// Works out every value. A key's values are layers, the last on top. A substitution looks its path up in the whole; when it meets a value that
/// is just being worked out (a reference to itself), only what lies below that value counts. Layers are looked at from the top, and no
/// further than the first that is not an object, so what is hidden is never worked out.
/// </summary>
internal sealed class HoconResolver(ObjectNode root, Func<string, string?> environment)
{
    private readonly HoconNode[] _root = [root];
    private int _steps;
    private int _depth;
    private int _pending;

    /// <summary>The lowest pending node that the current result was cut at: such a result holds only in this context and is not remembered.</summary>
    private int _cutAt = int.MaxValue;

    public HoconObject Resolve() => (HoconObject)Fold(_root, required: false)!;

    /// <summary>The value that layers (lowest first) amount to; null is no value.</summary>
    private HoconValue? Fold(IReadOnlyList<HoconNode> layers, bool required)
    {
        var usable = Usable(layers);
        if (usable == 0)
        {
            if (required && layers.Count > 0) throw Cycle(layers[0]);
            return null;
        }
        Enter(layers[usable - 1]);
        List<HoconNode>? objects = null;
        HoconValue? value = null;
        for (var i = usable - 1; i >= 0; i--)
        {
            if (layers[i] is ObjectNode)
            {
                (objects ??= []).Add(layers[i]);
                continue;
            }
            var layer = Value(layers[i]);
            if (layer is null) continue;
            if (layer is HoconObject) (objects ??= []).Add(new LiteralNode(layer));
            else
            {
                if (objects is null) value = layer;
                break;
            }
        }
        if (objects is not null) value = Merge(objects);
        _depth--;
        return value;
    }

    /// <summary>How many layers may be looked at: those below the lowest that is just being worked out.</summary>
    private int Usable(IReadOnlyList<HoconNode> layers)
    {
        for (var i = 0; i < layers.Count; i++)
        {
            if (layers[i] is not WorkNode { Pending: >= 0 } busy) continue;
            _cutAt = Math.Min(_cutAt, busy.Pending);
            return i;
        }
        return layers.Count;
    }

    /// <param name="topFirst">Objects, the topmost first.</param>
    private HoconValue Merge(List<HoconNode> topFirst)
    {
        if (topFirst is [LiteralNode only]) return only.Value;
        var keys = new List<string>();
        var layers = new Dictionary<string, List<HoconNode>>(StringComparer.Ordinal);
        for (var i = topFirst.Count - 1; i >= 0; i--)
        {
            foreach (var (key, values) in FieldsOf(topFirst[i]))
            {
                if (!layers.TryGetValue(key, out var list))
                {
                    layers.Add(key, list = []);
                    keys.Add(key);
                }
                list.AddRange(values);
                Step(topFirst[i]);
            }
        }
        var fields = new List<KeyValuePair<string, HoconValue>>(keys.Count);
        foreach (var key in keys)
        {
            if (Fold(layers[key], required: true) is { } value) fields.Add(new(key, value));
        }
        return Bounded(new HoconObject(fields, topFirst[0].Origin));
    }

    private static IEnumerable<(string Key, IReadOnlyList<HoconNode> Layers)> FieldsOf(HoconNode node) => node switch
    {
        ObjectNode written => written.Slots.Select(slot => (slot.Key, (IReadOnlyList<HoconNode>)slot.Layers)),
        LiteralNode { Value: HoconObject resolved } => resolved.Fields.Select(f => (f.Key, (IReadOnlyList<HoconNode>)[new LiteralNode(f.Value)])),
        _ => [],
    };

    private HoconValue? Value(HoconNode node)
    {
        if (node is LiteralNode literal) return literal.Value;
        if (node is ObjectNode) return Fold([node], required: false);
        var work = (WorkNode)node;
        if (work.Done) return work.Result;
        Enter(node);
        var outerCut = _cutAt;
        _cutAt = int.MaxValue;
        var place = work.Pending = _pending++;
        var result = work switch
        {
            SubstitutionNode substitution => Substitute(substitution),
            ArrayNode array => Elements(array),
            ConcatenationNode concatenation => Join(concatenation),
            _ => throw new InvalidOperationException(),
        };
        work.Pending = -1;
        _pending--;
        _depth--;
        if (_cutAt < place) _cutAt = Math.Min(_cutAt, outerCut);
        else
        {
            work.Done = true;
            work.Result = result;
            _cutAt = outerCut;
        }
        return result;
    }

    private HoconValue? Substitute(SubstitutionNode node)
    {
        var value = Fold(Target(node), required: false);
        if (value is null && node.Below is null && EnvironmentValue(node) is { } text) value = new HoconScalar(text, HoconScalarKind.Text, node.Origin);
        if (value is null && !node.Optional)
            throw new HoconException(node.Origin, $"{node.Text} has no value: no such key (or it refers to itself) and no such environment variable; set it, "
                + "or write ${?...} if it may be missing");
        if (node.ObjectExpected && value is not (null or HoconObject))
            throw new HoconException(node.Origin, $"{node.Text} is {value.KindName} and is joined with an object; both have to be objects");
        return value;
    }

    /// <summary>The layers that a substitution refers to: at the place of inclusion first, then from the root.</summary>
    private IReadOnlyList<HoconNode> Target(SubstitutionNode node)
    {
        if (node.Below is { } below) return below.Slot.Layers[..below.Count];
        var found = LayersAt(node.Path, node);
        return found.Count == 0 && node.Prefix > 0 ? LayersAt(node.Path.AsSpan(node.Prefix), node) : found;
    }

    private string? EnvironmentValue(SubstitutionNode node)
    {
        var name = string.Join('.', node.Path.Skip(node.Prefix));
        return name.Length == 0 || name.Contains('\0', StringComparison.Ordinal) || name.Contains('=', StringComparison.Ordinal) ? null : environment(name);
    }

    private IReadOnlyList<HoconNode> LayersAt(ReadOnlySpan<string> path, HoconNode from)
    {
        IReadOnlyList<HoconNode> at = _root;
        foreach (var key in path)
        {
            Step(from);
            at = Children(at, key);
            if (at.Count == 0) break;
        }
        return at;
    }

    /// <summary>The layers of a field, without working the objects around it out: <c>bar : { a : 1, b : ${bar.a} }</c> is no cycle.</summary>
    private List<HoconNode> Children(IReadOnlyList<HoconNode> layers, string key)
    {
        var found = new List<HoconNode>();
        for (var i = Usable(layers) - 1; i >= 0; i--)
        {
            Step(layers[i]);
            var (below, stop) = ChildrenOf(layers[i], key);
            if (below is not null) found.InsertRange(0, below);
            if (stop || (found.Count > 0 && found[0] is LiteralNode { Value: not HoconObject } or ArrayNode)) break;
        }
        return found;
    }

    private (IReadOnlyList<HoconNode>? Layers, bool Stop) ChildrenOf(HoconNode layer, string key)
    {
        switch (layer)
        {
            case ObjectNode written:
                return (written.Find(key)?.Layers, false);
            case LiteralNode { Value: HoconObject resolved }:
                return (resolved.TryGet(key, out var field) ? [new LiteralNode(field)] : null, false);
            case SubstitutionNode { Done: false } substitution:
                Enter(layer);
                substitution.Pending = _pending++;
                var target = Target(substitution);
                var children = Children(target, key);
                var hides = target.Count > 0 && target[^1] is LiteralNode { Value: not HoconObject } or ArrayNode;
                substitution.Pending = -1;
                _pending--;
                _depth--;
                return (children, hides);
            case WorkNode:
                var value = Value(layer);
                if (value is HoconObject made) return (made.TryGet(key, out var inner) ? [new LiteralNode(inner)] : null, false);
                return (null, value is not null);
            default:
                return (null, true);
        }
    }

    private HoconArray Elements(ArrayNode node)
    {
        var items = ImmutableArray.CreateBuilder<HoconValue>(node.Items.Count);
        foreach (var item in node.Items)
        {
            Step(item);
            if (Value(item) is { } value) items.Add(value);
        }
        return Bounded(new HoconArray(items.DrainToImmutable(), node.Origin));
    }

    private HoconValue? Join(ConcatenationNode node)
    {
        var values = new List<(HoconNode Piece, HoconValue? Value)>(node.Pieces.Count);
        foreach (var piece in node.Pieces)
        {
            Step(piece);
            values.Add((piece, piece is SpaceNode ? null : Value(piece)));
        }
        var present = values.FindAll(v => v.Value is not null);
        if (present.Count == 0) return null;
        var first = present[0].Value!;
        foreach (var (piece, value) in present)
        {
            if ((value is HoconScalar) != (first is HoconScalar) || (value is HoconObject) != (first is HoconObject))
                throw new HoconException(piece.Origin, $"{value!.KindName} is joined with {first.KindName}; put a comma or a newline between two values");
        }
        switch (first)
        {
            case HoconArray:
                var items = ImmutableArray.CreateBuilder<HoconValue>();
                foreach (var (piece, value) in present)
                {
                    var more = ((HoconArray)value!).Items;
                    Step(piece, more.Length);
                    items.AddRange(more);
                }
                return Bounded(new HoconArray(items.DrainToImmutable(), node.Origin));
            case HoconObject:
                return Merge([.. Enumerable.Reverse(present).Select(v => (HoconNode)new LiteralNode(v.Value!))]);
            default:
                var text = new StringBuilder();
                foreach (var (piece, value) in values)
                {
                    var part = piece is SpaceNode space ? space.Text : ((HoconScalar?)value)?.Text ?? "";
                    Step(piece, part.Length / 64);
                    if (text.Length + part.Length > HoconLimits.StringCharactersMax)
                        throw new HoconException(node.Origin, $"a joined string of more than {HoconLimits.StringCharactersMax} characters");
                    text.Append(part);
                }
                return new HoconScalar(text.ToString(), HoconScalarKind.Text, node.Origin);
        }
    }

    private void Enter(HoconNode node)
    {
        Step(node);
        if (++_depth > HoconLimits.ResolveDepthMax)
            throw new HoconException(node.Origin, $"substitutions and objects nested more than {HoconLimits.ResolveDepthMax} deep");
    }

    private void Step(HoconNode node, int count = 1)
    {
        _steps += 1 + count;
        if (_steps > HoconLimits.ResolveStepsMax) throw new HoconException(node.Origin, "the substitutions multiply beyond any use; simplify them");
    }

    private static T Bounded<T>(T value) where T : HoconValue =>
        value.Depth <= HoconLimits.DepthMax + 2 ? value : throw new HoconException(value.Origin, $"nested more than {HoconLimits.DepthMax} deep");

    private static HoconException Cycle(HoconNode node) =>
        new(node.Origin, (node is SubstitutionNode s ? s.Text + " refers" : "this value refers") + " to itself in a circle; break the circle");
}
