using System.Text;
using Cti.Persistence;

namespace Cti.Actors.Feeds;

/// <summary>What one node tells another about feeds, over the links' channel of events. The first byte names the message; numbers are LEB128.</summary>
internal enum FeedMessageKind : byte
{
    /// <summary><see cref="FeedInterest"/>.</summary>
    Interest = 1,
    /// <summary><see cref="FeedBase"/>.</summary>
    Base = 2,
    /// <summary>Sections of instances, see <see cref="FeedSection"/>.</summary>
    Push = 3,
    /// <summary><see cref="GroupReport"/>.</summary>
    Report = 4,
    /// <summary><see cref="GroupTable"/>.</summary>
    Table = 5,
}

/// <summary>The applications that have feeds on the sending node, and of which instances these want to hear.</summary>
/// <param name="Version">Raised with every change of the sender's list.</param>
/// <param name="IsAsking">Whether the receiver shall send its own list, and its reports and tables of groups again.</param>
/// <param name="Applications">Their names, each with its instances.</param>
internal sealed record FeedInterest(long Version, bool IsAsking, IReadOnlyList<KeyValuePair<string, IReadOnlyList<long>>> Applications)
{
    internal byte[] Encode()
    {
        var wire = new FeedWireWriter(FeedMessageKind.Interest);
        wire.Put(Version);
        wire.Put(IsAsking ? 1 : 0);
        wire.Put(Applications.Count);
        foreach (var (application, instances) in Applications)
        {
            wire.Put(application);
            wire.Put(instances);
        }
        return wire.ToArray();
    }

    internal static FeedInterest Decode(ref FeedWireReader wire)
    {
        var (version, isAsking) = (wire.Take(), wire.Take() == 1);
        var applications = new KeyValuePair<string, IReadOnlyList<long>>[wire.TakeCount()];
        for (var i = 0; i < applications.Length; i++) applications[i] = new(wire.TakeText(), wire.TakeNumbers());
        return new FeedInterest(version, isAsking, applications);
    }
}

/// <summary>From these positions on the sender pushes all events of the applications and instances that the receiver announced.</summary>
/// <param name="Version">The version of the receiver's list that this covers.</param>
/// <param name="Positions">The newest published position of each instance that the sender owns.</param>
internal sealed record FeedBase(long Version, IReadOnlyList<KeyValuePair<int, long>> Positions)
{
    internal byte[] Encode()
    {
        var wire = new FeedWireWriter(FeedMessageKind.Base);
        wire.Put(Version);
        wire.Put(Positions.Count);
        foreach (var (instance, position) in Positions)
        {
            wire.Put(instance);
            wire.Put(position);
        }
        return wire.ToArray();
    }

    internal static FeedBase Decode(ref FeedWireReader wire)
    {
        var version = wire.Take();
        var positions = new KeyValuePair<int, long>[wire.TakeCount()];
        for (var i = 0; i < positions.Length; i++) positions[i] = new KeyValuePair<int, long>((int)wire.Take(), wire.Take());
        return new FeedBase(version, positions);
    }
}

