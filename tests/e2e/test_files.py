"""files/: a space's attachments under their own names."""
import os

import pytest

from lib.chat import put
from lib.chat import pier  # noqa: F401  pylint: disable=unused-import


def test_names(pier):
    put(pier / "a.txt", "one")
    put(pier / "a.txt", "two")
    print(os.listdir(pier / "files"))
    print(pier.run(["ls", "-la", "files/"]).stdout)
    print(pier.run(["sh", "-c", "head files/*"]).stdout)
    print(pier.run(["ls", "-la", "history/"]).stdout)
    print(pier.run(["sh", "-c", "ls -la history/*/files/"]).stdout)
    assert 0
