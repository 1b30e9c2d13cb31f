"""PostgreSQL: compare the catalogue entries of a table and of one made from its description.

A rebuild makes the table again from the description, so an entry that only one of the two has
would be lost. That includes objects that depend on the table, such as a view.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from kling_mock.relay.migration.database.session import Session, undone
from kling_mock.relay.storage.schema import Dialect, Table, create, create_indexes

#: Columns of `pg_class` and similar catalogues that differ between any two tables, or are
#: statistics.
_OWN: Final = (
    *("oid", "relname", "relnamespace", "reltype", "relfilenode", "relpages", "reltuples"),
    *("relallvisible", "relallfrozen", "reltoastrelid", "relfrozenxid", "relminmxid", "relnatts"),
    *("relhasindex", "relhasrules", "relhastriggers", "relhassubclass", "relrewrite"),
    *("attrelid", "attnum", "attcacheoff", "atthasmissing", "attmissingval", "attoptions"),
    *("indexrelid", "indrelid", "indkey", "indcheckxmin", "seqrelid"),
)
_WITHOUT: Final = "'{" + ",".join(_OWN) + "}'::text[]"

#: The table, its indexes, and the counters of its columns.
_RELATIONS: Final = """
SELECT oid FROM pg_class WHERE oid = ?::oid
UNION SELECT indexrelid FROM pg_index WHERE indrelid = ?::oid
UNION SELECT d.objid FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
AND d.refobjid = ?::oid AND d.refobjsubid > 0"""

#: Each query returns an object, a property of it, and the value.
_PROPERTIES: Final = (
    f"""SELECT CASE c.relkind WHEN 'S' THEN 'the sequence ' WHEN 'i' THEN 'the index '
    ELSE 'the table ' END || c.relname, p.key,
    CASE p.key WHEN 'relowner' THEN pg_get_userbyid(c.relowner)::text ELSE p.value END
    FROM pg_class c, jsonb_each_text(to_jsonb(c) - {_WITHOUT}) p
    WHERE c.oid IN ({_RELATIONS})""",
    f"""SELECT 'the column ' || a.attname, p.key,
    CASE p.key WHEN 'atttypid' THEN format_type(a.atttypid, a.atttypmod) ELSE p.value END
    FROM pg_attribute a, jsonb_each_text(to_jsonb(a) - {_WITHOUT}) p
    WHERE a.attrelid = ?::oid AND a.attnum > 0 AND NOT a.attisdropped""",
    """SELECT 'the column ' || a.attname, 'option ' || split_part(o, '=', 1),
    substr(o, strpos(o, '=') + 1) FROM pg_attribute a, unnest(a.attoptions) o
    WHERE a.attrelid = ?::oid AND a.attnum > 0 AND NOT a.attisdropped""",
    """SELECT 'the column ' || a.attname, 'default', pg_get_expr(d.adbin, d.adrelid)
    FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
    WHERE d.adrelid = ?::oid""",
    f"""SELECT 'the index ' || c.relname, p.key, p.value
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid,
    jsonb_each_text(to_jsonb(i) - {_WITHOUT}) p WHERE i.indrelid = ?::oid""",
    """SELECT 'the index ' || c.relname, 'definition',
    regexp_replace(pg_get_indexdef(c.oid), ' ON (ONLY )*(\\S+\\.)*', ' ON \\1')
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = ?::oid""",
    """SELECT 'the constraint ' || conname, 'definition', concat_ws(' ', contype,
    pg_get_constraintdef(oid), condeferrable, condeferred, convalidated, conislocal, coninhcount,
    connoinherit) FROM pg_constraint WHERE conrelid = ?::oid""",
    """SELECT 'the subscription with the oid ' || srsubid, 'fills the table', ''
    FROM pg_subscription_rel WHERE srrelid = ?::oid""",
    f"""SELECT 'the sequence ' || c.relname, p.key, p.value
    FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid,
    jsonb_each_text(to_jsonb(s) - {_WITHOUT}) p WHERE s.seqrelid IN ({_RELATIONS})""",
)

#: All objects that depend on the table and its type, directly or indirectly, so that
#: DROP ... CASCADE would drop them. Triggers are refused separately, and those of a foreign key are
#: listed as its constraint.
_DEPENDENTS: Final = """
WITH RECURSIVE below(classid, objid, objsubid) AS (
    SELECT 'pg_class'::regclass::oid, ?::oid, 0
    UNION
    SELECT n.classid, n.objid, n.objsubid FROM below b CROSS JOIN LATERAL (
        SELECT d.classid, d.objid, d.objsubid FROM pg_depend d
        WHERE d.refclassid = b.classid AND d.refobjid = b.objid
        UNION ALL  -- the view that a rule makes
        SELECT d.refclassid, d.refobjid, 0 FROM pg_depend d
        WHERE d.classid = b.classid AND d.objid = b.objid AND d.deptype = 'i'
        AND b.classid = 'pg_rewrite'::regclass
    ) n
)
"""
_LISTS: Final = (
    """SELECT pg_describe_object(b.classid, b.objid, b.objsubid), 'depends on the table', ''
    FROM below b LEFT JOIN pg_class c ON b.classid = 'pg_class'::regclass AND c.oid = b.objid
    WHERE c.relkind IS DISTINCT FROM 't' AND b.classid <> 'pg_trigger'::regclass
    AND NOT (b.classid = 'pg_class'::regclass AND c.relnamespace::regnamespace::text
    LIKE 'pg_toast%')""",
    """SELECT 'the comment on ' || pg_describe_object(d.classoid, d.objoid, d.objsubid), 'text',
    d.description FROM pg_description d WHERE (d.classoid, d.objoid) IN
    (SELECT classid, objid FROM below)""",
    """SELECT 'the label on ' || pg_describe_object(d.classoid, d.objoid, d.objsubid), d.provider,
    d.label FROM pg_seclabel d WHERE (d.classoid, d.objoid) IN
    (SELECT classid, objid FROM below)""",
)

#: Privileges that a table created by this user gets, and that the old table may not have.
_DEFAULT_RIGHTS: Final = """
SELECT 'the default privileges of ' || pg_get_userbyid(defaclrole) FROM pg_default_acl
WHERE defaclobjtype IN ('r', 'S') AND defaclrole = (SELECT oid FROM pg_roles
WHERE rolname = current_user)
AND (defaclnamespace = 0 OR defaclnamespace = current_schema()::regnamespace)"""

_Catalogue = dict[tuple[str, str], str | None]


def differences(session: Session, described: Table) -> Iterator[str]:
    """Yield a phrase for each feature of the table that the description *described* lacks."""
    actual = _catalogue(session, _oid(session, described.name))
    with undone(session):
        session.execute(create(described, Dialect.POSTGRES, temporary=True))
        for statement in create_indexes(described, Dialect.POSTGRES):
            session.execute(statement)
        expected = _catalogue(session, _oid(session, described.name))
    for key in tuple(expected):
        if key[1] == "relpersistence":
            expected[key] = "p"  # it differs only because the table is temporary
        if key[1].startswith("option "):  # we set none: the server writes them itself
            actual.pop(key, None)
            del expected[key]
    wrong = dict[str, list[str]]()
    for thing, name in dict.fromkeys((*actual, *expected)):
        is_so = actual.get((thing, name), "")
        if (thing, name) not in actual or (thing, name) not in expected:
            phrases = [f"{name} {is_so}".rstrip()] if (thing, name) in actual else ["missing"]
        elif is_so != expected[thing, name]:
            phrases = [f"{name} = {is_so}"]
        else:
            continue
        wrong.setdefault(thing, []).extend(phrases)
    yield from (
        f"{thing} ({', '.join(dict.fromkeys(phrases))})" for thing, phrases in wrong.items()
    )
    yield from (str(row[0]) for row in session.query(_DEFAULT_RIGHTS))


def _oid(session: Session, name: str) -> Any:
    return session.query("SELECT to_regclass(quote_ident(?::text))::oid", name)[0][0]


def _catalogue(session: Session, table: Any) -> _Catalogue:
    catalogue = _Catalogue()
    lists = (_DEPENDENTS + sql for sql in _LISTS)
    for sql in (*_PROPERTIES, *lists):
        for thing, name, value in session.query(sql, *(table,) * sql.count("?::oid")):
            catalogue[_named(str(thing)), str(name)] = value
    return catalogue


def _named(thing: str) -> str:
    """Return the description of an object without the schema of temporary tables."""
    return re.sub(r"\bpg_temp(_\d+)?\.", "", thing)