/// <summary>All that one instance brought, of the applications for which the receiver announced it, behind one position up to another.</summary>
/// <param name="Instance">Which.</param>
/// <param name="From">The position up to which the sender had told before: a receiver that is not there yet has a gap.</param>
/// <param name="To">The position up to which it has told now.</param>
/// <param name="Events">The events between the two.</param>
internal readonly record struct FeedSection(int Instance, long From, long To, IReadOnlyList<StoredEvent> Events)
{
    internal void Encode(FeedWireWriter wire)
    {
        wire.Put(Instance);
        wire.Put(From);
        wire.Put(To);
        wire.Put(Events.Count);
        foreach (var happened in Events)
        {
            wire.Put(happened.Application);
            wire.Put(happened.Position);
            wire.Put(happened.ResourceId);
            wire.Put(happened.Sequence);
            wire.Put(happened.UnixMillis);
            wire.Put(happened.Method);
            wire.Put(happened.Params.Span);
            wire.Put(happened.Media.Span);
        }
    }

    internal static FeedSection Decode(ref FeedWireReader wire)
    {
        var (instance, from, to) = ((int)wire.Take(), wire.Take(), wire.Take());
        var events = new StoredEvent[wire.TakeCount()];
        for (var i = 0; i < events.Length; i++)
        {
            var (application, position, resource) = (wire.TakeText(), wire.Take(), wire.TakeText());
            var (sequence, time, method) = ((int)wire.Take(), wire.Take(), wire.TakeText());
            events[i] = new StoredEvent(application, instance, position, resource, sequence, time, method, wire.TakeBytes(), wire.TakeBytes());
        }
        return new FeedSection(instance, from, to, events);
    }

    internal static IReadOnlyList<FeedSection> DecodeAll(ref FeedWireReader wire)
    {
        var sections = new List<FeedSection>();
        while (!wire.IsAtEnd) sections.Add(Decode(ref wire));
        return sections;
    }
}

/// <summary>What a node's connections of a group are and hold, told to the group's coordinator.</summary>
/// <param name="Application">Whose feed.</param>
/// <param name="Group">The group.</param>
/// <param name="Term">The coordinator's run that gave the last table; 0 for none.</param>
/// <param name="Applied">The number of that table.</param>
/// <param name="IsDetour">Whether the coordinator was chosen because the one that the cluster's view names cannot be reached.</param>
/// <param name="Connections">The node's connections of the group.</param>
/// <param name="Holders">By instance: the connection that its events go to, 0 for none here. Empty without connections.</param>
/// <param name="Acknowledged">By instance: the last acknowledged position as known here. Empty when nothing is known.</param>
internal sealed record GroupReport(string Application, string Group, long Term, long Applied, bool IsDetour, IReadOnlyList<long> Connections,
    IReadOnlyList<long> Holders, IReadOnlyList<long> Acknowledged)
{
    internal byte[] Encode()
    {
        var wire = new FeedWireWriter(FeedMessageKind.Report);
        wire.Put(Application);
        wire.Put(Group);
        wire.Put(Term);
        wire.Put(Applied);
        wire.Put(IsDetour ? 1 : 0);
        wire.Put(Connections);
        wire.Put(Holders);
        wire.Put(Acknowledged);
        return wire.ToArray();
    }

    internal static GroupReport Decode(ref FeedWireReader wire) => new(wire.TakeText(), wire.TakeText(), wire.Take(), wire.Take(), wire.Take() == 1,
        wire.TakeNumbers(), wire.TakeNumbers(), wire.TakeNumbers());
}

/// <summary>Which connection of a node has an instance: 0 for none.</summary>
/// <param name="Connection">Its number on that node.</param>
/// <param name="IsDraining">No more is delivered; what was delivered may be acknowledged, then the instance is given up.</param>
internal readonly record struct GroupEntry(long Connection, bool IsDraining);

