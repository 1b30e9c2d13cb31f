"""Additions of an operator, or another program, to a `videos` table: a list per database.

Each entry is made on the old relay's own table, or on an upgraded one.
"""

from __future__ import annotations

from typing import Final

import attrs

from tests.mock.relay.migration import legacy


@attrs.frozen
class Feature:
    """Something that a table can have.

    Attributes:
        name: What the test is called.
        statements: What makes it.
        says: What a refusal has to name.
        survives: Whether it survives both ways; else it has to be refused.
        shape: The table on which it is made.
        upgraded: Whether it can be made on an upgraded table as well.
        undo: What removes the part of it that is not in the database's schema.
        mariadb_only: Why MySQL has no such thing.
    """

    name: str
    statements: tuple[str, ...]
    says: str = "extra"
    survives: bool = False
    shape: str = "gorm"
    upgraded: bool = True
    undo: tuple[str, ...] = ()
    mariadb_only: str = ""


def _column(name: str, words: str, *, survives: bool = False) -> Feature:
    return Feature(name, (f"ALTER TABLE videos ADD COLUMN extra {words}",), survives=survives)


def _altered(name: str, words: str, says: str, *, upgraded: bool = True) -> Feature:
    return Feature(name, (f"ALTER TABLE videos {words}",), says, upgraded=upgraded)


def _index(name: str, words: str, *, survives: bool = False) -> Feature:
    return Feature(name, (words,), "idx_extra", survives=survives)


def _rows(kind: str) -> Feature:
    lenient, strict = (f"SET SESSION innodb_strict_mode = {word}" for word in ("OFF", "ON"))
    words = f"ALTER TABLE videos ROW_FORMAT={kind}"
    return Feature(f"{kind} rows", (lenient, words, strict), f"ROW_FORMAT={kind}", upgraded=False)


def _only(reason: str, feature: Feature) -> Feature:
    """Return a feature of MariaDB that MySQL cannot make."""
    return attrs.evolve(feature, mariadb_only=reason)


_OTHER: Final = "CREATE TABLE other (id bigint NOT NULL PRIMARY KEY, task varchar(200))"

