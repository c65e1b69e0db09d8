using Cti.Persistence;

namespace Cti.Actors.Feeds;

/// <summary>
/// The newest events of one application, numbered by arrival: from <see cref="Start"/> to before <see cref="End"/>. Grows to its bound, then forgets the
/// oldest.
/// </summary>
/// <param name="max">The bound: a power of two.</param>
internal sealed class EventRing(int max)
{
    private StoredEvent?[] _events = [];

    internal long Start { get; private set; }

    internal long End { get; private set; }

    internal StoredEvent this[long index] => _events[index & (_events.Length - 1)]!;

    internal void Add(StoredEvent happened)
    {
        if (End - Start == _events.Length)
        {
            if (_events.Length < max) Grow();
            else Start++;
        }
        _events[End++ & (_events.Length - 1)] = happened;
    }

    /// <summary>Forgets all; numbers go on, so an index noted before stays meaningful.</summary>
    internal void Clear()
    {
        _events = [];
        Start = End;
    }

    private void Grow()
    {
        var larger = new StoredEvent?[_events.Length == 0 ? Math.Min(64, max) : _events.Length * 2];
        for (var index = Start; index < End; index++) larger[index & (larger.Length - 1)] = this[index];
        _events = larger;
    }
}