/// <summary>How a coordinator divides a group's instances, as far as one node is concerned.</summary>
/// <param name="Application">Whose feed.</param>
/// <param name="Group">The group.</param>
/// <param name="Term">The coordinator's run.</param>
/// <param name="Number">Raised with every table of that run.</param>
/// <param name="IsQuestion">The coordinator has not heard of that node yet: it shall report what it has before anything changes.</param>
/// <param name="Entries">By instance.</param>
/// <param name="Acknowledged">By instance: the last acknowledged position as the coordinator knows it.</param>
internal sealed record GroupTable(string Application, string Group, long Term, long Number, bool IsQuestion, IReadOnlyList<GroupEntry> Entries,
    IReadOnlyList<long> Acknowledged)
{
    internal byte[] Encode()
    {
        var wire = new FeedWireWriter(FeedMessageKind.Table);
        wire.Put(Application);
        wire.Put(Group);
        wire.Put(Term);
        wire.Put(Number);
        wire.Put(IsQuestion ? 1 : 0);
        wire.Put([.. Entries.Select(entry => (entry.Connection << 1) | (entry.IsDraining ? 1L : 0L))]);
        wire.Put(Acknowledged);
        return wire.ToArray();
    }

    internal static GroupTable Decode(ref FeedWireReader wire)
    {
        var (application, group, term, number, isQuestion) = (wire.TakeText(), wire.TakeText(), wire.Take(), wire.Take(), wire.Take() == 1);
        GroupEntry[] entries = [.. wire.TakeNumbers().Select(entry => new GroupEntry(entry >> 1, (entry & 1) == 1))];
        return new GroupTable(application, group, term, number, isQuestion, entries, wire.TakeNumbers());
    }
}

/// <summary>Writes a message.</summary>
internal sealed class FeedWireWriter
{
    private byte[] _bytes = new byte[256];

    internal FeedWireWriter(FeedMessageKind kind) => _bytes[Length++] = (byte)kind;

    internal int Length { get; private set; }

    internal void Put(long value)
    {
        Reserve(10);
        for (var rest = (ulong)value; ; rest >>= 7)
        {
            if (rest < 0x80)
            {
                _bytes[Length++] = (byte)rest;
                return;
            }
            _bytes[Length++] = (byte)(rest | 0x80);
        }
    }

    internal void Put(string text)
    {
        var count = Encoding.UTF8.GetByteCount(text);
        Put((long)count);
        Reserve(count);
        Length += Encoding.UTF8.GetBytes(text, _bytes.AsSpan(Length));
    }

    internal void Put(ReadOnlySpan<byte> bytes)
    {
        Put((long)bytes.Length);
        Reserve(bytes.Length);
        bytes.CopyTo(_bytes.AsSpan(Length));
        Length += bytes.Length;
    }

    internal void Put(IReadOnlyList<long> numbers)
    {
        Put((long)numbers.Count);
        foreach (var number in numbers) Put(number);
    }

    internal byte[] ToArray() => _bytes[..Length];

    private void Reserve(int count)
    {
        if (Length + count > _bytes.Length) Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, Length + count));
    }
}

/// <summary>Reads a message; what is not one throws <see cref="InvalidDataException"/>.</summary>
internal ref struct FeedWireReader(ReadOnlyMemory<byte> message)
{
    private readonly ReadOnlyMemory<byte> _message = message;
    private int _at;

    internal readonly bool IsAtEnd => _at == _message.Length;

    internal FeedMessageKind TakeKind() => _message.IsEmpty ? throw Malformed() : (FeedMessageKind)_message.Span[_at++];

    internal long Take()
    {
        var value = 0UL;
        for (var shift = 0; shift < 63; shift += 7)
        {
            if (_at == _message.Length) throw Malformed();
            var next = _message.Span[_at++];
            value |= (ulong)(next & 0x7f) << shift;
            if (next < 0x80) return (long)value;
        }
        throw Malformed();
    }

    /// <summary>A number of things of at least a byte each, so that no message makes the receiver reserve more than it is long.</summary>
    internal int TakeCount()
    {
        var count = Take();
        return count <= _message.Length - _at ? (int)count : throw Malformed();
    }

    internal ReadOnlyMemory<byte> TakeBytes()
    {
        var count = TakeCount();
        var bytes = _message.Slice(_at, count);
        _at += count;
        return bytes;
    }

    internal string TakeText() => Encoding.UTF8.GetString(TakeBytes().Span);

    internal long[] TakeNumbers()
    {
        var numbers = new long[TakeCount()];
        for (var i = 0; i < numbers.Length; i++) numbers[i] = Take();
        return numbers;
    }

    private static InvalidDataException Malformed() => new("not a message about feeds");
}
