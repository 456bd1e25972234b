import re

from sessions_app.preview import flat

MAX_WORDS = 8
MAX_CHARS = 60
_MARKUP = re.compile(r"```.*?(```|$)|https?://(\S{0,40})\S*|[`*#>|\[\]{}<]+", re.DOTALL)


def title_from(text: str) -> str:
    """A title for a session from its first user message; empty if the message has no words.

    Made from the words themselves; with TITLE_MODEL a model finds a better one.
    """
    prose = _MARKUP.sub(lambda found: found.group(2) or " ", flat(text[:2000]))
    if not re.search(r"\w", prose):
        prose = re.sub(r"[`*#>|]+", " ", text[:2000])  # nothing but code: its first words
    prose = "".join(char if char.isprintable() else " " for char in prose)
    sentence = re.split(r"(?<=[.!?…])\s", prose.strip(), maxsplit=1)[0]
    words = (sentence if len(sentence.split()) > 1 else prose).split()
    title = " ".join(words[:MAX_WORDS])
    cut = len(words) > MAX_WORDS
    if len(title) > MAX_CHARS:
        title = title[:MAX_CHARS].rsplit(" ", 1)[0] if " " in title[:MAX_CHARS] else title[:MAX_CHARS]
        cut = True
    title = title.strip(" \t,.;:!-–—\"'(")
    if not re.search(r"\w", title):
        return ""
    return title[0].upper() + title[1:] + ("…" if cut else "")
