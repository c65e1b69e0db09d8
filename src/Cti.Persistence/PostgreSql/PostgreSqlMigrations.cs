namespace Cti.Persistence.PostgreSql;

/// <summary>
/// The tables and functions, as a list of migrations that is only ever added to. During a rolling upgrade the version before runs on the new tables:
/// a migration adds, and a function that changes gets a new name.
/// </summary>
internal static class PostgreSqlMigrations
{
    // Collation "C": comparing is comparing bytes, and no upgrade of the system's locales can break an index.
    // Rows of calls live for minutes, so a table's share of dead rows says nothing: vacuum comes by their number, at full speed where the table is small,
    // and never cuts a table's end off, for which it would lock all appends out.
    private const string Tables = """
        CREATE TABLE instance(
            id integer PRIMARY KEY,
            owner text COLLATE "C" NOT NULL DEFAULT '',
            epoch bigint NOT NULL DEFAULT 0,
            tail bigint NOT NULL DEFAULT 0
        ) WITH (fillfactor = 10, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_cost_delay = 0);

        CREATE TABLE journal(
            instance integer NOT NULL,
            res_id text COLLATE "C" NOT NULL,
            pos bigint NOT NULL,
            version integer NOT NULL,
            payload bytea NOT NULL,
            PRIMARY KEY(instance, res_id, pos)
        ) WITH (autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_scale_factor = 0.1, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);

        CREATE TABLE event(
            app text COLLATE "C" NOT NULL,
            instance integer NOT NULL,
            pos bigint NOT NULL,
            res_id text COLLATE "C" NOT NULL,
            seq integer NOT NULL,
            time bigint NOT NULL,
            method text COLLATE "C" NOT NULL,
            params bytea NOT NULL,
            media bytea NOT NULL,
            PRIMARY KEY(app, instance, pos)
        ) WITH (autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_limit = 2000, vacuum_truncate = off);
        CREATE INDEX event_time ON event(time);

        CREATE TABLE expired(
            app text COLLATE "C" NOT NULL,
            instance integer NOT NULL,
            pos bigint NOT NULL,
            PRIMARY KEY(app, instance)
        ) WITH (fillfactor = 50);

        CREATE TABLE idempotency(
            instance integer NOT NULL,
            app text COLLATE "C" NOT NULL,
            request_id uuid NOT NULL,
            params_hash bigint NOT NULL,
            time bigint NOT NULL,
            reply bytea NOT NULL,
            PRIMARY KEY(instance, app, request_id)
        ) WITH (autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_limit = 2000, vacuum_truncate = off);
        CREATE INDEX idempotency_time ON idempotency(time);

        CREATE TABLE trunk(
            name text COLLATE "C" PRIMARY KEY,
            used integer NOT NULL
        ) WITH (fillfactor = 10, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_cost_delay = 0);
        CREATE TABLE permit(
            id text COLLATE "C" PRIMARY KEY,
            trunk text COLLATE "C" NOT NULL,
            time bigint NOT NULL,
            res_id text COLLATE "C"
        ) WITH (autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_scale_factor = 0.1, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);
        CREATE INDEX permit_resource ON permit(res_id);
        CREATE INDEX permit_trunk ON permit(trunk);

        CREATE TABLE feed_position(
            app text COLLATE "C" NOT NULL,
            grp text COLLATE "C" NOT NULL,
            instance integer NOT NULL,
            pos bigint NOT NULL,
            PRIMARY KEY(app, grp, instance)
        ) WITH (fillfactor = 30, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_scale_factor = 0);

        CREATE TABLE cdr_number(
            node text COLLATE "C" PRIMARY KEY,
            last bigint NOT NULL
        ) WITH (fillfactor = 10, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_cost_delay = 0);
        CREATE TABLE cdr(
            node text COLLATE "C" NOT NULL,
            number bigint NOT NULL,
            uuid uuid NOT NULL,
            res_id text COLLATE "C" NOT NULL,
            time bigint NOT NULL,
            fields bytea NOT NULL,
            PRIMARY KEY(node, number)
        );
        """;

