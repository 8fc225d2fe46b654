"""What the programs of scripts/soak share: options, a folder of their own, the verdict.

They take SPARKFS and WEBEXSIM from the environment, as the end-to-end tests do, and
SPARKFS_TEST_SLOW for sanitizer builds. A program's exit status is 0 when nothing was wrong.
"""
import argparse
import pathlib
import random
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "e2e")]

from lib.mount import Mount, remove_folder  # noqa: E402
from lib.sim import Sim  # noqa: E402
from lib.util import SLOW, hurry_rate  # noqa: E402

__all__ = ["HERE", "Mount", "Sim", "SLOW", "hurry_rate", "parse", "work_in"]


def parse(doc, seconds, **more):
    """The options of a program: --seconds, --seed, --keep, and `more` (default, help)."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=seconds, metavar="N")
    parser.add_argument("--seed", type=int, default=None, metavar="S")
    parser.add_argument("--keep", metavar="DIR", help="work there, and leave it")
    for name, (default, text) in more.items():
        if isinstance(default, list):
            parser.add_argument(f"--{name}", action="append", default=default, help=text)
        else:
            parser.add_argument(f"--{name}", type=type(default), default=default, metavar="N",
                                help=f"{text} ({default})")
    args = parser.parse_args()
    if args.seed is None:
        args.seed = random.SystemRandom().randrange(1000000)
    return args


def work_in(name, args, program):
    """Runs program(args, folder), which returns what was wrong, as a list. Exit status."""
    folder = pathlib.Path(args.keep or tempfile.mkdtemp(prefix=f"{name}-"))
    folder.mkdir(parents=True, exist_ok=True)
    print(f"{name}: seed {args.seed}, {args.seconds} s, {folder}", flush=True)
    wrong = program(args, folder)
    for line in wrong:
        print(f"{name}: {line}")
    if not wrong and not args.keep:
        remove_folder(folder)
    print(f"{name}: " + (f"failed, seed {args.seed}; see {folder}" if wrong else "good"),
          flush=True)
    return 1 if wrong else 0
