"""A mount of an ordinary user's: what the kernel refused without asking is refused here, with words.

The same user has two mounts of one account: one as it is mounted by default, where sparkfs checks
the modes of the files, and one with -o default_permissions, where the kernel does. What the kernel
refuses there is refused here, and nothing else is.
"""
import json
import os
import pathlib
import shlex
import shutil
import tempfile

import pytest

from lib.shell import argv_as, run_cmd

USER, OTHER = 65534, 65533

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be two others")

REFUSALS = "EACCES", "EPERM", "EROFS"
# What programs try and go on without.
QUIET = ["chown", "chgrp", "run"]

# Runs as a user in a mount, and prints what each kind of file answers.
LOOK = r"""
import collections, errno, json, os, sys, time

found = {}
quiet = set(sys.argv[1:])

def answer_of(act, undo):
    try:
        given = act()
        if undo:
            undo(given)
        return "ok"
    except OSError as e:
        return errno.errorcode[e.errno]

def note(what, act, undo=None):
    answer = answer_of(act, undo)
    said = open(".sparkfs/last-error").read()
    if answer in ("EACCES", "EPERM", "EROFS") and said == note.said and what.split()[-1] not in quiet:
        # The same words as before, in the same millisecond?
        time.sleep(0.002)
        answer = answer_of(act, undo)
        said = open(".sparkfs/last-error").read()
    found[what] = answer, said != note.said
    note.said = said

note.said = open(".sparkfs/last-error").read()

def opens(path, flags):
    note(f"{path} {flags}", lambda: os.open(path, flags), os.close)

def try_dir(path):
    note(f"{path} list", lambda: os.listdir(path))
    note(f"{path} chdir", lambda: os.close(os.open(path, os.O_DIRECTORY)))
    if os.stat(path).st_mode & 0o200:
        return
    new = f"{path}/new.txt"
    note(f"{path} create", lambda: os.open(new, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o644), os.close)
    note(f"{path} scratch", lambda: os.open(new + "~", os.O_CREAT | os.O_WRONLY, 0o600), os.close)
    note(f"{path} mkdir", lambda: os.mkdir(f"{path}/new"))
    note(f"{path} symlink", lambda: os.symlink("x", new))
    note(f"{path} mkfifo", lambda: os.mkfifo(new))
    for name in os.listdir(path):
        old = f"{path}/{name}"
        is_dir = os.path.isdir(old) and not os.path.islink(old)
        note(f"{old} remove", lambda: os.rmdir(old) if is_dir else os.unlink(old))
        note(f"{old} rename", lambda: os.rename(old, f"{path}/moved"))

def try_file(path):
    for flags in os.O_RDONLY, os.O_WRONLY, os.O_RDWR:
        opens(path, flags)
    note(f"{path} run", lambda: os.execve(path, [path], {}))
    if not os.stat(path).st_mode & 0o200:
        opens(path, os.O_RDONLY | os.O_TRUNC)
        note(f"{path} cut", lambda: os.truncate(path, 0))

def try_all(path):
    for mask in os.F_OK, os.R_OK, os.W_OK, os.X_OK, os.R_OK | os.W_OK:
        found[f"{path} access {mask}"] = os.access(path, mask), False
    note(f"{path} chown", lambda: os.chown(path, 0, -1))
    note(f"{path} chgrp", lambda: os.chown(path, -1, 0))
    note(f"{path} own", lambda: os.chown(path, os.getuid(), os.getgid()))
    note(f"{path} utime", lambda: os.utime(path, (9, 9)))

paths = {}
for top in ".", ".sparkfs", "direct/nobody@example.org":
    paths[top] = True
    for dir, dirs, files in os.walk(top):
        paths.update({f"{dir}/{name}": name in dirs for name in dirs + files})
for path in list(paths):
    if path.endswith(".txt") and "/20" in path and "files" not in path:
        paths.update({path[:-3] + form: False for form in ("md", "html", "json")})
modes = {"r": 0o400, "w": 0o200, "x": 0o500, "none": 0}
for name, mode in modes.items():
    path = f"spaces/Pier/{name}.dat~"
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    os.chmod(path, mode)
    paths[path] = False
looked = collections.Counter()
for path in paths:
    if not os.path.exists(path):
        continue
    # Two of each kind (the low byte of the number) and mode in each space are enough.
    status = os.stat(path)
    key = status.st_ino & 0xff, status.st_mode, *path.split("/")[2:3]
    looked[key] += 1
    if looked[key] > 2:
        continue
    try_all(path)
    if os.path.isdir(path):
        try_dir(path)
    elif not path.endswith("/events"):
        try_file(path)
print(json.dumps(found))
"""


# The user hands a directory on that is open, and another tries to get on from there.
HANDED_ON = f"""
import os, socket, sys
ours, theirs = socket.socketpair()
if not os.fork():
    os.setgroups([])
    os.setresgid({USER}, {USER}, {USER})
    os.setresuid({USER}, {USER}, {USER})
    socket.send_fds(theirs, [b"x"], [os.open(sys.argv[1], os.O_RDONLY)])
    os._exit(0)
(top,) = socket.recv_fds(ours, 1, 1)[1]
os.setgroups([])
os.setresgid({OTHER}, {OTHER}, {OTHER})
os.setresuid({OTHER}, {OTHER}, {OTHER})
for act in (lambda: os.open("README", os.O_RDONLY, dir_fd=top), lambda: os.fchdir(top),
            lambda: os.stat("README", dir_fd=top), lambda: os.access("README", os.R_OK, dir_fd=top),
            lambda: os.utime("README", dir_fd=top)):
    try:
        got = act()
    except PermissionError:
        continue
    assert got is False, got
"""


