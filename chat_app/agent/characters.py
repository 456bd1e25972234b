"""Characters that a provider has cut: halves of UTF-16 pairs, which JSON can carry alone, and pieces of UTF-8, which
are Python's surrogate escapes here. Neither can be stored or sent on."""

import codecs
import re
from typing import Any

REPLACEMENT = "\ufffd"
_BYTES = re.compile("[\udc80-\udcff]+")


class Joiner:
    """Joins what was cut between two deltas: the beginning of a character waits here for the rest of it."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = ""

    def feed(self, piece: str) -> str:
        """`piece` in whole characters, after what waited; perhaps empty."""
        if not self._held and _is_whole(piece):
            return piece
        text = _with_pairs(self._held + piece)
        self._held = _beginning(text)
        return whole(text.removesuffix(self._held))

    def rest(self) -> str:
        """For what waited and will not be completed."""
        held, self._held = self._held, ""
        return REPLACEMENT if held else ""


def whole(text: str) -> str:
    """`text` with cut characters joined where both parts are there, and replaced where not."""
    if _is_whole(text):
        return text
    text = _BYTES.sub(lambda found: _bytes_of(found.group()).decode("utf-8", "replace"), _with_pairs(text))
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def whole_value(value: Any) -> Any:
    """A JSON value whose texts are whole."""
    if isinstance(value, str):
        return whole(value)
    if isinstance(value, list):
        return [whole_value(part) for part in value]
    if isinstance(value, dict):
        return {whole_value(key): whole_value(part) for key, part in value.items()}
    return value


def _is_whole(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _with_pairs(text: str) -> str:
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def _beginning(text: str) -> str:
    """The end of `text` where it can be the beginning of a character."""
    if "\ud800" <= text[-1:] <= "\udbff":
        return text[-1]
    found = re.search(f"{_BYTES.pattern}$", text)
    if found is None:
        return ""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    decoder.decode(_bytes_of(found.group()))
    return decoder.getstate()[0].decode("utf-8", "surrogateescape")


def _bytes_of(escapes: str) -> bytes:
    return escapes.encode("utf-8", "surrogateescape")
