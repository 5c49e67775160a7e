"""The tables in PostgreSQL, and what is asked of them; as in SQLite (sqlite.schema says what each column is), in a schema of their own.

**Revisions in the order of commits.** A sequence gives numbers in the order of asking, and a later number can be committed first: who reads it
would never see the earlier one. So who writes locks the row of `state` until its commit is visible, and no two transactions have revisions
at the same time. The other way, readers that hold back behind the oldest open transaction, lets commits overlap, but then a client does not
see the write that it was just acknowledged, and one forgotten transaction in the database stops all watches. What the lock costs,
one commit at a time, is given back by batches: a commit has as many writes as came while the one before was written to the disk.

The lock lives in one call of a function and its commit: a process that stands still, or is far away, never holds it.
"""

#: One script for each version of the schema, OURS in the place of its name; a script that was released does not change, and what the
#: version before uses stays: its processes go on until each is replaced.
MIGRATIONS = (
    """
    CREATE TABLE OURS.state (one boolean PRIMARY KEY CHECK (one), revision bigint NOT NULL, written bigint NOT NULL);
    INSERT INTO OURS.state VALUES (true, 0, 0);
    CREATE TABLE OURS.compaction (one boolean PRIMARY KEY CHECK (one), revision bigint NOT NULL);
    INSERT INTO OURS.compaction VALUES (true, 0);
    CREATE TABLE OURS.versions (
        revision bigint PRIMARY KEY, previous bigint, value bytea,
        resource text COLLATE "C" NOT NULL, namespace text COLLATE "C" NOT NULL, name text COLLATE "C" NOT NULL
    );
    CREATE TABLE OURS.objects (
        resource text COLLATE "C", namespace text COLLATE "C", name text COLLATE "C", revision bigint NOT NULL,
        PRIMARY KEY (resource, namespace, name)
    );
    CREATE TABLE OURS.marks (revision bigint PRIMARY KEY, written bigint NOT NULL, time double precision NOT NULL);
    CREATE FUNCTION OURS.write_objects(resources text[], namespaces text[], names text[], expected bigint[], contents bytea[])
    RETURNS TABLE (outcome text, at bigint, present bytea) LANGUAGE plpgsql AS $$
    DECLARE
        latest bigint;  -- NULL as long as the row is not locked
        more_written bigint := 0;
        wrote boolean := false;
    BEGIN
        FOR i IN 1 .. cardinality(names) LOOP
            LOOP
                SELECT o.revision, v.value INTO at, present FROM OURS.objects o JOIN OURS.versions v ON v.revision = o.revision
                WHERE o.resource = resources[i] AND o.namespace = namespaces[i] AND o.name = names[i];
                IF coalesce(at, 0) <> expected[i] THEN
                    outcome := 'conflict';
                    EXIT;
                ELSIF present = contents[i] THEN
                    outcome := 'done';
                    present := NULL;
                    EXIT;
                ELSIF latest IS NULL THEN  -- and look again at what it is now: nobody else writes until our commit
                    SELECT s.revision INTO latest FROM OURS.state s FOR UPDATE;
                    CONTINUE;
                END IF;
                latest := latest + 1;
                more_written := more_written + coalesce(octet_length(contents[i]), 0);
                INSERT INTO OURS.versions (revision, previous, value, resource, namespace, name)
                VALUES (latest, at, contents[i], resources[i], namespaces[i], names[i]);
                IF contents[i] IS NULL THEN
                    DELETE FROM OURS.objects o
                    WHERE o.resource = resources[i] AND o.namespace = namespaces[i] AND o.name = names[i];
                ELSE
                    INSERT INTO OURS.objects VALUES (resources[i], namespaces[i], names[i], latest)
                    ON CONFLICT ON CONSTRAINT objects_pkey DO UPDATE SET revision = excluded.revision;
                END IF;
                outcome := 'done';
                at := latest;
                present := NULL;
                wrote := true;
                EXIT;
            END LOOP;
            RETURN NEXT;
        END LOOP;
        IF wrote THEN
            UPDATE OURS.state s SET revision = latest, written = s.written + more_written;
            PERFORM pg_notify('OURS', latest::text);
        END IF;
    END $$
    """,
)
WRITE = (
    "SELECT outcome, at, present FROM OURS.write_objects(%s::text[], %s::text[], %s::text[], %s::bigint[], %s::bytea[])"
)
STATE = "SELECT s.revision, c.revision FROM OURS.state s CROSS JOIN OURS.compaction c"
CURRENT = """
    SELECT o.revision, v.value FROM OURS.objects o JOIN OURS.versions v ON v.revision = o.revision
    WHERE o.resource = %s AND o.namespace = %s AND o.name = %s
"""
#: Within: the place of a page in the keys, one of the next two.
IN_ALL = "resource = %(resource)s AND (namespace, name) > (%(namespace)s, %(name)s)"
IN_ONE = "resource = %(resource)s AND namespace = %(namespace)s AND name > %(name)s"
#: The state, and beside it (or beside nothing) the objects of a page: one statement sees one moment. Those that are as old as the
#: revision, and those that younger writes have replaced; `before` is the bytes before this one, `found` how many there are, of which the last says only that there is more.
PAGE = """
    SELECT s.revision, c.revision, page.namespace, page.name, page.revision, page.value, page.found
    FROM OURS.state s CROSS JOIN OURS.compaction c LEFT JOIN LATERAL (
        SELECT v.*, count(*) OVER () AS found,
            sum(octet_length(v.value)) OVER (ORDER BY v.namespace, v.name) - octet_length(v.value) AS before
        FROM (
            SELECT k.*, (SELECT o.value FROM OURS.versions o WHERE o.revision = k.revision) AS value FROM (
                (SELECT namespace, name, revision FROM OURS.objects WHERE WITHIN AND revision <= coalesce(%(at)s, s.revision)
                ORDER BY namespace, name LIMIT %(limit)s)
                UNION ALL
                (SELECT namespace, name, previous FROM OURS.versions
                WHERE revision > coalesce(%(at)s, s.revision) AND previous <= coalesce(%(at)s, s.revision) AND WITHIN
                ORDER BY namespace, name LIMIT %(limit)s)
            ) k ORDER BY k.namespace, k.name LIMIT %(limit)s
        ) v
    ) page ON page.before < %(most_bytes)s ORDER BY page.namespace, page.name
"""
COUNT = """
    SELECT (SELECT count(*) FROM OURS.objects WHERE WITHIN AND revision <= %(at)s)
        + (SELECT count(*) FROM OURS.versions WHERE revision > %(at)s AND previous <= %(at)s AND WITHIN)
"""
CHANGES = """
    SELECT s.revision, c.revision, log.revision, log.resource, log.namespace, log.name, log.value, log.replaced
    FROM OURS.state s CROSS JOIN OURS.compaction c LEFT JOIN (
        SELECT v.*, sum(coalesce(octet_length(v.value), 0) + coalesce(octet_length(v.replaced), 0)) OVER (ORDER BY v.revision)
            - coalesce(octet_length(v.value), 0) - coalesce(octet_length(v.replaced), 0) AS before
        FROM (
            SELECT n.*, (SELECT p.value FROM OURS.versions p WHERE p.revision = n.previous) AS replaced
            FROM OURS.versions n WHERE n.revision > %s ORDER BY n.revision LIMIT %s
        ) v
    ) log ON log.before < %s ORDER BY log.revision
"""
FORGET_MARKS = "DELETE FROM OURS.marks WHERE time > %s OR revision < (SELECT revision FROM OURS.compaction)"
MARK = "INSERT INTO OURS.marks SELECT revision, written, %s FROM OURS.state ON CONFLICT DO NOTHING"
MARKS = """
    SELECT c.revision, s.written, m.revision, m.written, m.time
    FROM OURS.state s CROSS JOIN OURS.compaction c LEFT JOIN OURS.marks m ON true
"""
#: Three steps for the revisions from one up to another; the first lets no other process compact at the same time.
COMPACTED = "UPDATE OURS.compaction SET revision = %s WHERE revision = %s"
FORGET_REPLACED = """
    DELETE FROM OURS.versions WHERE revision IN (SELECT previous FROM OURS.versions WHERE revision > %s AND revision <= %s)
"""
FORGET_DELETED = "DELETE FROM OURS.versions WHERE revision > %s AND revision <= %s AND value IS NULL"
