"""sparkfs-semantics(7): behind each sentence a comment names its test, and that test exists."""
import pathlib
import re

HERE = pathlib.Path(__file__).resolve().parent
PAGE = HERE.parent.parent / "src/doc/sparkfs-semantics.7"


def test_every_sentence_has_a_test():
    items = PAGE.read_text(encoding="utf-8").split("\n.It\n")[1:]
    assert len(items) > 80
    for item in items:
        assert re.search(r'\n\.\\" test_\w+::test_\w+(\n|$)', item), item


def test_every_test_that_is_named_exists():
    text = PAGE.read_text(encoding="utf-8")
    named = re.findall(r'^\.\\" (test_\w+)::(test_\w+)$', text, re.M)
    # A reader of the page sees none of them.
    assert len(named) == text.count("::test_")
    for file, test in named:
        source = (HERE / f"{file}.py").read_text(encoding="utf-8")
        assert re.search(rf"^def {test}\(", source, re.M), f"{file}::{test}"
