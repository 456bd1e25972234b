"""What each database is asked for in its own syntax, of which nobody's words are a part."""

from typing import NamedTuple

from .query import Condition
from .shelves import Shelf


class Language(NamedTuple):
    quote: str
    prefix: str
    and_: str
    or_: str
    without: str

    def is_(self, term: str) -> str:
        return f"{self.quote}{term}{self.quote}"

    def has(self, shelf: Shelf, condition: Condition) -> str:
        """Of hashes no beginnings are known."""
        term = self.is_(shelf.term(condition.term))
        return term + self.prefix if condition.beginning and not shelf.is_hashed else term


LANGUAGES = {
    "sqlite": Language('"', "*", " AND ", " OR ", " NOT "),
    "postgresql": Language("'", ":*", " & ", " | ", " & !"),
}