    // One call is one statement, one round trip, one transaction; each statement within sees what is committed when it begins (a volatile function under READ
    // COMMITTED), so everything behind the first sees the world as it is once all locks are held. The client sends all parameters before the first lock is
    // taken. The planner's choices are fixed, because it would plan for the empty tables of a fresh cluster.
    private const string Append = """
        CREATE FUNCTION cti_append_1(
            a_id integer[], a_owner text[], a_epoch bigint[], a_expected bigint[], a_tail bigint[],
            e_n integer[], e_pos bigint[], e_res text[], e_version integer[], e_payload bytea[],
            v_n integer[], v_app text[], v_pos bigint[], v_res text[], v_seq integer[], v_time bigint[], v_method text[], v_params bytea[], v_media bytea[],
            i_n integer[], i_app text[], i_request uuid[], i_hash bigint[], i_time bigint[], i_reply bytea[],
            c_n integer[], c_uuid uuid[], c_node text[], c_res text[], c_time bigint[], c_fields bytea[],
            b_n integer[], b_permit text[], b_res text[],
            p_n integer[], p_permit text[],
            r_n integer[], r_res text[]
        ) RETURNS integer[] LANGUAGE plpgsql VOLATILE
        SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
        AS $$
        #variable_conflict use_column
        DECLARE
            outcome integer[] := array_fill(0, ARRAY[cardinality(a_id)]);
            accepted integer := 0;
            looked_at integer := -1;
            reached bigint;
            a record;
        BEGIN
            -- In order of id, so that two nodes never wait for each other. A takeover waits here for an append that is under way, or this one for the takeover.
            PERFORM 1 FROM instance WHERE id = ANY(a_id) ORDER BY id FOR NO KEY UPDATE;

            FOR a IN
                SELECT x.n, x.id, x.expected, x.new_tail, i.tail, i.owner = x.owner AND i.epoch = x.epoch AS owned
                FROM unnest(a_id, a_owner, a_epoch, a_expected, a_tail) WITH ORDINALITY AS x(id, owner, epoch, expected, new_tail, n)
                JOIN instance i ON i.id = x.id
                ORDER BY x.id, x.n
            LOOP
                IF a.id <> looked_at THEN
                    looked_at := a.id;
                    reached := a.tail;
                END IF;
                IF NOT a.owned THEN
                    outcome[a.n] := 1;
                ELSIF a.expected <> reached THEN
                    outcome[a.n] := 2;
                ELSE
                    reached := a.new_tail;
                    accepted := accepted + 1;
                END IF;
            END LOOP;
            IF accepted = 0 THEN
                RETURN outcome;
            END IF;

            UPDATE instance i SET tail = m.new_tail
            FROM (SELECT x.id, min(x.expected) AS expected, max(x.new_tail) AS new_tail
                FROM unnest(a_id, a_expected, a_tail, outcome) AS x(id, expected, new_tail, refused) WHERE x.refused = 0 GROUP BY x.id) m
            WHERE i.id = m.id AND i.tail = m.expected;

            INSERT INTO journal(instance, res_id, pos, version, payload)
            SELECT a_id[x.n], x.res, x.pos, x.version, x.payload
            FROM unnest(e_n, e_res, e_pos, e_version, e_payload) AS x(n, res, pos, version, payload) WHERE outcome[x.n] = 0;

            IF cardinality(v_n) > 0 THEN
                INSERT INTO event(app, instance, pos, res_id, seq, time, method, params, media)
                SELECT x.app, a_id[x.n], x.pos, x.res, x.seq, x.time, x.method, x.params, x.media
                FROM unnest(v_n, v_app, v_pos, v_res, v_seq, v_time, v_method, v_params, v_media) AS x(n, app, pos, res, seq, time, method, params, media)
                WHERE outcome[x.n] = 0;
            END IF;

            IF cardinality(i_n) > 0 THEN
                INSERT INTO idempotency(instance, app, request_id, params_hash, time, reply)
                SELECT DISTINCT ON (a_id[x.n], x.app, x.request) a_id[x.n], x.app, x.request, x.hash, x.time, x.reply
                FROM unnest(i_n, i_app, i_request, i_hash, i_time, i_reply) WITH ORDINALITY AS x(n, app, request, hash, time, reply, o)
                WHERE outcome[x.n] = 0 ORDER BY a_id[x.n], x.app, x.request, x.o DESC
                ON CONFLICT (instance, app, request_id) DO UPDATE SET params_hash = excluded.params_hash, time = excluded.time, reply = excluded.reply;
            END IF;

            IF cardinality(c_n) > 0 THEN
                -- The counter's row stays locked until the commit, so that a node's records appear in the order of their numbers. A sequence would not do that.
                WITH x AS MATERIALIZED (
                    SELECT c.*, row_number() OVER (PARTITION BY c.node ORDER BY c.o) AS k, count(*) OVER (PARTITION BY c.node) AS total
                    FROM unnest(c_n, c_uuid, c_node, c_res, c_time, c_fields) WITH ORDINALITY AS c(n, uuid, node, res, time, fields, o) WHERE outcome[c.n] = 0),
                numbered AS (
                    INSERT INTO cdr_number AS t(node, last) SELECT node, count(*) FROM x GROUP BY node ORDER BY node
                    ON CONFLICT (node) DO UPDATE SET last = t.last + excluded.last RETURNING t.node, t.last)
                INSERT INTO cdr(node, number, uuid, res_id, time, fields)
                SELECT x.node, numbered.last - x.total + x.k, x.uuid, x.res, x.time, x.fields
                FROM x JOIN numbered ON numbered.node = x.node ORDER BY x.node, x.k;
            END IF;

            IF cardinality(b_n) > 0 THEN
                UPDATE permit p SET res_id = x.res FROM unnest(b_n, b_permit, b_res) AS x(n, permit, res) WHERE p.id = x.permit AND outcome[x.n] = 0;
            END IF;
            IF cardinality(p_n) > 0 THEN
                DELETE FROM permit p USING unnest(p_n, p_permit) AS x(n, permit) WHERE p.id = x.permit AND outcome[x.n] = 0;
            END IF;
            IF cardinality(r_n) > 0 THEN
                DELETE FROM permit p USING unnest(r_n, r_res) AS x(n, res) WHERE p.res_id = x.res AND outcome[x.n] = 0;
                DELETE FROM journal j USING unnest(r_n, r_res) AS x(n, res)
                WHERE j.instance = a_id[x.n] AND j.res_id = x.res AND j.pos <= a_tail[x.n] AND outcome[x.n] = 0;
            END IF;
            RETURN outcome;
        END
        $$;
        """;

