"""Asks SQLite how it would run each statement of the store: none reads more rows than it gives.

usage: test_plans.py BUILD

The statements and the schema are the string literals of src/store/*.c, after the preprocessor. What a
plan says of a table is *narrow* if the columns that it compares for equality are a key of KEYS, which a
few rows have in common at most. Everything else reads a range: its statement and the step of the plan
are in WIDE, with the reason why that range is no longer than what is wanted. A row of WIDE that no
statement needs any more is an error, too.

Plans are asked for in an empty database and in one with large tables, without ANALYZE, as in a mount.
"""
import concurrent.futures
import json
import pathlib
import re
import shlex
import sqlite3
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|\w+|\s+|.', re.S)
VERB = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH|REPLACE)\b")
# What needs no look at its plan when it is given to sql_stmt().
OTHER = re.compile(r"BEGIN|COMMIT|ROLLBACK|PRAGMA |VACUUM ")

# Index: how many of its first columns make a key. The primary keys are those of the tables.
KEYS = {
    "rowid": 1, "meta": 1, "span": 2, "mention_span": 2, "month": 2,
    "room_id": 1, "room_key": 2, "room_name": 2, "room_email": 1, "message_list": 2,
    "message_id": 1, "member_id": 2, "member_key": 2, "member_name": 2, "person_id": 1,
    "person_email": 1, "person_first": 1, "content_key": 2, "content_message": 1, "node_key": 2,
    "thread_root": 2, "thread_stem": 2, "thread_part": 1,
    "webhook_id": 1, "webhook_key": 1, "webhook_name": 1,
}
# Steps that read nothing themselves.
IDLE = re.compile(r"(CORRELATED )?SCALAR SUBQUERY|LIST SUBQUERY|MULTI-INDEX OR|INDEX \d|CO-ROUTINE"
                  r"|SCAN CONSTANT ROW|SETUP|RECURSIVE STEP|MERGE \(UNION ALL\)|LEFT|RIGHT")
