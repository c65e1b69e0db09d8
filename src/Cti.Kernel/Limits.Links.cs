namespace Cti.Kernel;

public static partial class Limits
{
    /// <summary>Nodes with which one node has links: several times the largest cluster that one PostgreSQL carries.</summary>
    public const int LinkPeersMax = 64;
    /// <summary>Accepted streams that have not proved yet who they are: every peer at once, and as many strangers.</summary>
    public const int LinkPendingMax = 2 * LinkPeersMax;
    /// <summary>Milliseconds in which a peer's host must have answered whether anybody listens: two retransmissions of a lost SYN.</summary>
    public const int LinkHandshakeMillis = 3_500;
    /// <summary>Milliseconds after which something is sent on a connection that is silent, so that the peer sees it alive.</summary>
    public const int LinkPingMillis = 500;
    /// <summary>
    /// How long the link to a node that left the cluster's view is kept, in milliseconds: some round trips, so that what it was told last reaches it.
    /// </summary>
    public const int LinkPartingMillis = 300;
    /// <summary>Milliseconds without a byte after which a link counts as broken: with 5 % loss, TCP's retransmissions stay below it.</summary>
    public const int LinkSilenceMillis = 2_500;
    /// <summary>Milliseconds after which a silent link is greeted again: remoting's beats say that a connection lives, this that both ends use it.</summary>
    public const int LinkBeatMillis = 1_000;
    /// <summary>Milliseconds after which a link over which nothing comes, or a peer that does not answer, is connected to anew: five greetings.</summary>
    public const int LinkMuteMillis = 5_000;
    /// <summary>Milliseconds between two looks at the links' deadlines.</summary>
    public const int LinkTickMillis = 100;
    /// <summary>
    /// The longest pause between two tries to connect, in milliseconds; the first comes at once, the second after <see cref="LinkTickMillis"/>.
    /// </summary>
    public const int LinkRetryMillisMax = 1_000;
    /// <summary>Characters of a cluster secret, at least: who records a handshake can try guesses without asking anybody.</summary>
    public const int LinkSecretCharsMin = 16;
    /// <summary>
    /// How long a request waits for its instance to have an owner again, in milliseconds: the worst fail-over, a lease and a second, and as much again.
    /// </summary>
    public const int MovingMillis = 5_000;
    /// <summary>
    /// Requests with a UUID that wait, per instance, until its new owner has read what was answered before: past it they are told to come again.
    /// </summary>
    public const int InstanceEarlyMax = 10_000;
    /// <summary>Milliseconds between two looks for the owner of what waits: well below a fail-over.</summary>
    public const int MovingRetryMillis = 50;
    /// <summary>Milliseconds until a query looks again whether a resource has heard what its partner told: about a commit.</summary>
    public const int PartnerRetryMillis = 2;
    /// <summary>
    /// Milliseconds that a query waits for the word of a partner on another node: living nodes take a few; past it what is known here is answered.
    /// </summary>
    public const int PartnerNewsMillis = 1_000;
    /// <summary>Milliseconds until a question to a node about itself is given up: it touches no disk there.</summary>
    public const int NodeAnswerMillis = 2_000;
    /// <summary>
    /// How long a SIP request waits for its instance to have an owner again, in milliseconds: a little less than its sender waits (64 T1), so that it still
    /// gets its 503.
    /// </summary>
    public const int SipMovingMillis = 30_000;
    /// <summary>
    /// SIP messages that wait for an owner or for its answer, on one node: past it they are refused with 503 or dropped, as by a full socket.
    /// </summary>
    public const int SipForwardedMax = 20_000;
    /// <summary>
    /// Milliseconds in which another node is to say whether it has an INVITE already: a hundred times what it needs; then another is asked, once, and no answer
    /// counts as no.
    /// </summary>
    public const int SameInviteMillis = 100;
    /// <summary>
    /// How long a witness knows who has asked about an INVITE, in milliseconds: a proxy waits 64 T1 for one node, and the next may be slow too.
    /// </summary>
    public const int InviteWitnessMillis = 64_000;
    /// <summary>INVITEs that a node knows of, its own and those whose witness it is; the oldest go first: enough for 500 of either a second.</summary>
    public const int InviteWitnessesMax = 64_000;
}
