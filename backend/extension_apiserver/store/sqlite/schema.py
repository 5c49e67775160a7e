"""The tables in SQLite, and what is asked of them.

`versions` has each write since the compacted revision, and the one that made each object what it is. `previous` is the revision of the write
that it replaced, NULL for a creation; a deletion has no `value`. `objects` says which version is each object's newest.
"""

#: One script for each version of the schema; a script that was released does not change.
MIGRATIONS = (
    """
    CREATE TABLE state (one INTEGER PRIMARY KEY CHECK (one = 1), revision INTEGER NOT NULL, compacted INTEGER NOT NULL, written INTEGER NOT NULL);
    INSERT INTO state VALUES (1, 0, 0, 0);
    CREATE TABLE versions (
        revision INTEGER PRIMARY KEY, resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, previous INTEGER, value BLOB
    );
    CREATE TABLE objects (
        resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, revision INTEGER NOT NULL, PRIMARY KEY (resource, namespace, name)
    ) WITHOUT ROWID;
    CREATE TABLE marks (revision INTEGER PRIMARY KEY, written INTEGER NOT NULL, time REAL NOT NULL);
    """,
)
WRITTEN = "SELECT written FROM state"
STATE = "SELECT revision, compacted FROM state"
CURRENT = """
    SELECT o.revision, v.value FROM objects o JOIN versions v ON v.revision = o.revision WHERE o.resource = ? AND o.namespace = ? AND o.name = ?
"""
NEXT = "UPDATE state SET revision = revision + 1, written = written + ? RETURNING revision"
ADD = "INSERT INTO versions (revision, resource, namespace, name, previous, value) VALUES (?, ?, ?, ?, ?, ?)"
POINT = "INSERT INTO objects VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET revision = excluded.revision"
REMOVE = "DELETE FROM objects WHERE resource = ? AND namespace = ? AND name = ?"
#: Within: the place of a page in the keys, one of the next two.
IN_ALL = "resource = :resource AND (namespace, name) > (:namespace, :name)"
IN_ONE = "resource = :resource AND namespace = :namespace AND name > :name"
#: The objects that are as old as :at, and those that younger writes have replaced.
KEYS = """
    SELECT * FROM (SELECT namespace, name, revision FROM objects WHERE {within} AND revision <= :at ORDER BY namespace, name LIMIT :limit)
    UNION ALL
    SELECT * FROM (
        SELECT namespace, name, previous FROM versions WHERE revision > :at AND previous <= :at AND {within} ORDER BY namespace, name LIMIT :limit
    )
"""
PAGE = "SELECT k.namespace, k.name, k.revision, v.value FROM ({keys}) k JOIN versions v ON v.revision = k.revision ORDER BY 1, 2 LIMIT :limit"
COUNT = """
    SELECT (SELECT count(*) FROM objects WHERE {within} AND revision <= :at)
        + (SELECT count(*) FROM versions WHERE revision > :at AND previous <= :at AND {within})
"""
CHANGES = """
    SELECT v.revision, v.resource, v.namespace, v.name, v.value, p.value FROM versions v LEFT JOIN versions p ON p.revision = v.previous
    WHERE v.revision > ? ORDER BY v.revision LIMIT ?
"""
FORGET_MARKS = "DELETE FROM marks WHERE time > ? OR revision < ?"
MARK = "INSERT INTO marks SELECT revision, written, ? FROM state WHERE true ON CONFLICT DO NOTHING"
MARKS = "SELECT revision, written, time FROM marks"
#: Two steps for the revisions from one up to another: what they replaced, and what they deleted.
FORGET_REPLACED = (
    "DELETE FROM versions WHERE revision IN (SELECT previous FROM versions WHERE revision > ? AND revision <= ?)"
)
FORGET_DELETED = "DELETE FROM versions WHERE revision > ? AND revision <= ? AND value IS NULL"
COMPACTED = "UPDATE state SET compacted = ?"