@pytest.fixture
def folder(open_folder):
    """A folder that others can get to, with a sparkfs that they can start."""
    binary = shutil.copy(os.environ["SPARKFS"], open_folder)
    starter = open_folder / "start"
    starter.write_text(f'#!/bin/sh\nchown -R {USER}:{USER} "$HOME"\n'
                       f'exec {shlex.join(argv_as(USER, [binary]))} "$@"\n')
    starter.chmod(0o755)
    return open_folder


@pytest.fixture
def start_users(folder, start_mount):
    """Starts a mount of the user's, which is unmounted before its folder is removed."""
    def start(sim, *options):
        home = pathlib.Path(tempfile.mkdtemp(dir=folder))
        at = home / "mnt"
        at.mkdir()
        os.chown(home, USER, USER)
        os.chown(at, USER, USER)
        return start_mount(sim, *options, state=home, at=at, binary=f"{folder}/start")

    return start


def as_user(mount, command):
    """In the mount, which root cannot enter."""
    if isinstance(command, str):
        command = ["bash", "-c", command]
    return run_cmd(argv_as(USER, ["sh", "-c", 'cd "$0" && exec "$@"', str(mount.path), *command]),
                   timeout=60)


@pytest.fixture
def full(start_sim):
    """One of each: spaces that can be written to or not, messages, files, members, months."""
    sim = start_sim("--data", "empty")
    for title, more in (("Pier", {}), ("Shut", {"isReadOnly": True}),
                        ("News", {"isAnnouncementOnly": True})):
        room = sim.control("POST", "/rooms", {"title": title, "person": "bob",
                                              "members": ["alice"], **more})
        for person, text in (("bob", "theirs"), ("alice", "ours"), ("alice", "\u202ebent")):
            sim.add_messages(room=room["id"], person=person, text=text)
    pier = sim.room("Pier")["id"]
    sim.post(pier, markdown="**bold**")
    for data in (b"old", b"new"):
        sim.upload(pier, "a.txt", data)
    return sim


def test_nothing_is_allowed_that_the_kernel_refuses(full, start_users):
    """What its modes say; and each refusal has words here, where the kernel gave none."""
    answers, said = [], []
    for options in ((), ("default_permissions",)):
        mount = start_users(full, *options)
        as_user(mount, "ls -R . .sparkfs/; ls -L spaces/*/files; printf 'a\\xff' > spaces/Pier/post")
        # The kernel says nothing.
        quiet = sorted({what.split()[-1] for what in answers[0]}) if answers else QUIET
        found = json.loads(as_user(mount, ["/usr/bin/python3", "-c", LOOK, *quiet]).ok().out)
        answers.append({what: answer for what, (answer, _) in found.items()})
        said.append({what for what, (_, is_said) in found.items() if is_said})
        mount.unmount()
    ours, kernels = answers
    assert ours.keys() == kernels.keys() and len(ours) > 1000
    for what, answer in kernels.items():
        if answer in REFUSALS:
            assert ours[what] in REFUSALS, what
        else:
            assert ours[what] == answer, what
    quiet = {what for what, answer in ours.items() if answer in REFUSALS and
             what not in said[0] and what.split()[-1] not in QUIET}
    assert not quiet, quiet
    assert not [what for what in said[0] if ours[what] in ("ok", True, False)]


def test_says_why_to_an_ordinary_user(full, start_users):
    mount = start_users(full)
    refused = [
        ("cd spaces/Pier; echo x > $(grep -l theirs *.txt)", "only who wrote a message"),
        ("cd spaces/Pier; echo x > $(grep -l bold *.txt)", "edit its .md"),
        ("cd spaces/Pier; echo x >> transcript.log", "it can only be read"),
        ("cd spaces/Shut; echo x > post", "only read this space"),
        ("cd spaces/Shut; echo x > new.txt", "only read this space"),
        ("cd spaces/Shut; rm $(grep -l ours *.txt)", "can only read"),
        ("cd spaces/Shut; mv $(grep -l ours *.txt) x", ""),
        ("echo x > README", "it can only be read"),
        ("mkdir x", "spaces/NAME"),
        ("mkdir direct/x", "direct/ADDRESS/post"),
    ]
    for command, words in refused:
        done = as_user(mount, f"({command}); r=$?; cat .sparkfs/last-error; exit $r")
        assert done.status and words in done.out and done.out, (command, done)
    assert not full.requests("PUT") and not full.requests("DELETE")
    probes = "test -w README; test -x README; cd README; ls -l; chown 0 README; chgrp 0 README"
    said = as_user(mount, "cat .sparkfs/last-error").out
    assert as_user(mount, f"{probes}; cat .sparkfs/last-error").out.endswith(said)
    for group, status in ((USER, 0), (4242, 0), (4243, 1)):
        done = run_cmd(argv_as(USER, ["chgrp", str(group), mount / "README"], groups=4242))
        assert done.status == status, (group, done)


def test_nobody_else_gets_in(full, start_users):
    """Nor root, nor by a directory or a file that was opened by who may."""
    mount = start_users(full)
    path = os.path.join(str(mount.path), "README")
    assert as_user(mount, "cat README").status == 0
    for command in (f"cat {path}", f"ls {mount.path}", f"echo x > {path}", f"cd {mount.path}",
                    f"test -r {path}", f"rm {path}", f"chmod 777 {path}"):
        for uid in (OTHER, 0):
            done = run_cmd(argv_as(uid, ["bash", "-c", command]))
            assert done.status != 0, (command, uid)
            assert "denied" in done.err or "test" in command, (command, uid, done)
    run_cmd(["/usr/bin/python3", "-c", HANDED_ON, str(mount.path)]).ok()
