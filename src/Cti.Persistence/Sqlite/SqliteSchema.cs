using System.Globalization;

namespace Cti.Persistence.Sqlite;

/// <summary>The tables, as a list of migrations that is only ever added to: a file of any older version is brought up to date when opened.</summary>
internal static class SqliteSchema
{
    // Tables without a row id keep a row once, in the order in which it is read. A secondary index carries the primary key behind its own columns.
    private static readonly string[] Migrations =
    [
        """
        CREATE TABLE setting(name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE instance(id INTEGER NOT NULL PRIMARY KEY, owner TEXT NOT NULL, epoch INTEGER NOT NULL, tail INTEGER NOT NULL);
        CREATE TABLE journal(instance INTEGER NOT NULL, pos INTEGER NOT NULL, res_id TEXT NOT NULL, version INTEGER NOT NULL, payload BLOB NOT NULL,
            PRIMARY KEY(instance, pos)) WITHOUT ROWID;
        CREATE INDEX journal_resource ON journal(res_id);
        CREATE TABLE event(app TEXT NOT NULL, instance INTEGER NOT NULL, pos INTEGER NOT NULL, res_id TEXT NOT NULL, seq INTEGER NOT NULL,
            time INTEGER NOT NULL, method TEXT NOT NULL, params BLOB NOT NULL, media BLOB NOT NULL, PRIMARY KEY(app, instance, pos)) WITHOUT ROWID;
        CREATE INDEX event_time ON event(time);
        CREATE TABLE expired(app TEXT NOT NULL, instance INTEGER NOT NULL, pos INTEGER NOT NULL, PRIMARY KEY(app, instance)) WITHOUT ROWID;
        CREATE TABLE idempotency(instance INTEGER NOT NULL, app TEXT NOT NULL, request_id BLOB NOT NULL, params_hash INTEGER NOT NULL,
            time INTEGER NOT NULL, reply BLOB NOT NULL, PRIMARY KEY(instance, app, request_id)) WITHOUT ROWID;
        CREATE INDEX idempotency_time ON idempotency(time);
        CREATE TABLE trunk(name TEXT NOT NULL PRIMARY KEY, used INTEGER NOT NULL) WITHOUT ROWID;
        CREATE TABLE permit(id TEXT NOT NULL PRIMARY KEY, trunk TEXT NOT NULL, time INTEGER NOT NULL, res_id TEXT) WITHOUT ROWID;
        CREATE INDEX permit_resource ON permit(res_id);
        CREATE TABLE feed_position(app TEXT NOT NULL, grp TEXT NOT NULL, instance INTEGER NOT NULL, pos INTEGER NOT NULL,
            PRIMARY KEY(app, grp, instance)) WITHOUT ROWID;
        CREATE TABLE cdr(id INTEGER PRIMARY KEY AUTOINCREMENT, uuid BLOB NOT NULL, node TEXT NOT NULL, res_id TEXT NOT NULL, time INTEGER NOT NULL,
            fields BLOB NOT NULL);
        """,
        // A call's entries lie together, so that its release finds them without an index of its own: each row is written into one tree, not into two.
        """
        CREATE TABLE journal_by_resource(instance INTEGER NOT NULL, res_id TEXT NOT NULL, pos INTEGER NOT NULL, version INTEGER NOT NULL, payload BLOB NOT NULL,
            PRIMARY KEY(instance, res_id, pos)) WITHOUT ROWID;
        INSERT INTO journal_by_resource(instance, res_id, pos, version, payload) SELECT instance, res_id, pos, version, payload FROM journal;
        DROP TABLE journal;
        ALTER TABLE journal_by_resource RENAME TO journal;
        """,
        // For people: a record's fields and its quality by name. (Text, because SQLite's JSON functions take blobs only from version 3.45 on.)
        """
        CREATE VIEW call_record AS SELECT number, node, res_id, time,
            json_extract(f, '$[0]') AS id, json_extract(f, '$[1]') AS nodeid, json_extract(f, '$[2]') AS cdrid, json_extract(f, '$[3]') AS processid,
            json_extract(f, '$[4]') AS callid, json_extract(f, '$[5]') AS ch, json_extract(f, '$[6]') AS devno, json_extract(f, '$[7]') AS ani,
            json_extract(f, '$[8]') AS dnis, json_extract(f, '$[9]') AS dnis2, json_extract(f, '$[10]') AS orgcallno, json_extract(f, '$[11]') AS dir,
            json_extract(f, '$[12]') AS devtype, json_extract(f, '$[13]') AS busitype, json_extract(f, '$[14]') AS callstatus,
            json_extract(f, '$[15]') AS endtype,
            json_extract(f, '$[16]') AS ipscreason, json_extract(f, '$[17]') AS callfailcause, json_extract(f, '$[18]') AS callbegintime,
            json_extract(f, '$[19]') AS connectbegintime, json_extract(f, '$[20]') AS callendtime, json_extract(f, '$[21]') AS talkduration,
            json_extract(f, '$[22]') AS projectid, json_extract(f, '$[23]') AS flowid, json_extract(f, '$[24]') AS additionalinfo1,
            json_extract(f, '$[25]') AS additionalinfo2, json_extract(f, '$[26]') AS additionalinfo3, json_extract(f, '$[27]') AS additionalinfo4,
            json_extract(f, '$[28]') AS additionalinfo5, json_extract(f, '$[29].received.codec') AS received_codec,
            json_extract(f, '$[29].received.packets') AS received_packets, json_extract(f, '$[29].received.lost') AS received_lost,
            json_extract(f, '$[29].received.jitter_ms') AS received_jitter_ms, json_extract(f, '$[29].received.round_trip_ms') AS received_round_trip_ms,
            json_extract(f, '$[29].received.mos') AS received_mos, json_extract(f, '$[29].sent.codec') AS sent_codec,
            json_extract(f, '$[29].sent.packets') AS sent_packets, json_extract(f, '$[29].sent.lost') AS sent_lost,
            json_extract(f, '$[29].sent.jitter_ms') AS sent_jitter_ms, json_extract(f, '$[29].sent.round_trip_ms') AS sent_round_trip_ms,
            json_extract(f, '$[29].sent.mos') AS sent_mos
            FROM (SELECT id AS number, node, res_id, time, CAST(fields AS TEXT) AS f FROM cdr);
        """,
        // When the node last lived: what a restart makes up for begins there.
        """
        CREATE TABLE node(name TEXT NOT NULL PRIMARY KEY, incarnation TEXT NOT NULL, link TEXT NOT NULL, gateway INTEGER NOT NULL, media INTEGER NOT NULL,
            version TEXT NOT NULL, draining INTEGER NOT NULL, started INTEGER NOT NULL, renewals INTEGER NOT NULL, renewed_at INTEGER NOT NULL) WITHOUT ROWID;
        """,
    ];

