"""What answers have beyond CommonMark: footnotes, lists of tasks, and addresses that stand bare.

The plugins that there are for it (mdit-py-plugins 0.7) take 77 s of a processor for a hostile list of 25,000 tasks.
"""

import re

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

NOTES = "footnotes"  # in the environment: the names of those that the text has


def go_beyond(parser: MarkdownIt) -> MarkdownIt:
    parser.block.ruler.before("reference", "footnote", footnote, {"alt": ["paragraph", "reference"]})
    parser.inline.ruler.before("link", "footnote_reference", footnote_reference)
    parser.core.ruler.push("tasks", tasks)
    parser.core.ruler.push("bare_addresses", bare_addresses)
    return parser


def footnote(state: StateBlock, line: int, end: int, silent: bool) -> bool:
    """Shown where it stands, by its name, until a blank line."""
    found = FOOTNOTE.match(state.src, state.bMarks[line] + state.tShift[line], state.eMarks[line])
    if found is None or state.is_code_block(line):
        return False
    if silent:
        return True
    after = line + 1
    while after < end and not state.isEmpty(after) and not starts_footnote(state, after):
        after += 1
    state.env.setdefault(NOTES, set()).add(found[1])
    text = state.getLines(line, after, state.blkIndent, False).strip().removeprefix(found[0])
    state.push("paragraph_open", "p", 1).attrSet("class", "note")
    inline = state.push("inline", "", 0)
    inline.content, inline.map, inline.children = f"[^{found[1]}] {text}", [line, after], []
    state.push("paragraph_close", "p", -1)
    state.line = after
    return True


def starts_footnote(state: StateBlock, line: int) -> bool:
    return bool(FOOTNOTE.match(state.src, state.bMarks[line] + state.tShift[line], state.eMarks[line]))


FOOTNOTE = re.compile(r"\[\^([^\]\s]{1,64})\]:[ \t]*")


def footnote_reference(state: StateInline, silent: bool) -> bool:
    found = REFERENCE.match(state.src, state.pos, state.posMax)
    if found is None or found[1] not in state.env.get(NOTES, ()):
        return False
    if not silent:
        state.push("sup_open", "sup", 1)
        state.push("text", "", 0).content = found[1]
        state.push("sup_close", "sup", -1)
    state.pos = found.end()
    return True


REFERENCE = re.compile(r"\[\^([^\]\s]{1,64})\]")


def tasks(state: StateCore) -> None:
    for before, inline in zip(state.tokens, state.tokens[2:], strict=False):
        first = inline.children[0] if before.type == "list_item_open" and inline.children else None
        if first is not None and first.type == "text" and (found := TASK.match(first.content)):
            first.content = ("☐ " if found[1] == " " else "☑ ") + first.content[found.end() :]


TASK = re.compile(r"\[([ xX])\]\s+")


def bare_addresses(state: StateCore) -> None:
    for inline in state.tokens:
        if inline.type == "inline" and inline.children and "://" in inline.content:
            inline.children = linked(state, inline.children)


def linked(state: StateCore, tokens: list[Token]) -> list[Token]:
    found: list[Token] = []
    links = 0
    for token in tokens:
        links += token.nesting if token.type in ("link_open", "link_close") else 0
        found += pieces(state, token) if token.type == "text" and not links else [token]
    return found


def pieces(state: StateCore, token: Token) -> list[Token]:
    made: list[Token] = []
    at = 0
    for found in ADDRESS.finditer(token.content):
        address = found[0].rstrip(ENDINGS)
        while address.endswith(")") and address.count("(") < address.count(")"):
            address = address[:-1].rstrip(ENDINGS)
        href = state.md.normalizeLink(address)
        made.append(Token("text", "", 0, content=token.content[at : found.start()]))
        made.append(Token("link_open", "a", 1, attrs={"href": href}))
        made.append(Token("text", "", 0, content=address))
        made.append(Token("link_close", "a", -1))
        at = found.start() + len(address)
    return [*made, Token("text", "", 0, content=token.content[at:])] if made else [token]


ADDRESS = re.compile(r"(?<![\w/])https?://[\w\[][^\s<>\"`]{0,2000}", re.IGNORECASE)
ENDINGS = ".,;:!?'*_~…"
