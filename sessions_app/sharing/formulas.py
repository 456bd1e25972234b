"""Formulas as MathML, which browsers show without a script. What cannot be read as one stays as it was written."""

import re
import unicodedata
from typing import Any
from xml.etree.ElementTree import Element

from django.utils.html import escape

MAX_FORMULA_CHARS = 2_000
MAX_CHARS = 200_000
"""Of all formulas of a page, with EACH_CHARS more for each: these take a second or two, and 3 MB of the page."""

EACH_CHARS = 20


class Formulas:
    """Those of one page."""

    def __init__(self) -> None:
        self._left = MAX_CHARS

    def mathml(self, latex: str, *, is_block: bool) -> str | None:
        """None where it is none, or one too many."""
        chars = len(latex) + EACH_CHARS
        if len(latex) > MAX_FORMULA_CHARS or chars > self._left:
            return None
        self._left -= chars
        from latex2mathml.converter import Converter  # noqa: PLC0415 - a tenth of a second, which no start needs

        converter = Converter(display="block" if is_block else "inline")
        converter.macros = NoMacros()
        try:
            return written(converter.convert_to_element(ENVIRONMENT.sub(r"\\\1{align*}", latex)), latex)
        except Exception:  # a stranger's text: wherever it leads the library, its source will do
            return None


class NoMacros(dict[str, Any]):
    """Of a few that name each other the output grows without end."""

    def __setitem__(self, name: str, value: Any) -> None:
        raise ValueError(name)


# These stand in no table for the library, and look the same.
ENVIRONMENT = re.compile(r"\\(begin|end)\s*\{(?:aligned|gathered|gather\*?)\}")


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ELEMENTS = words(
    "math mrow mi mn mo mtext mspace mstyle mfrac msqrt mroot msub msup msubsup munder mover munderover mmultiscripts "
    "mprescripts none mtable mtr mtd mpadded mphantom menclose"
)
ATTRIBUTES = words(
    "display displaystyle scriptlevel mathvariant mathsize mathcolor mathbackground stretchy fence form separator "
    "symmetric largeop movablelimits accent accentunder minsize maxsize lspace rspace linethickness width height depth "
    "voffset columnalign columnspacing columnlines rowspacing rowlines frame notation"
)
WORD = r"(?:[A-Za-z]{1,20}|#[0-9A-Fa-f]{3,8}|[+-]?\d{0,2}(?:\.\d{1,4})?(?:em|ex|px|pt|mu|%)?)"
VALUE = re.compile(rf"{WORD}(?: {WORD}){{0,20}}")
CHARACTER = re.compile(r"&#x([0-9A-Fa-f]{1,6});")
UNREAD = re.compile(r"\\[A-Za-z]|^&$")


def written(element: Element, latex: str = "") -> str:
    """Raises ValueError for what no formula should have. The library gives characters as references in the text."""
    text = CHARACTER.sub(character, element.text or "")
    if element.tag not in ELEMENTS or element.tail or UNREAD.search(text) or "linebreak" in element.attrib:
        raise ValueError(element.tag)
    known = {name: value for name, value in element.attrib.items() if name in ATTRIBUTES and VALUE.fullmatch(value)}
    given = "".join(f' {name}="{escape(value)}"' for name, value in known.items())
    if latex:
        given += f' alttext="{escape(latex)}"'
    return f"<{element.tag}{given}>{escape(text)}{''.join(map(written, element))}</{element.tag}>"


def character(found: re.Match[str]) -> str:
    """Raises ValueError for what is none, or cannot be written."""
    said = chr(int(found[1], 16))
    if unicodedata.category(said) in ("Cc", "Cs"):
        raise ValueError(found[1])
    return said