    /// <summary>Creates or migrates, and checks that the store is the one that the configuration describes.</summary>
    internal static void Open(SqliteConnection connection, int instanceCount)
    {
        connection.ExecuteScript("BEGIN IMMEDIATE");
        try
        {
            connection.ExecuteScript("CREATE TABLE IF NOT EXISTS schema_migration(version INTEGER NOT NULL PRIMARY KEY, applied_at TEXT NOT NULL)");
            var version = (int)Single(connection, "SELECT COALESCE(MAX(version), 0) FROM schema_migration");
            if (version > Migrations.Length)
                throw new StoreMismatchException($"it was written by a newer version of this program (schema {version}, this one knows up to "
                    + $"{Migrations.Length}): run that version, or name another file with cti.journal.file");
            for (; version < Migrations.Length; version++)
            {
                connection.ExecuteScript(Migrations[version]);
                connection.Prepare("INSERT INTO schema_migration(version, applied_at) VALUES(?, datetime('now'))").Bind(version + 1).Run();
            }
            FixInstances(connection, instanceCount);
            connection.ExecuteScript("COMMIT");
        }
        catch
        {
            connection.Rollback();
            throw;
        }
    }

    private static void FixInstances(SqliteConnection connection, int instanceCount)
    {
        var stored = Single(connection, "SELECT COALESCE((SELECT CAST(value AS INTEGER) FROM setting WHERE name = 'instances'), 0)");
        if (stored == instanceCount) return;
        if (stored != 0)
            throw new StoreMismatchException($"it was created with {stored} instances, the configuration says {instanceCount}: set cti.instances = {stored}, "
                + "or name another file with cti.journal.file");
        connection.Prepare("INSERT INTO setting(name, value) VALUES('instances', ?)").Bind(instanceCount.ToString(CultureInfo.InvariantCulture)).Run();
        for (var id = 0; id < instanceCount; id++)
            connection.Prepare("INSERT INTO instance(id, owner, epoch, tail) VALUES(?, '', 0, 0)").Bind(id).Run();
    }

    private static long Single(SqliteConnection connection, string sql)
    {
        var statement = connection.Prepare(sql);
        try
        {
            return statement.Step() ? statement.Int64(0) : 0;
        }
        finally
        {
            statement.Reset();
        }
    }
}
