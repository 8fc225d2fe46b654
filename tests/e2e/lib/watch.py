"""Whatever runs for somebody, looked at while it runs: what /proc shows of it to others.

    with Watch(home) as watch:
        ...
    assert watch.programs() and not watch.find(secrets)
"""
import contextlib
import itertools
import pathlib
import threading
import time


def read(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""


class Watch(threading.Thread):
    """All processes that have the folder in their arguments or their environment.

    The file "looks" there has how often all were looked at: a program of the test's own that wants to be seen
    waits until that was twice more.
    """

    def __init__(self, home):
        super().__init__(daemon=True)
        self.home = str(home).encode()
        self.looks = pathlib.Path(home) / "looks"
        self.over = threading.Event()
        self.seen = {}  # (pid, when it began, arguments): environment

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()
        self.looks.unlink()

    def run(self):
        strangers = set()
        for n in itertools.count():
            new = self.looks.with_suffix(".new")
            new.write_text(f"{n}\n", encoding="ascii")
            new.replace(self.looks)
            if self.over.is_set():
                break
            for entry in pathlib.Path("/proc").iterdir():
                if entry.name.isdigit() and entry.name not in strangers and not self.look(entry):
                    # A number that is used again soon is a rare thing here.
                    strangers.add(entry.name)
            time.sleep(0.001)

    def look(self, entry):
        arguments = read(entry / "cmdline")
        environment = read(entry / "environ")
        if not arguments or read(entry / "cmdline") != arguments:
            # Between fork and exec, or at its end: the two may be of different programs.
            return True
        if self.home not in arguments + environment:
            return not environment
        with contextlib.suppress(IndexError):
            began = read(entry / "stat").rsplit(b")", 1)[1].split()[19]
            self.seen.setdefault((entry.name, began, arguments), set()).add(environment)
        return True

    def programs(self):
        """The arguments of all that were seen, each a list of bytes."""
        return {tuple(arguments.split(b"\0")[:-1]) for _, _, arguments in self.seen}

    def find(self, secrets):
        """What was to be seen of them: (secret, arguments, variable)."""
        found = []
        for (_, _, arguments), environments in self.seen.items():
            for text in (arguments, *environments):
                for secret in secrets:
                    if secret in text:
                        found.append((secret, arguments[:200], next(
                            (v.split(b"=")[0] for v in text.split(b"\0") if secret in v), b"")))
        return found


def memory(pid):
    """What a process has in its own memory. Root alone may look."""
    out = []
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            span, rights, *_ = line.split()
            if not rights.startswith("rw") or line.rstrip().endswith(("[vvar]", "[vsyscall]")):
                continue
            begin, end = (int(n, 16) for n in span.split("-"))
            with contextlib.suppress(OSError, ValueError, OverflowError):
                mem.seek(begin)
                out.append(mem.read(end - begin))
    return b"".join(out)


def files(*folders):
    """Every file below them: {path: bytes}."""
    return {path: read(path) for folder in folders for path in folder.rglob("*") if path.is_file()
            and not path.is_symlink()}
