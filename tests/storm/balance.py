"""The balance after the storm: the ledgers against the server and .sparkfs/unsent."""
import collections
import errno
import hashlib
import json
import os

from items import SPACES, TOKEN, Item, tokens_of

GONE = (errno.ENOTCONN, errno.ECONNABORTED)
DEEDS = ("post", "edit", "delete")


class Balance:
    def __init__(self, storm, unsent):
        args = storm.args
        self.storm = storm
        self.items = {pair[0]: Item(args.seed, *pair) for w in range(args.writers)
                      for pair in tokens_of(w, args.posts, args.uploads, args.writers)}
        self.ledger = storm.read_ledger()
        self.server, self.aliens = storm.server_messages()
        self.kept = collections.defaultdict(list)
        self.bad = []
        self.count = collections.Counter()
        for name, data, why in unsent:
            token = TOKEN.match(data[:9].decode("utf-8", "replace"))
            if token:
                self.kept[token[0]].append((name, data, why))
            elif data and not self.is_beginning(name, data):
                self.violation("alien", None, f"in unsent/: {name} {data[:80]!r} {why}")

    def is_beginning(self, name, data):
        """True of less than a token: sparkfs was killed in the middle of a first write."""
        return len(data) < 9 and data[:1] == b"w" or TOKEN.search(name)

    def violation(self, kind, token, text):
        self.count[kind] += 1
        self.bad.append((kind, token, text))

    def check(self):
        for title, message in self.aliens:
            self.violation("alien", None, f"in {title}: {message}")
        for token, item in self.items.items():
            self.check_item(token, item)
        self.check_order()

    def stage(self, token, deed):
        """The last stage that the writer noted of the deed; "never" if it did not begin."""
        entries = self.ledger[token, deed]
        return entries[-1]["stage"] if entries else "never"

    def check_item(self, token, item):
        server = self.server[token]
        kept = {is_edit: [k for k in self.kept[token] if self.is_edit(item, k) == is_edit]
                for is_edit in (False, True)}
        stage = self.stage(token, "post")
        self.count["posted"] += len(server) == 1
        self.count["refused at open"] += stage == "open"
        self.count["refused at write"] += stage == "write"
        self.count["close succeeded"] += stage == "ok"
        self.count["close failed"] += stage == "close"
        if len(server) > 1:
            self.violation("doubled", token, "it is on the server more than once")
        self.check_post(item, stage, server, kept[False])
        self.check_edit(item, server, kept[True])
        self.check_deletion(item, server)
        self.check_words(item, server)
        self.check_kept(item, "post", kept[False], (item.body, item.bytes()))
        if kept[True]:
            self.check_kept(item, "edit", kept[True], (item.edited, item.edited_bytes()))

    def is_edit(self, item, kept):
        """By its words, too: of what sparkfs was killed with before it wrote a note it says
        only that it is a text."""
        _, data, why = kept
        return why["form"].startswith("edit-") or not item.is_file and \
            data in (item.edited, item.edited_bytes())

    def count_kept(self, token, deed, server, kept):
        """(the sure ones, those in doubt)"""
        doubt = [k for k in kept if k[2]["state"] == "in-doubt"]
        what = "edits " if deed == "edit" else ""
        self.count[what + "unsent"] += len(kept) - len(doubt)
        self.count[what + "in-doubt"] += len(doubt)
        self.count[what + "in-doubt, had arrived"] += bool(doubt and server)
        if len(kept) > 1:
            self.violation("doubled", token, f"the {deed} is in unsent/ more than once")
        if server and len(kept) > len(doubt) and deed == "post":
            self.violation("doubled", token, "it is on the server and, unsent, here")
        elif server and len(kept) > len(doubt):
            # A second time it changes nothing.
            self.count["edits unsent, had arrived"] += 1
        return len(kept) - len(doubt), len(doubt)

    def check_post(self, item, stage, server, kept):
        token = item.token
        self.count_kept(token, "post", server, kept)
        if stage == "ok" and kept:
            self.violation("doubled", token, "close succeeded, and it is in unsent/")
        if stage == "ok" and not server and not self.ledger[token, "delete"]:
            self.violation("lost", token, "close succeeded")
        elif stage == "close" and not server and not kept:
            self.check_lost(item, "post")
        elif stage in ("open", "write", "never") and server:
            self.violation("forged", token, f"the writer came as far as: {stage}")
        elif stage not in ("ok", "close", "open", "write"):
            self.violation("wedged", token, f"the writer came as far as: {stage}")

    def check_edit(self, item, server, kept):
        """server: with the old or the new text. Deleted is only what was edited well."""
        token, stage = item.token, self.stage(item.token, "edit")
        new = [s for s in server if s[2] == item.edited]
        self.count["edited"] += stage == "ok"
        self.count["edit failed"] += stage in ("close", "write", "open")
        self.count["not found again"] += stage == "unfound"
        self.count_kept(token, "edit", new, kept)
        if stage == "ok" and kept:
            self.violation("doubled", token, "the edit succeeded, and it is in unsent/")
        if stage == "ok" and not new and not self.ledger[token, "delete"]:
            self.violation("lost", token, "the edit succeeded")
        elif stage == "close" and not server:
            self.violation("lost", token, "an edit failed, and the message is gone")
        elif stage == "close" and not new and not kept:
            self.check_lost(item, "edit")
        elif stage in ("open", "write", "never", "unfound") and new:
            self.violation("forged", token, f"the edit came as far as: {stage}")
        elif stage in ("opened", "written"):
            self.violation("wedged", token, f"the edit came as far as: {stage}")

    def check_deletion(self, item, server):
        token, stage = item.token, self.stage(item.token, "delete")
        self.count["deleted"] += stage == "ok"
        self.count["deletion failed"] += stage == "close"
        self.count["not found again"] += stage == "unfound"
        if stage == "ok" and server:
            self.violation("undone", token, "its deletion succeeded, and it is there")
        elif stage == "unfound" and not server:
            self.violation("lost", token, "it was not found, and nobody deleted it")
        elif stage == "opened":
            self.violation("wedged", token, "its deletion does not end")

    def check_words(self, item, server):
        edit = self.stage(item.token, "edit")
        texts = {"ok": [item.edited], "close": [item.body, item.edited]}.get(edit, [item.body])
        for title, message, data in server:
            if title != item.space or data not in texts or \
                    item.is_file != bool(message.get("files")):
                self.violation("garbled", item.token, f"in {title}: {message}")

    def check_kept(self, item, deed, kept, texts):
        for name, data, _ in kept:
            is_part = self.stage(item.token, deed) == "write" and texts[-1].startswith(data)
            if data not in texts and not is_part:
                self.violation("garbled", item.token, f"{name} has {data[:200]!r}")

    def check_lost(self, item, deed):
        error = self.ledger[item.token, deed][-1]["error"]
        if error in [errno.errorcode[n] for n in GONE] and not item.is_file:
            self.count["cut off"] += 1
        else:
            self.violation("lost", item.token, f"close said {error}")

    def check_order(self):
        """What one writer posted into one space is in the order of its closes."""
        for title in SPACES:
            lines = collections.defaultdict(list)
            for token, copies in self.server.items():
                if len(copies) == 1 and copies[0][0] == title and \
                        self.stage(token, "post") == "ok":
                    lines[token[:3]].append((copies[0][1]["created"], token))
            for line in lines.values():
                tokens = [token for _, token in sorted(line)]
                for a, b in zip(tokens, tokens[1:]):
                    if a > b:
                        self.violation("out of order", b, f"in {title}, after {a}")

    def explain(self, log):
        for kind, token, text in self.bad[:20]:
            print(f"\n*** {kind}: {token}: {text}")
            if not token:
                continue
            item = self.items[token]
            print(f"    {item.form} in {item.space}, {len(item.bytes())} bytes: "
                  f"{item.bytes()[:100]!r}")
            for entry in self.entries(token):
                print(f"    ledger: {entry}")
            for title, message, data in self.server[token]:
                print(f"    server: {title} {message['created']} {message['id']} "
                      f"{hashlib.sha256(data).hexdigest()[:12]}")
            for name, data, why in self.kept[token]:
                print(f"    unsent: {name} {len(data)} bytes {json.dumps(why)}")
            self.explain_requests(token, log)
        if len(self.bad) > 20:
            print(f"\n*** and {len(self.bad) - 20} more")

    def entries(self, token):
        """All of its lines in the ledger."""
        return [e for deed in DEEDS for e in self.ledger[token, deed]]

    def explain_requests(self, token, log):
        times = [e["at"] * 1000 for e in self.entries(token)]
        if not times:
            return
        for r in log:
            if r["method"] in ("POST", "PUT", "DELETE") and \
                    times[0] - 100 <= r["startedMs"] <= times[-1] + 5000:
                print("    log: " + json.dumps({k: r.get(k) for k in (
                    "n", "method", "path", "status", "startedMs", "endedMs", "bytesIn", "fault",
                    "note") if r.get(k) is not None}))


# ---- sending what was kept ----

def resend(storm, balance, unsent):
    """What is unsent for sure goes out from there, and only then is the balance full."""
    folder = storm.mount / ".sparkfs/unsent"
    sent = []
    for name, data, why in unsent:
        token = TOKEN.match(data[:9].decode("utf-8", "replace"))
        item = token and balance.items.get(token[0])
        if not item or why["state"] == "in-doubt" or why["form"].startswith("edit-") or \
                data not in (item.body, item.bytes()):
            continue
        target = storm.mount / "spaces" / item.space / item.name
        try:
            os.rename(folder / name, target)
            sent.append(item)
        except OSError as e:
            balance.violation("not sent again", item.token, f"{name}: {e}")
    balance.server, balance.aliens = storm.server_messages()
    left = {name for name, _, _ in storm.unsent()}
    for item in sent:
        copies = balance.server[item.token]
        if len(copies) != 1 or copies[0][2] != item.body:
            balance.violation("lost" if not copies else "doubled", item.token,
                              "it was sent from unsent/")
        if any(item.token == k[0][:9] for k in left):
            balance.violation("doubled", item.token, "sent, and still in unsent/")
    return len(sent)