MARIADB: Final = (
    _column("virtual column", "bigint AS (quota * 2) VIRTUAL"),
    _column("stored column", "bigint AS (quota * 2) STORED"),
    _column("invisible column", "int INVISIBLE"),
    _only("MySQL compresses no single column", _column("compressed column", "text COMPRESSED")),
    _column("CHECK of a column", "int CHECK (extra > 0)"),
    _column("json column", "json"),
    _column("ON UPDATE", "timestamp NULL ON UPDATE CURRENT_TIMESTAMP"),
    _column("point", "point"),
    _column("blob", "blob"),
    _column("binary", "varbinary(20)"),
    _column("bit", "bit(3)"),
    _only("MySQL has no type uuid", _column("uuid", "uuid")),
    _only("MySQL has no type inet6", _column("inet6", "inet6")),
    _column("vector", "vector(3)"),
    _only(
        "MySQL has no sequences",
        Feature(
            "number of a sequence",
            (
                "CREATE SEQUENCE numbers",
                "ALTER TABLE videos ADD COLUMN extra bigint DEFAULT nextval(numbers)",
            ),
            survives=True,
        ),
    ),
    Feature(
        "foreign key to another table",
        (
            _OTHER,
            "INSERT INTO other (id) VALUES (1), (2), (7)",
            (
                "ALTER TABLE videos ADD CONSTRAINT fk_extra FOREIGN KEY (user_id) "
                "REFERENCES other (id) ON UPDATE CASCADE"
            ),
        ),
        "fk_extra",
        upgraded=False,
    ),
    _only(
        "MySQL 9 wants a unique key for it",
        Feature(
            "foreign key from another table",
            (
                (
                    "CREATE TABLE other (id bigint PRIMARY KEY, channel bigint, "
                    "CONSTRAINT fk_extra FOREIGN KEY (channel) REFERENCES videos (channel_id))"
                ),
            ),
            "fk_extra",
            shape="script",
            upgraded=False,
        ),
    ),
    Feature(
        "trigger",
        ("CREATE TRIGGER trigger_extra BEFORE INSERT ON videos FOR EACH ROW SET NEW.n = 1",),
        "trigger_extra",
    ),
    _altered("CHECK of the table", "ADD CONSTRAINT chk_extra CHECK (quota > -5)", "chk_extra"),
    _altered("CHECK without a name", "ADD CHECK (quota > -5)", "the constraint "),
    _altered(
        "partitions by hash",
        "PARTITION BY HASH (user_id) PARTITIONS 4",
        "PARTITION",
        upgraded=False,
    ),
    _altered(
        "partitions by range",
        "PARTITION BY RANGE (created_at) (PARTITION p0 VALUES LESS THAN (1700000000), "
        "PARTITION p1 VALUES LESS THAN MAXVALUE)",
        "PARTITION",
        upgraded=False,
    ),
    _only(
        "MySQL keeps no versions",
        _altered("system versions", "ADD SYSTEM VERSIONING", "SYSTEM VERSIONING"),
    ),
    _only(
        "MySQL has no periods",
        _altered(
            "application time",
            "ADD COLUMN s date NOT NULL DEFAULT '2020-01-01', "
            "ADD COLUMN e date NOT NULL DEFAULT '2021-01-01', ADD PERIOD FOR extra (s, e)",
            "PERIOD",
        ),
    ),
    _rows("COMPACT"),
    _rows("REDUNDANT"),
    _altered("COMPRESSED rows", "ROW_FORMAT=COMPRESSED", "ROW_FORMAT=COMPRESSED"),
    _only(
        "MySQL has COMPRESSION instead",
        _altered("compressed pages", "PAGE_COMPRESSED=1", "PAGE_COMPRESSED"),
    ),
    _altered("statistics", "STATS_PERSISTENT=0", "STATS_PERSISTENT"),
    _altered("MyISAM", "ENGINE=MyISAM", "MyISAM", upgraded=False),
    _only("MySQL has no Aria", _altered("Aria", "ENGINE=Aria", "Aria", upgraded=False)),
    _altered("full text index", "ADD FULLTEXT INDEX idx_extra (prompt)", "idx_extra"),
    _only(
        "MySQL fills no spatial column by its default",
        _altered(
            "spatial index",
            "ADD COLUMN extra point NOT NULL DEFAULT POINT(0, 0), "
            "ADD SPATIAL INDEX idx_extra (extra)",
            "extra",
        ),
    ),
    _altered("descending index", "ADD INDEX idx_extra (quota DESC)", "idx_extra"),
    _only(
        "MySQL calls it INVISIBLE",
        _altered("ignored index", "ADD INDEX idx_extra (quota) IGNORED", "idx_extra"),
    ),
    _altered("comment on an index", "ADD INDEX idx_extra (quota) COMMENT 'mine'", "idx_extra"),
    _only(
        "MySQL has no unique index over a whole text",
        _index("unique hash index", "CREATE UNIQUE INDEX idx_extra ON videos (prompt)"),
    ),
    _altered("double for quota", "MODIFY quota double", "quota", upgraded=False),
    _altered("decimal for quota", "MODIFY quota decimal(20,2)", "quota", upgraded=False),
    _altered("enum for mode", "MODIFY mode enum('std', 'pro')", "mode", upgraded=False),
    _altered("char for mode", "MODIFY mode char(20)", "mode", upgraded=False),
    _altered("blob for prompt", "MODIFY prompt longblob", "prompt", upgraded=False),
    _altered(
        "datetime",
        "DROP COLUMN created_at, ADD COLUMN created_at datetime",
        "created_at",
        upgraded=False,
    ),
    _altered(
        "ON UPDATE of an old column",
        "ADD COLUMN extra datetime NOT NULL DEFAULT '2020-01-01' ON UPDATE CURRENT_TIMESTAMP",
        "extra",
    ),
    _only(
        "MySQL has it, and refuses an upgrade: no CREATE TABLE makes it",
        Feature(
            "column without a default",
            (
                "ALTER TABLE videos ADD COLUMN extra int DEFAULT 5",
                "ALTER TABLE videos ALTER COLUMN extra DROP DEFAULT",
            ),
            survives=True,
        ),
    ),
    _column("boolean", "boolean DEFAULT 1", survives=True),
    _column("width", "int(5) zerofill", survives=True),
    _column("enum", "enum('a', 'b') DEFAULT 'a'", survives=True),
    _column("set", "set('a', 'b')", survives=True),
    _column("decimal", "decimal(10,2) NOT NULL DEFAULT 1.50", survives=True),
    _column("double", "double DEFAULT 0.1", survives=True),
    _column("time", "datetime(3) DEFAULT current_timestamp(3)", survives=True),
    _column("timestamp", "timestamp NOT NULL DEFAULT current_timestamp()", survives=True),
    _column("comment", r"int COMMENT 'it''s \\ 100 %'", survives=True),
    _column("another character set", "varchar(20) CHARACTER SET latin1 DEFAULT 'é'", survives=True),
    _only(
        "MySQL adds no column with a random default while it writes a binary log",
        _column("expression as default", "varchar(36) DEFAULT (uuid())", survives=True),
    ),
    _column("unsigned", "bigint unsigned DEFAULT 18446744073709551615", survives=True),
    Feature(
        "column with a quote", ("ALTER TABLE videos ADD COLUMN `a``b` int",), "a`b", survives=True
    ),
    _index("unique", "CREATE UNIQUE INDEX idx_extra ON videos (task_id(40), n)", survives=True),
    _index("index over a part", "CREATE INDEX idx_extra ON videos (prompt(20), n)", survives=True),
    _index("spelled-out index", "CREATE INDEX idx_extra USING BTREE ON videos (n)", survives=True),
    Feature("comment on the table", ("ALTER TABLE videos COMMENT 'it''s mine'",), survives=True),
    Feature("DYNAMIC rows", ("ALTER TABLE videos ROW_FORMAT=DYNAMIC",), survives=True),
    Feature("view", ("CREATE VIEW mine AS SELECT task_id, quota FROM videos",), survives=True),
    Feature(
        "procedure",
        ("CREATE PROCEDURE mine() UPDATE videos SET n = 1 WHERE task_id = 'x'",),
        survives=True,
    ),
    Feature(
        "event",
        ("CREATE EVENT mine ON SCHEDULE EVERY 1 YEAR DISABLE DO DELETE FROM videos WHERE n = 9",),
        survives=True,
    ),
)