ONCE = "once, when an older store is opened"
PURGE = "the purge: the rows that it deletes"
MAX = "the last row is the answer"
PAGE = "ends at its LIMIT, or when what asked has enough"
LIST = "a listing that wants all of them"
SPANS = "spans of one space, of which there are few: those that touch are one"
MONTHS = "months of one space"
NEAR = "from a place on, and the first row or few are the answer"
MILLISECOND = "messages of one millisecond"
FEW = "taken only where there are few"
PART = "what is asked of a part of a space, and of all that is in it"
# Part of a statement, step of its plan (a pattern): why it may.
WIDE = {
    ("DELETE FROM month WHERE room=?1", r"SEARCH month USING PRIMARY KEY .*"): MONTHS,
    ("sum(bodies), sum(evicted) FROM month WHERE room=?1", r"SEARCH month .*"): MONTHS,
    ("(SELECT sum(evicted) FROM month WHERE room=?1)", r"SEARCH month .*"): MONTHS,
    ("UPDATE month SET opened_ms=?4", r"SEARCH month .*"): MONTHS,
    ("SELECT 1 FROM month WHERE room=?1 AND evicted>0 LIMIT 1", r"SEARCH month .*"): MONTHS,
    ("SELECT sum(bodies), sum(evicted) FROM month", r"SCAN month"): "once, at the start",
    ("cookie>=?2 AND cookie<?3 AND name_key IS NOT NULL", r"SEARCH .*content_place.*"): MILLISECOND,
    ("INDEXED BY content_list", r"SEARCH c .*content_list.*"): PAGE,
    ("INDEXED BY content_place", r"SEARCH c .*content_place.*"): FEW,
    ("INDEXED BY content_place", r"USE TEMP B-TREE FOR ORDER BY"): FEW,
    ("SELECT count(*) FROM (SELECT 1 FROM content", r"SEARCH content .*content_place.*"): PAGE,
    ("SELECT count(*) FROM (SELECT 1 FROM content", r"SCAN \(?subquery-1\)?"): PAGE,
    ("SELECT 1 FROM content c JOIN message m", r"SEARCH c .*content_place.*"): NEAR,
    ("ORDER BY c.cookie DESC LIMIT ?6", r"SEARCH c .*content_unnamed.*"): PAGE,
    ("SELECT rowid, name FROM content WHERE name<>''", r"SCAN content"): ONCE,
    ("b.files IS NOT NULL AND m.deleted=0", r"SCAN m .*"): ONCE,
    ("UPDATE content SET cookie=ifnull(", r"SCAN content"): ONCE,
    ("UPDATE message SET flags=flags|?1", r"SCAN message"): ONCE,
    ("parent_id IS NOT NULL AND root_ms IS NULL", r"SEARCH message .*message_parent.*"): ONCE,
    ("FROM message WHERE parent_id=?1", r"SEARCH message .*message_parent.*"):
        "the replies to one message, all of which change",
    ("SELECT max(seq) FROM event", r"SEARCH event"): MAX,
    ("SELECT min(seq) FROM event", r"SEARCH event"): MAX,
    ("DELETE FROM event WHERE seq<=?1", r"SEARCH event .*"): "the rows that it deletes",
    ("FROM event WHERE seq>?1", r"SEARCH event .*"): PAGE,
    ("ORDER BY seq DESC LIMIT 1", r"SCAN event USING INDEX event_link"): MAX,
    ("ORDER BY cookie DESC LIMIT 1 OFFSET ?2", r"SEARCH .*message_list.*"):
        "the number of a space's newest messages that is listed",
    ("ORDER BY cookie DESC LIMIT 1 OFFSET ?3", r"SEARCH .*message_list.*"):
        "the number of a space's newest messages that is listed, or that one page has",
    ("ORDER BY m.cookie LIMIT ?4", r"SEARCH m .*message_list.*"): PAGE,
    ("FROM month WHERE bodies>0 AND opened_ms", r"SEARCH month USING INDEX month_opened.*"): PAGE,
    ("SELECT min(m.created_ms), max(m.created_ms)", r"SEARCH m .*message_list.*"): PART,
    ("SELECT m.created_ms, b.message", r"SEARCH m .*message_list.*"): PAGE,
    ("AND m.created_ms>?4 AND m.created_ms<=?5", r"SEARCH m .*message_list.*"): PART,
    ("FROM span WHERE room=?1", r"SEARCH span USING PRIMARY KEY \(room=\?.*"): SPANS,
    ("FROM mention_span WHERE room=?1", r"SEARCH mention_span USING PRIMARY KEY \(room=\?.*"): SPANS,
    ("SELECT message, mentioned_people", r"SCAN body"): ONCE,
    ("INDEXED BY message_mention WHERE", r"SEARCH m(essage)? USING INDEX message_mention .*"): PART,
    ("INDEXED BY message_mentions", r"SEARCH m USING INDEX message_mentions .*"): PAGE,
    ("INDEXED BY message_mentions", r"USE TEMP B-TREE FOR (RIGHT PART|LAST TERM) OF ORDER BY"):
        MILLISECOND,
    ("deleted=0 ORDER BY cookie LIMIT 1", r"SEARCH message .*message_list.*"): NEAR,
    ("deleted=0 ORDER BY cookie DESC LIMIT 1", r"SEARCH message .*message_list.*"): NEAR,
    ("m.rowid>?2 ORDER BY m.rowid", r"SEARCH m USING INDEX member_list .*"): PAGE,
    ("SELECT ifnull(max(created_ms), 0)+1000 FROM member", r"SEARCH .*member_time.*"): MAX,
    ("SELECT rowid FROM member WHERE room=?1 AND gone=0", r"SEARCH .*member_list.*"):
        "a list of the server is compared with all of them",
    ("SELECT rowid FROM room WHERE gone=0 AND pin_until_ms", r"SCAN room"):
        "a list of the server is compared with all of them",
    ("WHERE room=?1 AND cookie>=?2 AND cookie<?3", r"SEARCH message .*message_list.*"): MILLISECOND,
    ("SELECT m.rowid, m.stem FROM message m", r"SEARCH m .*message_list.*"): MILLISECOND,
    ("m.cookie>=?2 AND m.cookie<?3 ORDER BY m.cookie", r"SEARCH m .*message_list.*"): PAGE,
    ("WHERE m.id=?1 AND m.deleted=0", r"USE TEMP B-TREE FOR ORDER BY"):
        "the spaces in which there is a message of one id",
    ("m.cookie>?2 AND m.cookie<?4", r"SEARCH m .*message_list.*"): LIST,
    ("SELECT count(*) FROM (SELECT 1 FROM message", r"SEARCH message .*message_list.*"): PAGE,
    ("SELECT count(*) FROM (SELECT 1 FROM message", r"SCAN \(?subquery-1\)?"): PAGE,
    ("flags&16 AND (SELECT gone", r"SEARCH message USING INDEX message_own.*"): NEAR,
    ("person=?2 AND deleted=0 AND (SELECT gone", r"SEARCH message .*message_list.*"):
        "only for an account that is not the store's owner, which no mount has",
    ("head_activity_ms<>last_activity_ms ORDER BY", r"SCAN room USING INDEX room_news"): PAGE,
    ("ORDER BY used_wall_ms DESC LIMIT ?1", r"SEARCH room .*room_used.*"): PAGE,
    ("AND rowid>?1 AND (head_wall_ms BETWEEN", r"SEARCH room USING INTEGER PRIMARY KEY.*"):
        "a poll goes over the spaces until it finds an old one: microseconds for each",
    ("FROM node WHERE kind=?1 AND key>=?2", r"SEARCH node .*node_key.*"): LIST,
    ("_key=?1 ORDER BY fetched_wall_ms DESC", r"USE TEMP B-TREE FOR ORDER BY"):
        "the people who had one address",
    ("FROM person WHERE fetched_wall_ms>=0 AND rowid>?1", r"SEARCH .*person_fetched.*"): PAGE,
    ("max(ifnull(max(last_activity_ms), 0), ?1)", r"SEARCH room .*room_activity"): MAX,
    ("ORDER BY n.name LIMIT ?2", r"SEARCH n .*room_name.*"): NEAR,
    ("ORDER BY n.rowid LIMIT ?2", r"SEARCH n .*(room_list|INTEGER PRIMARY KEY).*"): NEAR,
    ("FROM room WHERE type=?1 AND gone=0 AND rowid>?2", r"SEARCH room .*room_list.*"): PAGE,
    ("WHERE team_id=(SELECT id FROM", r"SEARCH room .*room_team.*"): PAGE,
    ("SELECT count(*) FROM room WHERE type=?1", r"SEARCH room .*COVERING INDEX room_list.*"):
        "once, at the start",
    ("room WHERE gone=1", r"SEARCH .*"): PURGE,
    ("SELECT rowid FROM message WHERE deleted=1", r"SEARCH .*message_gone.*"): PURGE,
    ("SELECT rowid FROM member WHERE gone=1", r"SEARCH .*member_gone.*"): PURGE,
    ("SELECT rowid FROM webhook WHERE gone=1", r"SEARCH .*webhook_gone.*"): PURGE,
    ("FROM webhook WHERE rowid>?1 AND gone=0", r"SEARCH webhook USING INTEGER PRIMARY KEY.*"): PAGE,
    ("FROM webhook WHERE gone=0 AND pin_until_ms<=?1", r"SCAN webhook"):
        "a list of the server is compared with all of them",
    ("SELECT rowid FROM content WHERE gone=1", r"SEARCH .*content_gone.*"): PURGE,
    ("WHERE room=?1 LIMIT ?2", r"SEARCH message .*message_list.*"): PURGE,
    ("WHERE room=?1 AND gone=0 LIMIT ?2", r"SEARCH content .*content_(list|place).*"): PURGE,
    ("SELECT count(*) FROM sqlite_schema", r"SCAN sqlite_(master|schema)"): "the tables",
    ("SELECT max(ifnull((SELECT max(rowid) FROM room),0)", r"SEARCH \w+( USING PRIMARY KEY)?"): MAX,
    ("WHERE rowid>?1 ORDER BY rowid LIMIT ?2", r"SEARCH message USING INTEGER PRIMARY KEY.*"): PAGE,
    ("FROM message WHERE room=?1 AND cookie<?2", r"SEARCH message .*message_list.*"): NEAR,
    ("SELECT ifnull(max(swept_wall_ms), -1) FROM sweep", r"SEARCH sweep"):
        "once, at the start: the spaces that were swept",
    ("UPDATE month SET verified_ms=?4", r"SEARCH month .*"): MONTHS,
    ("SELECT month FROM month WHERE room=?1 AND month>=?2", r"SEARCH month .*"): MONTHS,
    ("SELECT month, bodies+evicted, verified_ms", r"SEARCH month .*"): MONTHS,
    ("max(max(created_ms, updated_ms, changed_ms))", r"SEARCH message .*message_list.*"):
        "the messages of one month, of which the latest time is the answer",
    ("AND m.id<>t.root ORDER BY m.cookie DESC LIMIT 1", r"SEARCH m .*message_thread .*"): NEAR,
    ("AND m.id<>t.root)", r"SEARCH m .*message_thread .*"): NEAR,
    ("INDEXED BY message_threaded", r"SEARCH m .*message_threaded .*"): LIST,
    ("INDEXED BY message_threaded", r"USE TEMP B-TREE FOR DISTINCT"): LIST,
    ("m.thread=?5 AND m.thread>0", r"SEARCH m .*message_thread .*"): LIST,
    ("SELECT rowid FROM message WHERE thread=?5", r"SEARCH message .*message_thread .*"): LIST,
    ("SELECT rowid FROM message WHERE thread=?5", r"USE TEMP B-TREE FOR ORDER BY"): FEW,
    ("(SELECT changed_ms FROM thread WHERE rowid=?1)", r"SEARCH message .*message_thread .*"):
        "the messages of one thread, of which the latest time is the answer",
    ("SELECT count(*), max(rowid) FROM message WHERE thread=?1", r"SEARCH .*message_thread .*"):
        "the messages of one thread, whose text is to be shown",
    ("AND +person=?2 ORDER BY cookie DESC LIMIT 1", r"SEARCH .*message_thread .*"): NEAR,
    ("WHERE thread=?1 AND thread>0 AND deleted=0 ORDER BY cookie", r"SEARCH .*message_thread .*"):
        NEAR,
    ("UPDATE message SET thread=?2 WHERE thread=?1", r"SEARCH message .*message_thread .*"):
        "the messages that come into another thread",
    ("DELETE FROM thread WHERE room=?1", r"SEARCH thread .*thread_stem.*"): PURGE,
    ("SELECT DISTINCT room, parent_id FROM message", r"SEARCH message .*message_parent.*"): ONCE,
    ("UPDATE message SET thread=ifnull(", r"SEARCH message .*message_parent.*"): ONCE,
    ("WHERE m.parent_id IS NOT NULL AND m.thread<>t.rowid", r"SEARCH m .*message_parent.*"): ONCE,
    ("UPDATE message SET thread=(SELECT part_of", r"SCAN .*"): ONCE,
    ("sum(bodies+evicted) AS n FROM month", r"MATERIALIZE m|CO-ROUTINE m|SCAN m(onth)?.*"
     r"|USE TEMP B-TREE FOR ORDER BY"): "the sweep: looks for the space whose turn it is",
}


