namespace Cti.Sip.Transaction;

/// <summary>
/// Transactions by their earliest deadline: a binary heap in which each knows its place, so that a deadline that moves costs no garbage.
/// </summary>
internal sealed class DeadlineHeap
{
    private SipTransaction[] _items = new SipTransaction[64];
    private int _count;

    /// <summary>The earliest deadline; <see cref="TransactionState.Never"/> where there is none.</summary>
    public long Next => _count == 0 ? TransactionState.Never : _items[0].Deadline;

    /// <summary>The transaction with the earliest deadline.</summary>
    public SipTransaction First => _items[0];

    /// <summary>Puts the transaction where its deadline belongs; takes it out where that is never.</summary>
    public void Place(SipTransaction item, long deadline)
    {
        if (deadline == TransactionState.Never)
        {
            Remove(item);
            return;
        }
        if (item.HeapIndex < 0)
        {
            if (_count == _items.Length) Array.Resize(ref _items, _count * 2);
            item.Deadline = deadline;
            Put(item, _count++);
            Up(item.HeapIndex);
            return;
        }
        var earlier = deadline < item.Deadline;
        item.Deadline = deadline;
        if (earlier) Up(item.HeapIndex);
        else Down(item.HeapIndex);
    }

    /// <summary>Gives back room that is not needed.</summary>
    public void Shrink()
    {
        if (_items.Length > 64 && _count < _items.Length / 2) Array.Resize(ref _items, Math.Max(64, _count));
    }

    private void Remove(SipTransaction item)
    {
        var at = item.HeapIndex;
        if (at < 0) return;
        item.HeapIndex = -1;
        var last = _items[--_count];
        _items[_count] = null!;
        if (last == item) return;
        Put(last, at);
        Up(at);
        Down(last.HeapIndex);
    }

    private void Up(int at)
    {
        var item = _items[at];
        while (at > 0)
        {
            var parent = (at - 1) / 2;
            if (!Before(item, _items[parent])) break;
            Put(_items[parent], at);
            at = parent;
        }
        Put(item, at);
    }

    private void Down(int at)
    {
        var item = _items[at];
        while (true)
        {
            var child = (at * 2) + 1;
            if (child >= _count) break;
            if (child + 1 < _count && Before(_items[child + 1], _items[child])) child++;
            if (!Before(_items[child], item)) break;
            Put(_items[child], at);
            at = child;
        }
        Put(item, at);
    }

    // Of equal deadlines the older transaction comes first, so that a seed replays the same order.
    private static bool Before(SipTransaction a, SipTransaction b) => a.Deadline != b.Deadline ? a.Deadline < b.Deadline : a.Id < b.Id;

    private void Put(SipTransaction item, int at)
    {
        _items[at] = item;
        item.HeapIndex = at;
    }
}
