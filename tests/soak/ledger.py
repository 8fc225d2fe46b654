#!/usr/bin/python3
"""usage: ledger.py MOUNT SPACE SEED FILE: writes what nobody else writes, and notes in FILE what it was told.

Each line is JSON: a token, what was done with it, the errno (0: it was taken) and the seconds that it took.
Ends when FILE.end is there.
"""
import errno
import json
import os
import random
import sys
import time


def put(path, data, flags=0):
    fd = os.open(path, os.O_WRONLY | flags, 0o644)
    try:
        os.write(fd, data)
    finally:
        os.close(fd)


def deed(folder, kind, token, dice):
    text = f"{token}; " + "word " * dice.choice([0, 3, 200])
    if kind == "post.json":
        put(f"{folder}/{kind}", json.dumps({"text": text}).encode())
    elif kind == "file":
        put(f"{folder}/{token}.txt", text.encode() * dice.choice([1, 500]), os.O_CREAT | os.O_EXCL)
    elif kind == "move":
        put(f"{folder}/.{token}~", text.encode(), os.O_CREAT)
        os.rename(f"{folder}/.{token}~", f"{folder}/{token}.txt")
    else:
        put(f"{folder}/{kind}", text.encode(), os.O_TRUNC)


def main():
    mount, space, seed, path = sys.argv[1:]
    dice, count = random.Random(seed), 0
    with open(path, "a", encoding="utf-8") as ledger:
        while not os.path.exists(path + ".end"):
            token = f"K{os.getpid()}-{seed}-{count}"
            kind = dice.choice(["post", "post", "post.md", "post.json", "file", "move"])
            begin, error = time.monotonic(), 0
            try:
                deed(f"{mount}/spaces/{space}", kind, token, dice)
            except OSError as e:
                error = e.errno
            ledger.write(json.dumps({"token": token, "kind": kind, "error": error,
                                     "took": round(time.monotonic() - begin, 2)}) + "\n")
            ledger.flush()
            count += 1
            if error in (errno.ENOTCONN, errno.ECONNABORTED):
                break
            time.sleep(dice.choice([0.01, 0.1, 0.5]))


if __name__ == "__main__":
    main()
