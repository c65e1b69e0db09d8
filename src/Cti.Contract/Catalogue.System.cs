using System.Collections.Immutable;
using Cti.Kernel;

namespace Cti.Contract;

public static partial class Catalogue
{
    /// <summary>Names of the methods that act on the connection itself, not on a resource.</summary>
    public const string Subscribe = "sys.event.subscribe", Acknowledge = "sys.event.ack", Discover = "rpc.discover", ListNodes = "sys.node.list",
        ListTrunks = "sys.trunk.list", WatchTrunks = "sys.trunk.subscribe";

    /// <summary>The event of a trunk's target or registration, told live to the connections that asked for it.</summary>
    public const string TrunkState = "sys.trunk.on_state";

    private static IEnumerable<MethodDefinition> SystemMethods()
    {
        var cursor = new ResultDefinition(FieldType.Object, "Where the feed stands.", [new("cursor", FieldType.String, "The cursor.")]);
        yield return new(Subscribe, $"Replaces the connection's live feed. In a group, a connection that has {Limits.UnacknowledgedEventsMax} events to "
            + "acknowledge gets the next ones after `sys.event.ack`. WebSocket only.",
            [
                new("from", ParameterKind.Text, "A cursor, `earliest`, or null for now; a group's stored position wins over it.")
                {
                    Nullable = true, EmptyAllowed = false,
                },
                new("group", ParameterKind.Text, "Connections of one group share the application's feed, divided by instance.")
                {
                    Nullable = true, EmptyAllowed = false, Max = Limits.GroupNameCharsMax,
                },
            ], cursor)
        { Errors = [ErrorCodes.Gone] };
        yield return new(Acknowledge, "Moves the group's position to the cursor; covers what was delivered to this connection. WebSocket only.",
            [new("cursor", ParameterKind.Text, "`meta.cursor` of an event.") { Required = true, EmptyAllowed = false }], cursor);
        yield return new(Discover, "This API as an OpenRPC document.", [], new(FieldType.Object, "The document.", []));
        yield return new(ListNodes, "The cluster's nodes.", [], new(FieldType.Array, "The nodes.",
        [
            new("name", FieldType.String, "Its name."), new("roles", FieldType.Array, "Its roles.") { Elements = [FieldType.String] },
            new("version", FieldType.String, "Its version."),
            new("instances", FieldType.Integer, "Instances that it owns."),
            new("epoch", FieldType.Integer, "The newest epoch of those; of a node that answers.") { Optional = true },
            new("calls", FieldType.Integer, "Calls that are up; null: it does not answer.", Nullable: true),
            new("lag_ms", FieldType.Integer,
                "How long its journal has been writing the present batch, in milliseconds; of a node that answers.") { Optional = true },
            new("draining", FieldType.Boolean, "Whether it takes no new call."),
            new("alone", FieldType.Boolean, "True where no other node could take its calls over.") { Optional = true },
            new("started", FieldType.Integer, "When it started. Unix seconds."),
            new("trunks", FieldType.Array, "Its trunks; of a node that answers.")
            {
                Optional = true,
                Fields =
                [
                    new("name", FieldType.String, "The trunk's name."), new("up", FieldType.Boolean, "Whether calls can go that way."),
                    .. RegistrationFields(),
                ],
            },
            new("cluster", FieldType.Object, "What Akka has made of the cluster, as the node sees it; of a node that answers and is not alone.")
            {
                Optional = true, Fields = ClusterFields(),
            },
        ]))
        { AdminOnly = true };
        yield return new(ListTrunks, "The trunks as each node sees them: one element for each trunk and node that has SIP and answers.", [],
            new(FieldType.Array, "The trunks.",
            [
                new("node", FieldType.String, "Whose view it is."), new("name", FieldType.String, "The trunk's name."),
                new("up", FieldType.Boolean, "Whether calls can go that way: one of its targets is up."),
                new("targets", FieldType.Array, "Where its requests go.")
                {
                    Fields =
                    [
                        new("target", FieldType.String, "Its host, and its port where one is configured."),
                        new("priority", FieldType.Integer, "Those of the least are tried first."),
                        new("weight", FieldType.Integer, "Of one priority each is tried first in proportion to it."),
                        new("up", FieldType.Boolean, "Whether it answers."),
                        new("code", FieldType.Integer, "The SIP status that says so: 408 no answer, 503 also where it cannot be reached.") { Optional = true },
                        new("reason", FieldType.String, "The same in words.") { Optional = true },
                        Time("since", "Since when it is up or down; once anything was heard of it.") with { Optional = true },
                    ],
                },
                .. RegistrationFields(),
                new("calls", FieldType.Integer, "Calls over it at this node."),
                new("max_calls", FieldType.Integer, "How many calls may be placed over it at once in the whole cluster; 0: no limit."),
                new("calls_per_second", FieldType.Integer, "New calls a second at this node, either way; 0: no limit."),
                new("too_fast", FieldType.Integer, "New calls that this limit has refused since the node started."),
            ]))
        { AdminOnly = true };
        yield return new(WatchTrunks, $"From now on the connection is told `{TrunkState}` of all nodes. WebSocket only.", [], ResultDefinition.Accepted)
        { AdminOnly = true };
    }

