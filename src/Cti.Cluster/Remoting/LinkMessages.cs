namespace Cti.Cluster.Remoting;

/// <summary>What the link actors of two nodes say to each other; written by <see cref="LinkSerializer"/>.</summary>
internal abstract record LinkMessage;

/// <summary>Asks for a link.</summary>
/// <param name="Version">Of everything that is said between nodes.</param>
/// <param name="Link">The sender's number of the link that it wants.</param>
/// <param name="Name">The sender.</param>
/// <param name="Incarnation">Names one run of its program.</param>
/// <param name="Called">Whom it believes to call.</param>
internal sealed record Greeting(int Version, long Link, string Name, string Incarnation, string Called) : LinkMessage;

/// <summary>The link is up.</summary>
/// <param name="Link">As in the greeting.</param>
/// <param name="Own">The number that the sender of this gives it.</param>
/// <param name="Name">Who answers.</param>
/// <param name="Incarnation">Names one run of its program.</param>
internal sealed record Welcome(long Link, long Own, string Name, string Incarnation) : LinkMessage;

/// <summary>There will be no link.</summary>
/// <param name="Version">What the sender speaks.</param>
/// <param name="Why">For the log.</param>
internal sealed record Unwelcome(int Version, string Why) : LinkMessage;

/// <summary>A message of a channel.</summary>
/// <param name="Link">The sender's number of the link.</param>
/// <param name="Number">Counts the link's frames, from 1: one that is missing was lost.</param>
/// <param name="Channel">Who receives it.</param>
/// <param name="Payload">What.</param>
internal sealed record LinkFrame(long Link, long Number, LinkChannel Channel, ReadOnlyMemory<byte> Payload) : LinkMessage;

/// <summary>So many bytes of payloads have been handed on: the sender's queue is shorter by them.</summary>
/// <param name="Link">The number that the sender of the frames gave the link.</param>
/// <param name="Bytes">Since the link is up.</param>
internal sealed record LinkReceipt(long Link, long Bytes) : LinkMessage;

/// <summary>To a shard, wherever it lives: begin, if you have not.</summary>
/// <param name="Instance">The shard's instance.</param>
internal sealed record WakeInstance(int Instance) : LinkMessage;

/// <summary>To oneself: look at what is due.</summary>
internal sealed record LookAtLinks
{
    public static readonly LookAtLinks Instance = new();
}

/// <summary>To oneself: what became of a connection to a peer's address.</summary>
/// <param name="Peer">Whose.</param>
/// <param name="IsRefused">Whether its host said that nobody listens there.</param>
internal sealed record Probed(string Peer, bool IsRefused);