def literals(text):
    """The text with a number in quotes in place of each chain of string literals, and the chains."""
    chains, bare, is_open = [], [], False
    for token in TOKEN.findall(text):
        if token[0] == '"':
            if not is_open:
                bare.append(f'"{len(chains)}"')
                chains.append("")
            chains[-1] += re.sub(r"\\(.)", r"\1", token[1:-1])
            is_open = True
        else:
            is_open = is_open and token.isspace()
            bare.append(token)
    return "".join(bare), chains


def preprocess(entry):
    argv = [a for a in shlex.split(entry["command"]) if a not in ("-c", "ccache")]
    at = argv.index("-o")
    argv[at:at + 2] = []
    return subprocess.run([*argv, "-E", "-P", "-w"], cwd=entry["directory"], check=True,
                          stdout=subprocess.PIPE, text=True).stdout


def sources(build):
    """The preprocessed text of each file of the store."""
    entries = json.loads((build / "compile_commands.json").read_text(encoding="utf-8"))
    ours = {(pathlib.Path(e["directory"]) / e["file"]).resolve(): e for e in entries}
    files = sorted((ROOT / "src/store").glob("*.c"))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return dict(zip((f.name for f in files), pool.map(preprocess, (ours[f] for f in files))))


def read(build):
    """The migrations in their order, and (file, statement) of all others."""
    migrations, statements, problems = {}, [], []
    for name, text in sources(build).items():
        bare, chains = literals(text)
        schema = {int(at): int(n) for n, at in
                  re.findall(r'\bVERSION_(\d+)\[\] =\s*"(\d+)"', bare)}
        migrations |= {n: chains[at] for at, n in schema.items()}
        statements += [(name, s) for at, chain in enumerate(chains)
                       if at not in schema and VERB.match(chain) for s in chain.split(";") if s]
        for call in re.findall(r"\bsql_stmt\(([^;{]*)\);", bare):
            problems += [f"{name}: what is this to sql_stmt()? {chains[int(at)]}"
                         for at in re.findall(r'"(\d+)"', call)
                         if not VERB.match(chains[int(at)]) and not OTHER.match(chains[int(at)])]
    return [migrations[n] for n in sorted(migrations)], statements, problems