    // used is at least the number of permits: a release deletes its permit and leaves the trunk's row alone, which would otherwise make the appends of all
    // nodes wait for each other's commits. Only where it looks as if none were left, they are counted.
    private const string Permit = """
        CREATE FUNCTION cti_permit_1(p_trunk text, p_max integer, p_id text, p_time bigint) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
        #variable_conflict use_column
        DECLARE
            taken integer;
        BEGIN
            IF EXISTS (SELECT FROM permit WHERE id = p_id) THEN
                RETURN true;
            END IF;
            INSERT INTO trunk(name, used) VALUES (p_trunk, 0) ON CONFLICT (name) DO NOTHING;
            SELECT used INTO taken FROM trunk WHERE name = p_trunk FOR NO KEY UPDATE;
            -- The same request may have come on another connection while this one waited.
            IF EXISTS (SELECT FROM permit WHERE id = p_id) THEN
                RETURN true;
            END IF;
            IF taken >= p_max THEN
                SELECT count(*) INTO taken FROM permit WHERE trunk = p_trunk;
                IF taken >= p_max THEN
                    RETURN false;
                END IF;
            END IF;
            UPDATE trunk SET used = taken + 1 WHERE name = p_trunk;
            INSERT INTO permit(id, trunk, time) VALUES (p_id, p_trunk, p_time);
            RETURN true;
        END
        $$;
        """;

    // For people: a record's fields and its quality by name.
    private const string View = """
        CREATE VIEW call_record AS SELECT number, node, res_id, time,
            f ->> 0 AS id, f ->> 1 AS nodeid, f ->> 2 AS cdrid, f ->> 3 AS processid, f ->> 4 AS callid, f ->> 5 AS ch, f ->> 6 AS devno, f ->> 7 AS ani,
            f ->> 8 AS dnis, f ->> 9 AS dnis2, f ->> 10 AS orgcallno, f ->> 11 AS dir, f ->> 12 AS devtype, f ->> 13 AS busitype, f ->> 14 AS callstatus,
            f ->> 15 AS endtype, f ->> 16 AS ipscreason, f ->> 17 AS callfailcause, f ->> 18 AS callbegintime, f ->> 19 AS connectbegintime,
            f ->> 20 AS callendtime, f ->> 21 AS talkduration, f ->> 22 AS projectid, f ->> 23 AS flowid, f ->> 24 AS additionalinfo1,
            f ->> 25 AS additionalinfo2, f ->> 26 AS additionalinfo3, f ->> 27 AS additionalinfo4, f ->> 28 AS additionalinfo5,
            f -> 29 -> 'received' ->> 'codec' AS received_codec, (f -> 29 -> 'received' ->> 'packets')::bigint AS received_packets,
            (f -> 29 -> 'received' ->> 'lost')::bigint AS received_lost, (f -> 29 -> 'received' ->> 'jitter_ms')::numeric AS received_jitter_ms,
            (f -> 29 -> 'received' ->> 'round_trip_ms')::numeric AS received_round_trip_ms, (f -> 29 -> 'received' ->> 'mos')::numeric AS received_mos,
            f -> 29 -> 'sent' ->> 'codec' AS sent_codec, (f -> 29 -> 'sent' ->> 'packets')::bigint AS sent_packets,
            (f -> 29 -> 'sent' ->> 'lost')::bigint AS sent_lost, (f -> 29 -> 'sent' ->> 'jitter_ms')::numeric AS sent_jitter_ms,
            (f -> 29 -> 'sent' ->> 'round_trip_ms')::numeric AS sent_round_trip_ms, (f -> 29 -> 'sent' ->> 'mos')::numeric AS sent_mos
            FROM (SELECT number, node, res_id, time, CASE WHEN length(fields) > 0 THEN convert_from(fields, 'UTF8')::jsonb END AS f FROM cdr OFFSET 0) records;
        """;

    // A row is written five times a second by each node, always in place.
    private const string Nodes = """
        CREATE TABLE node(
            name text COLLATE "C" PRIMARY KEY,
            incarnation text COLLATE "C" NOT NULL,
            link text COLLATE "C" NOT NULL,
            gateway boolean NOT NULL,
            media boolean NOT NULL,
            version text COLLATE "C" NOT NULL,
            draining boolean NOT NULL,
            started bigint NOT NULL,
            renewals bigint NOT NULL,
            renewed_at bigint NOT NULL
        ) WITH (fillfactor = 10, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_cost_delay = 0);
        """;

    internal static readonly string[] All = [Tables + Append + Permit + View, Nodes];
}
