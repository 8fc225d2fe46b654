"""The command blocks of README.md and of the manual, as their reader sees them."""
import html
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent.parent
MANUAL = ROOT / "src/doc"


def of_markdown(path):
    """Its blocks that are indented by four blanks, outside of lists, in order."""
    text = path.read_text(encoding="utf-8")
    found = re.findall(r"(?<=\n\n)((?:    .*\n)+(?:\n(?:    .*\n)+)*)", text)
    return [re.sub(r"(?m)^    ", "", block).rstrip("\n") for block in found]


def of_manual(path):
    """The literal displays of a page as mandoc shows them, in order."""
    shown = subprocess.run(["mandoc", "-T", "html", str(path)], check=True, text=True,
                           stdout=subprocess.PIPE).stdout
    found = re.findall(r"<pre>(.*?)</pre>", shown, re.S)
    return [html.unescape(re.sub(r"<[^>]*>", "", block)).strip("\n") for block in found]


def blocks(name):
    """Of README.md, sparkfs.1 or sparkfs-semantics.7."""
    return of_markdown(ROOT / name) if name.endswith(".md") else of_manual(MANUAL / name)
