"""A mount namespace for the tests.

A namespace that somebody makes (a container, `unshare -m`, a chroot's script) begins with a copy
of every mount that is there at that moment, and as long as it lives, unmounting ends no daemon
whose mount it holds. So the mounts of tests are in a namespace that nobody else copies.
"""
import ctypes
import os

from .mount import mounts

CLONE_NEWNS = 0x20000
MS_REC, MS_PRIVATE = 0x4000, 1 << 18
MNT_DETACH = 2


def fuse_mounts():
    return [path for path, _, kind in mounts() if kind.startswith("fuse.")]


def enter():
    """Moves this process, which has one thread, and all that it starts. False: it may not."""
    libc = ctypes.CDLL(None)
    if libc.unshare(CLONE_NEWNS):
        return False
    libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None)
    # It is a copy itself: lets go of what others have mounted.
    for path in reversed(fuse_mounts()):
        libc.umount2(os.fsencode(path), MNT_DETACH)
    return True