def is_narrow(step):
    """Whether a step of a plan reads a few rows, however long the table is."""
    found = re.fullmatch(r"SEARCH (\w+)(?: USING (?:COVERING )?(?:INDEX (\w+)|(INTEGER )?PRIMARY KEY))"
                         r" \(([^)]*)\)(?: LEFT-JOIN)?", step)
    if not found:
        return False
    table, index, rowid, terms = found.groups()
    key = KEYS.get(index or ("rowid" if rowid else table))
    return key is not None and len(re.findall(r"\w=\?", terms)) >= key


def steps(db, statement):
    values = [None] * len(set(re.findall(r"\?\d+", statement)))
    return [row[3] for row in db.execute("EXPLAIN QUERY PLAN " + statement, values)]


def large(db):
    """Fills the tables by many rows of one space, as a large account has them."""
    tables = [row[0] for row in db.execute("SELECT name FROM sqlite_schema WHERE type='table'")]
    for table in tables:
        columns = list(db.execute(f"PRAGMA table_info({table})"))
        values = ", ".join("1" if c[1] in ("type", "kind") else "0" if c[1] in ("gone", "deleted")
                           else "n" for c in columns)
        db.execute("WITH RECURSIVE k(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM k WHERE n<2000)"
                   f" INSERT INTO {table}({', '.join(c[1] for c in columns)}) SELECT {values} FROM k")


def look(db, statements, used):
    """The problems; notes in `used` which rows of WIDE there were."""
    for file, statement in statements:
        for step in steps(db, statement):
            if IDLE.match(step) or is_narrow(step):
                continue
            named = {(part, s) for part, s in WIDE if re.fullmatch(s, step) and part in statement}
            used |= named
            if not named:
                yield f"{file}: {statement}\n    {step}"


def main():
    migrations, statements, problems = read(pathlib.Path(sys.argv[1]))
    used = set()
    db = sqlite3.connect(":memory:")
    for script in migrations:
        db.executescript(script)
    problems += look(db, statements, used)
    large(db)
    problems += look(db, statements, used)
    problems += [f"no statement needs this any more: {row}" for row in WIDE if row not in used]
    print(f"SQLite {sqlite3.sqlite_version}: {len(statements)} statements,"
          f" {len(migrations)} versions of the schema, {len(problems)} problems")
    for problem in dict.fromkeys(problems):
        print(problem)
    # Fewer would mean that they were not found.
    sys.exit(len(problems) > 0 or len(statements) < 150 or len(migrations) < 7)


main()