_OTHER_PG: Final = "CREATE TABLE other (id bigint PRIMARY KEY, task varchar(200))"

POSTGRESQL: Final = (
    _column("stored column", "bigint GENERATED ALWAYS AS (quota * 2) STORED"),
    _column("numbered always", "bigint GENERATED ALWAYS AS IDENTITY"),
    _column("numbered with a step", "bigint GENERATED BY DEFAULT AS IDENTITY (INCREMENT 5)"),
    _column("CHECK of a column", "int CHECK (extra > 0)"),
    _column("array", "text[]"),
    _column("network address", "inet"),
    _column("bytes", "bytea"),
    _column("bits", "bit(3)"),
    _column("padded text", "char(5)"),
    _column("interval", "interval"),
    _column("digits", "numeric(10, 2)"),
    _column("milliseconds", "timestamp(3)"),
    _column("unique column", "int UNIQUE"),
    Feature("enum", ("CREATE TYPE kind AS ENUM ('a')", "ALTER TABLE videos ADD COLUMN extra kind")),
    Feature(
        "domain",
        ("CREATE DOMAIN kind AS int CHECK (VALUE > 0)", "ALTER TABLE videos ADD COLUMN extra kind"),
    ),
    Feature(
        "number of another sequence",
        (
            "CREATE SEQUENCE numbers",
            "ALTER TABLE videos ADD COLUMN extra bigint DEFAULT nextval('numbers')",
        ),
    ),
    _altered("CHECK of the table", "ADD CONSTRAINT chk_extra CHECK (quota > -5)", "chk_extra"),
    _altered(
        "CHECK that is not valid",
        "ADD CONSTRAINT chk_extra CHECK (quota > -5) NOT VALID",
        "chk_extra",
    ),
    _altered("unique constraint", "ADD CONSTRAINT uq_extra UNIQUE (task_id)", "uq_extra"),
    _altered("exclusion", "ADD CONSTRAINT ex_extra EXCLUDE (task_id WITH =)", "ex_extra"),
    Feature(
        "foreign key to another table",
        (
            _OTHER_PG,
            (
                "ALTER TABLE videos ADD CONSTRAINT fk_extra FOREIGN KEY (n) REFERENCES other (id) "
                "NOT VALID"
            ),
        ),
        "fk_extra",
    ),
    Feature(
        "foreign key from another table",
        (
            "CREATE UNIQUE INDEX idx_extra ON videos (task_id)",
            _OTHER_PG,
            (
                "ALTER TABLE other ADD CONSTRAINT fk_extra FOREIGN KEY (task) "
                "REFERENCES videos (task_id)"
            ),
        ),
        "fk_extra",
    ),
    Feature("view", ("CREATE VIEW view_extra AS SELECT task_id FROM videos",), "view_extra"),
    Feature(
        "view of a view",
        (
            "CREATE VIEW view_one AS SELECT task_id FROM videos",
            "CREATE VIEW view_extra AS SELECT * FROM view_one",
        ),
        "view_extra",
    ),
    Feature(
        "materialized view",
        ("CREATE MATERIALIZED VIEW view_extra AS SELECT task_id FROM videos",),
        "view_extra",
    ),
    Feature(
        "function of its rows",
        ("CREATE FUNCTION extra(videos) RETURNS int LANGUAGE sql AS 'SELECT 1'",),
    ),
    Feature(
        "function over it",
        (
            (
                "CREATE FUNCTION extra() RETURNS bigint LANGUAGE sql "
                "BEGIN ATOMIC SELECT count(*) FROM videos; END"
            ),
        ),
    ),
    Feature("type of its rows", ("CREATE TYPE extra AS (row videos)",)),
    Feature("policy", ("CREATE POLICY policy_extra ON videos USING (true)",), "policy_extra"),
    _altered("row level security", "ENABLE ROW LEVEL SECURITY", "relrowsecurity"),
    _altered("forced security", "FORCE ROW LEVEL SECURITY", "relforcerowsecurity"),
    Feature("rights", ("GRANT SELECT ON videos TO PUBLIC",), "relacl"),
    Feature("rights on a column", ("GRANT SELECT (prompt) ON videos TO PUBLIC",), "prompt"),
    Feature(
        "default rights",
        ("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC",),
        "default privileges",
        undo=("ALTER DEFAULT PRIVILEGES REVOKE SELECT ON TABLES FROM PUBLIC",),
    ),
    Feature("another owner", ("ALTER TABLE videos OWNER TO pg_read_all_data",), "relowner"),
    Feature(
        "publication",
        ("CREATE PUBLICATION pub_extra FOR TABLE videos",),
        "pub_extra",
        undo=("DROP PUBLICATION pub_extra",),
    ),
    Feature(
        "subscription",
        (
            "CREATE SUBSCRIPTION sub_extra CONNECTION '' PUBLICATION pub WITH (connect = false)",
            "ALTER SUBSCRIPTION sub_extra SET (slot_name = NONE)",
            "SET allow_system_table_mods = on",
            (
                "INSERT INTO pg_subscription_rel SELECT s.oid, 'videos'::regclass, 'r', NULL "
                "FROM pg_subscription s JOIN pg_database d ON d.oid = subdbid "
                "WHERE datname = current_database()"
            ),
        ),
        "the subscription with the oid ",
        undo=("DROP SUBSCRIPTION sub_extra",),
    ),
    Feature(
        "rule",
        ("CREATE RULE rule_extra AS ON DELETE TO videos WHERE n = 77 DO INSTEAD NOTHING",),
        "rule_extra",
    ),
    Feature(
        "trigger",
        (
            (
                "CREATE TRIGGER trigger_extra BEFORE UPDATE ON videos FOR EACH ROW "
                "EXECUTE FUNCTION suppress_redundant_updates_trigger()"
            ),
        ),
        "trigger_extra",
    ),
    _index("expression", "CREATE INDEX idx_extra ON videos (lower(model))"),
    _index("partial", "CREATE INDEX idx_extra ON videos (model) WHERE quota > 0"),
    _index("partial unique", "CREATE UNIQUE INDEX idx_extra ON videos (n) WHERE quota = 12"),
    _index("descending", "CREATE INDEX idx_extra ON videos (quota DESC)"),
    _index("nulls first", "CREATE INDEX idx_extra ON videos (quota NULLS FIRST)"),
    _index("hash", "CREATE INDEX idx_extra ON videos USING hash (task_id)"),
    _index("brin", "CREATE INDEX idx_extra ON videos USING brin (quota)"),
    _index("included column", "CREATE INDEX idx_extra ON videos (quota) INCLUDE (n)"),
    _index("operator class", "CREATE INDEX idx_extra ON videos (model text_pattern_ops)"),
    _index("collation", 'CREATE INDEX idx_extra ON videos (model COLLATE "POSIX")'),
    _index("fill factor", "CREATE INDEX idx_extra ON videos (quota) WITH (fillfactor = 50)"),
    _index("one NULL", "CREATE UNIQUE INDEX idx_extra ON videos (task_id, n) NULLS NOT DISTINCT"),
    Feature("comment", ("COMMENT ON TABLE videos IS 'mine'",), "comment"),
    Feature("comment on a column", ("COMMENT ON COLUMN videos.prompt IS 'mine'",), "prompt"),
    Feature(
        "comment on an index",
        ("CREATE INDEX idx_extra ON videos (n)", "COMMENT ON INDEX idx_extra IS 'mine'"),
        "idx_extra",
    ),
    _altered("unlogged", "SET UNLOGGED", "relpersistence"),
    _altered("storage option", "SET (fillfactor = 50)", "reloptions"),
    _altered("autovacuum", "SET (autovacuum_enabled = off)", "reloptions"),
    _altered("storage of a column", "ALTER COLUMN prompt SET STORAGE EXTERNAL", "prompt"),
    _altered("compression", "ALTER COLUMN prompt SET COMPRESSION pglz", "prompt"),
    _altered("statistics target", "ALTER COLUMN prompt SET STATISTICS 500", "prompt"),
    _altered("distinct values", "ALTER COLUMN prompt SET (n_distinct = 5)", "prompt"),
    _altered("replica identity", "REPLICA IDENTITY FULL", "relreplident"),
    Feature(
        "extended statistics",
        ("CREATE STATISTICS stat_extra ON user_id, channel_id FROM videos",),
        "stat_extra",
    ),
    Feature(
        "clustered index",
        ("CREATE INDEX idx_extra ON videos (n)", "ALTER TABLE videos CLUSTER ON idx_extra"),
        "idx_extra",
    ),
    Feature("child", ("CREATE TABLE child_extra () INHERITS (videos)",), "child_extra"),
    Feature(
        "parent",
        ("CREATE TABLE parent (n bigint)", "ALTER TABLE videos INHERIT parent"),
        "column n",
        upgraded=False,
    ),
    Feature(
        "composite type",
        ("CREATE TYPE pair AS (a int)", "ALTER TABLE videos ADD COLUMN extra pair"),
    ),
    _altered("numeric for quota", "ALTER COLUMN quota TYPE numeric", "quota", upgraded=False),
    _altered("boolean for n", "DROP COLUMN n, ADD COLUMN n boolean", "column n", upgraded=False),
    _altered(
        "timestamp",
        "ALTER COLUMN created_at TYPE timestamp USING to_timestamp(created_at)",
        "created_at",
        upgraded=False,
    ),
    _column("expression as default", "timestamp with time zone DEFAULT now()", survives=True),
    Feature(
        "the name that a rebuild needs",
        ("CREATE TABLE videos_before_migration (mine int)",),
        "videos_before_migration",
    ),
    _column("text", "varchar(20) DEFAULT 'it''s' NOT NULL", survives=True),
    _column("number", "numeric DEFAULT 1.5", survives=True),
    _column("document", "jsonb", survives=True),
    _column("truth", "boolean DEFAULT true", survives=True),
    _column("collated column", 'text COLLATE "C"', survives=True),
    _index("plain index", "CREATE INDEX idx_extra ON videos (n, quota)", survives=True),
    Feature(
        "a column that is gone",
        ("ALTER TABLE videos ADD COLUMN gone int", "ALTER TABLE videos DROP COLUMN gone"),
        survives=True,
    ),
)

