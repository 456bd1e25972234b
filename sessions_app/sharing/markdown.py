"""Markdown of answers as HTML: what is HTML in it stays text, and nothing in it is fetched from elsewhere."""

from collections.abc import Sequence
from typing import Any

from django.utils.html import escape
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from sessions_app.preview import FORMULA

from .beyond_commonmark import go_beyond
from .formulas import Formulas

MAX_MARKDOWN_CHARS = 200_000
"""A longer text is shown as it is."""


class Renderer(RendererHTML):
    def link_open(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        tokens[idx].attrSet("rel", "nofollow noopener noreferrer")
        return self.renderToken(tokens, idx, options, env)

    def image(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        """A link in its place: to load it would tell its server who reads."""
        token = tokens[idx]
        name = self.renderInlineAsText(token.children or [], options, env) or "image"
        address = escape(str(token.attrGet("src") or ""))
        if address.startswith("data:"):
            return escape(name)
        return f'<a href="{address}" rel="nofollow noopener noreferrer">{escape(name)}</a>'

    def formula(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return tokens[idx].content


def html_of(markdown: str, formulas: Formulas | None = None) -> str:
    """`formulas` are those of the page on which it stands."""
    if len(markdown) > MAX_MARKDOWN_CHARS:
        return f"<pre>{escape(markdown)}</pre>"
    rendered: str = PARSER.render(markdown, {FORMULAS: formulas or Formulas()})
    return rendered


FORMULAS = "formulas"


def formula(state: StateInline, silent: bool) -> bool:
    """What looks like markup inside it is none; one that is no formula stays as it was written."""
    begins = state.src[state.pos]
    may_be_one = begins == "$" or (begins == "\\" and is_closed(state))
    found = FORMULA.match(state.src, state.pos, state.posMax) if may_be_one else None
    if found is None:
        return False
    if not silent:
        latex = next(filter(None, found.groups()))
        mathml = state.env[FORMULAS].mathml(latex, is_block=found[0].startswith(("$$", "\\[")))
        if mathml:
            state.push("formula", "math", 0).content = mathml
        else:
            state.push("code_inline", "code", 0).content = found[0]
    state.pos = found.end()
    return True


def is_closed(state: StateInline) -> bool:
    """Whether what may begin here ends anywhere. Looked for once, not again from each place where one may begin: there
    may be as many as there are letters."""
    closing = CLOSING.get(state.src[state.pos + 1 : state.pos + 2])
    if closing is None:
        return False
    text, looked_from, at = state.env.get(closing, ("", 0, -1))
    if text is not state.src or state.pos < looked_from or 0 <= at < state.pos + 2:
        at = state.src.find(closing, state.pos + 2)
        state.env[closing] = state.src, state.pos, at
    return bool(at >= 0)


CLOSING = {"[": "\\]", "(": "\\)"}
PARSER = MarkdownIt("commonmark", {"html": False}, renderer_cls=Renderer).enable(["table", "strikethrough"])
go_beyond(PARSER).inline.ruler.before("escape", "formula", formula)