    private static ImmutableArray<FieldDefinition> ClusterFields() =>
    [
        new("address", FieldType.String, "Where the other nodes reach it."),
        new("status", FieldType.String, "Its status as a member: Joining, Up, Leaving, Exiting or Down; none while it is no member."),
        new("coordinator", FieldType.String, "The node that hosts the shard coordinator; null while there is none.", Nullable: true),
        new("members", FieldType.Array, "The members.")
        {
            Fields =
            [
                new("name", FieldType.String, "The node's name; null for one that has no row.", Nullable: true),
                new("address", FieldType.String, "Where the other nodes reach it."),
                new("roles", FieldType.Array, "Its roles.") { Elements = [FieldType.String] },
                new("status", FieldType.String, "Joining, Up, Leaving, Exiting or Down."),
                new("reachable", FieldType.Boolean, "False while a member does not hear it."),
            ],
        },
        new("shards", FieldType.Integer, "Shards that live on the node."),
        new("shards_waiting", FieldType.Integer, "Shards that wait on the node for their leases."),
        new("instances", FieldType.Integer, "Instances of the cluster, which are its shards."),
        new("instances_unowned", FieldType.Integer, "Those that no living node owns."),
        new("leases", FieldType.Array, "The instances that the node owns, 1024 at most.")
        {
            Fields = [new("instance", FieldType.Integer, "Its number."), new("epoch", FieldType.Integer, "The epoch under which the node owns it.")],
        },
    ];

    private static IEnumerable<FieldDefinition> RegistrationFields() =>
    [
        new("registered", FieldType.Boolean, "Whether the node is registered there; of a trunk that it registers at.") { Optional = true },
        new("registered_until", FieldType.Integer, "Until when, in seconds since 1970; while it is.") { Optional = true },
        new("register_status", FieldType.Integer, "The SIP status that the last attempt failed with; where it did.") { Optional = true },
        new("register_reason", FieldType.String, "The same in words.") { Optional = true },
        new("register_since", FieldType.Integer, "Since when it is registered, or fails, in seconds since 1970.") { Optional = true },
    ];

    private static IEnumerable<EventDefinition> SystemEvents() =>
    [
        new("sys.on_chan_closed", "A SIP channel closed; its CDR.",
        [
            new("data", FieldType.Array,
                $"The CDR's fields, in this order: {string.Join(", ", CallRecordFields.Names.Select(static name => $"`{name}`"))}.")
            { Elements = [FieldType.String, FieldType.Integer] },
        ]),
        new(TrunkState, $"A target of a trunk goes up or down, or a registration begins or ends to hold. It is no resource's event: it has no `meta`, is kept "
            + $"nowhere and comes only while it happens, to connections that have asked for it by `{WatchTrunks}`; what holds is told by `{ListTrunks}`.",
        [
            new("trunk", FieldType.String, "The trunk's name."), new("target", FieldType.String, "Which of its targets."),
            new("state", FieldType.String, "`up`, `down`, `registered` or `unregistered`."),
            new("code", FieldType.Integer, "The SIP status that says so: 408 for no answer, 503 also where it cannot be reached, 0 for none."),
            new("reason", FieldType.String, "The same in words."), Time("since", "Since when."), new("node", FieldType.String, "Which node says so."),
        ]),
    ];
}
