namespace Cti.Actors.Feeds;

/// <summary>One application's feeds. Under the hub's lock.</summary>
internal sealed class ApplicationFeeds(string name, EventRing ring, int instanceCount)
{
    // By instance: the version of this node's announcement since which it is named for the application; 0 while it is not.
    private readonly long[] _announced = new long[instanceCount];
    private bool _isOpen;

    internal string Name => name;

    internal EventRing Ring => ring;

    internal List<FeedReader> Readers { get; } = [];

    internal Dictionary<string, FeedGroup> Groups { get; } = new(StringComparer.Ordinal);

    /// <summary>
    /// Up to where everything of the application is in the ring or is being read, by instance; meaningful for instances of other nodes while a reader wants
    /// them.
    /// </summary>
    internal long[] Known { get; } = new long[instanceCount];

    /// <summary>
    /// The version of this node's announcement from which on it names the instance for the application; the highest number there is while it does not.
    /// </summary>
    internal long AnnouncedIn(int instance) => _announced[instance] is 0 ? long.MaxValue : _announced[instance];

    /// <summary>The version in which anything of this was named last.</summary>
    internal long NewestAnnouncement => _announced.Max();

    /// <summary>The instances that are named.</summary>
    internal IReadOnlyList<long> Wanted =>
        [.. Enumerable.Range(0, _announced.Length).Where(instance => _announced[instance] > 0).Select(static instance => (long)instance)];

    /// <summary>
    /// Looks at what is wanted here: every instance while a feed belongs to no group, else those that the groups' connections hold. What is wanted anew begins
    /// with what is published: feeds read the store up to there.
    /// </summary>
    /// <returns>Whether there is something to tell to the other nodes, under <paramref name="version"/>.</returns>
    internal bool Announce(long version, ReadOnlySpan<long> published)
    {
        var isNews = _isOpen != Readers.Count > 0;
        _isOpen = Readers.Count > 0;
        var all = Readers.Exists(static reader => !reader.IsInGroup);
        for (var instance = 0; instance < _announced.Length; instance++)
        {
            var isWanted = all || Groups.Values.Any(group => group.Holds(instance));
            if (isWanted == _announced[instance] > 0) continue;
            isNews = true;
            _announced[instance] = isWanted ? version : 0;
            if (!isWanted) continue;
            Known[instance] = published[instance];
            foreach (var reader in Readers) reader.ReadUpTo(instance, published[instance]);
        }
        return isNews;
    }

    /// <summary>How many other nodes have feeds of the application.</summary>
    internal int RemoteNodes { get; set; }

    internal bool IsAttended => Readers.Count > 0 || RemoteNodes > 0;

    /// <summary>When the last reader went, here or elsewhere; meaningful while there is none.</summary>
    internal long LostAt { get; set; }
}
