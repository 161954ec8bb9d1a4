"""Text of others (names of ops, tensors and classes, messages of exceptions) as it may be printed or put into XML."""

from __future__ import annotations

import re

#: what terminals act on and XML forbids: controls but tab and newline, changes of direction, halves of pairs, noncharacters
ACTING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def printable(text: str) -> str:
    r"""Return the text with characters that act written out, as ``\x1b``."""
    return ACTING.sub(lambda found: ascii(found[0])[1:-1], text)