_OTHER_LITE: Final = "CREATE TABLE other (id integer PRIMARY KEY, task text {more})"


def _table(
    name: str, words: str, says: str = "extra", *, more: str = "", survives: bool = False
) -> Feature:
    """Return a table that is made with more columns or constraints from the beginning."""
    text = legacy.SQLITE["gorm-without-index"][0][0]
    return Feature(
        name,
        ("DROP TABLE videos", f"{text.removesuffix(')')}, {words}){more}"),
        says,
        survives=survives,
        upgraded=False,
    )


SQLITE: Final = (
    _column("virtual column", "integer AS (quota * 2) VIRTUAL"),
    _table("stored column", "extra integer AS (quota * 2) STORED"),
    _column("CHECK of a column", "integer CHECK (extra > 0)"),
    _column("reference", "integer REFERENCES other (id)"),
    _table("CHECK of the table", "CONSTRAINT chk_extra CHECK (quota > -5)", "chk_extra"),
    _table("CHECK without a name", "CHECK (quota > -5)", "quota"),
    _table("unique column", "extra integer UNIQUE"),
    _table("unique columns", "UNIQUE (task_id, n)", "unique"),
    _table("foreign key", "FOREIGN KEY (n) REFERENCES other (id)", "foreign"),
    _table("conflict clause", "extra integer NOT NULL ON CONFLICT IGNORE DEFAULT 0"),
    _table("expression as default", "extra text DEFAULT (datetime('now'))"),
    _table("strict table", "extra integer", "strict", more=" STRICT"),
    _table("table without rowids", "PRIMARY KEY (task_id)", "rowid", more=" WITHOUT ROWID"),
    Feature(
        "text for quota",
        (
            "DROP INDEX idx_tid",
            "ALTER TABLE videos DROP COLUMN quota",
            "ALTER TABLE videos ADD COLUMN quota text",
        ),
        "quota",
        upgraded=False,
    ),
    Feature("view", ("CREATE VIEW view_extra AS SELECT task_id FROM videos",), "view_extra"),
    Feature("shouted view", ('CREATE VIEW view_extra AS SELECT 1 FROM "VIDEOS"',), "view_extra"),
    Feature(
        "trigger",
        ("CREATE TRIGGER trigger_extra AFTER INSERT ON videos BEGIN SELECT 1; END",),
        "trigger_extra",
    ),
    Feature(
        "trigger of another table",
        (
            _OTHER_LITE.format(more=""),
            (
                "CREATE TRIGGER trigger_extra AFTER INSERT ON other BEGIN "
                "UPDATE videos SET n = 1 WHERE task_id = NEW.task; END"
            ),
        ),
        "trigger_extra",
    ),
    Feature(
        "foreign key from another table",
        (_OTHER_LITE.format(more="REFERENCES videos (task_id)"),),
        "other",
    ),
    Feature(
        "full text search",
        ("CREATE VIRTUAL TABLE search_extra USING fts5(prompt, content='videos')",),
        "search_extra",
    ),
    _index("partial", "CREATE INDEX idx_extra ON videos (model) WHERE quota > 0"),
    _index("partial unique", "CREATE UNIQUE INDEX idx_extra ON videos (n) WHERE quota = 12"),
    _index("descending", "CREATE INDEX idx_extra ON videos (quota DESC)"),
    _index("expression", "CREATE INDEX idx_extra ON videos (lower(model))"),
    _index("collation", "CREATE INDEX idx_extra ON videos (model COLLATE NOCASE)"),
    Feature(
        "the name that a rebuild needs",
        ("CREATE TABLE videos_before_migration (mine int)",),
        "videos_before_migration",
    ),
    _column("text", "varchar(20) DEFAULT 'it''s' NOT NULL", survives=True),
    _column("collated column", "text COLLATE NOCASE", survives=True),
    _column("number", "decimal(10,2) DEFAULT 1.5", survives=True),
    _column("no type", "", survives=True),
    _column("time", "datetime DEFAULT NULL", survives=True),
    _table("words of its own", '"extra" INTEGER -- a comment\n DEFAULT 5 NOT NULL', survives=True),
    _index(
        "plain index",
        "CREATE INDEX IF NOT EXISTS [idx_extra] ON videos (n ASC, quota)",
        survives=True,
    ),
    Feature("unrelated view", ("CREATE VIEW mine AS SELECT 'of all videos' AS t",), survives=True),
)

FEATURES: Final = {"mariadb": MARIADB, "postgresql": POSTGRESQL, "sqlite": SQLITE}
