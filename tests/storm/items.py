"""The items that the storm writes: all of an item follows from seed and token."""
import os
import random
import re

TOKEN = re.compile(r"w\d\d-\d{5}")
SPACES = ["Harbour", "Lighthouse", "Pier 7", "Quay"]
WORDS = "buoy keel mast tide wharf Größe 北 ☂ anchor & <b> \"quoted\" \\n drift".split(" ")
# The deeds on a message after it was sent, and how many of a hundred get them.
DEEDS = {(): 64, ("edit",): 18, ("delete",): 11, ("edit", "delete"): 7}


class Item:
    def __init__(self, seed, token, is_upload):
        dice = random.Random(f"{seed} {token}")
        self.token = token
        self.space = dice.choice(SPACES)
        self.form = "file" if is_upload else dice.choice(["post", "post", "post.md"])
        self.pieces = dice.choice([1, 1, 1, 2, 5])
        self.pause = dice.choice([0, 0, 0, 0.01, 0.05])
        self.flags = dice.choice([os.O_TRUNC, os.O_TRUNC, os.O_APPEND])
        self.edited = None
        if is_upload:
            size = dice.choice([0, 1, 500, 5000, 60000, 300000, 2000000])
            self.name = f"{token}.bin"
            self.body = (token.encode() + dice.randbytes(size))
        else:
            self.name = self.form
            self.body = self.text(dice, f"{token} of the storm {seed}")
            # Newlines at the end do not count.
            self.tail = dice.choice([b"", b"\n", b"\n\n"])
            self.edited = self.text(dice, f"{token} edited in the storm {seed}")
        self.deeds = self.choose_deeds(seed, dice)
        # The writer does the deeds so many items later.
        self.later = dice.choice([0, 0, 1, 4])
        self.removals = dice.choice([1, 2, 3])

    @staticmethod
    def text(dice, head):
        words = dice.choices(WORDS, k=dice.choice([0, 3, 10, 60, 600]))
        lines = [" ".join(words[i:i + 12]) for i in range(0, len(words), 12)]
        return "\n".join([head, *lines]).strip().encode()

    def choose_deeds(self, seed, dice):
        """The deeds on this item; some writers edit and delete none of their messages."""
        if random.Random(f"{seed} {self.token[:3]}").random() < 0.4:
            return ()
        (deeds,) = dice.choices(list(DEEDS), DEEDS.values())
        return tuple(d for d in deeds if d != "edit" or not self.is_file)

    @property
    def is_file(self):
        return self.form == "file"

    def bytes(self):
        return self.body if self.is_file else self.body + self.tail

    def edited_bytes(self):
        return self.edited + self.tail


def tokens_of(writer, posts, uploads, writers):
    """(token, is_upload) of one writer, in order."""
    total = posts + uploads
    every = total // uploads if uploads else total + 1
    for i in range(writer, total, writers):
        yield f"w{writer:02}-{i:05}", i % every == 0 and i // every < uploads
