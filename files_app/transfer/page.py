"""One conversation as a page that needs nothing else: no script, no other address, both themes, fit to be printed."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from html import escape

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from files_app.models import File
from files_app.storage import chunks
from sessions_app.models import ChatSession, Message

from .documents import SPEAKERS, attached, title_of
from .visible import messages_shown

MAX_PICTURE_BYTES = 4 * 1024 * 1024  # a larger one is named, not shown

STYLE = """
:root{color-scheme:light dark;--ink:#1d1d1f;--paper:#fff;--dim:#6b6b70;--box:#f3f3f5;--line:#dcdce0}
@media(prefers-color-scheme:dark){:root{--ink:#e8e8ea;--paper:#161618;--dim:#9a9aa0;--box:#232327;--line:#38383d}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:48rem;padding:2rem 1rem;background:var(--paper);color:var(--ink);
font:1rem/1.6 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.5rem}header p,.note,h2{color:var(--dim);font-size:.875rem}
article{margin:1.5rem 0}article>h2{margin:0 0 .25rem;font-weight:600}
article.user>div{background:var(--box);border-radius:.75rem;padding:.5rem 1rem}
pre{background:var(--box);border-radius:.5rem;padding:.75rem;overflow:auto;white-space:pre-wrap}
code{font:.9em ui-monospace,monospace}img{max-width:100%;border-radius:.5rem}
table{border-collapse:collapse}td,th{border:1px solid var(--line);padding:.25rem .5rem}
blockquote{margin:0;padding-left:1rem;border-left:3px solid var(--line);color:var(--dim)}
details{border:1px solid var(--line);border-radius:.5rem;padding:.25rem .75rem}
@media print{:root{--ink:#000;--paper:#fff;--dim:#444;--box:#f4f4f4;--line:#bbb}body{max-width:none;padding:0}
article>h2{break-after:avoid}pre,table,img{break-inside:avoid}}
"""
HEAD = (
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
    '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
    '<meta name="referrer" content="no-referrer">\n'
    '<meta http-equiv="Content-Security-Policy" '
    "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\n"
    "<title>{title}</title>\n<style>{style}</style></head>\n<body><header><h1>{title}</h1><p>{date} UTC</p></header>\n"
)
FORMULA = re.compile(r"\$\$(.+?)\$\$|\\\[(.+?)\\\]|\\\((.+?)\\\)|\$(?![\s$])([^$\n]+?)(?<!\s)\$(?!\d)", re.DOTALL)


def as_html(session: ChatSession) -> Iterator[bytes]:
    title = escape(title_of(session))
    yield HEAD.format(title=title, style=STYLE, date=f"{session.created_at:%Y-%m-%d %H:%M}").encode()
    for message in messages_shown(session):
        yield from article(session, message)
    yield b"</body></html>\n"


def article(session: ChatSession, message: Message) -> Iterator[bytes]:
    if message.role == Message.Role.TOOL_CALL:
        yield tool_call(message).encode()
        return
    role = Message.Role(message.role)
    yield f'<article class="{role.value}"><h2>{SPEAKERS[role]}</h2><div>'.encode()
    yield rendered(message.content).encode()
    for path in attached(message):
        yield picture(session, path).encode()
    if message.error or message.partial:
        why = message.error.message if message.error else "cut short"
        yield f'<p class="note">{escape(why)}</p>'.encode()
    yield b"</div></article>\n"


def tool_call(message: Message) -> str:
    told = "".join(f"<pre>{escape(text)}</pre>" for text in (message.tool_arguments, message.tool_result) if text)
    return f"<details><summary>Tool: <code>{escape(message.tool_name)}</code></summary>{told}</details>\n"


def picture(session: ChatSession, path: str) -> str:
    """The picture itself, or the name of what is none, too large, or no more there."""
    folder, _, name = path.partition("/")
    file = session.files.filter(folder=folder, name=name).first()
    if file is None or not file.is_visible_image or file.size_bytes > MAX_PICTURE_BYTES:
        return f'<p class="note">Attached: {escape(path)}</p>'
    try:
        return f'<p><img alt="{escape(path)}" src="{data_url(file)}"></p>'
    except FileNotFoundError:
        return f'<p class="note">Attached: {escape(path)}</p>'


def data_url(file: File) -> str:
    return f"data:{file.content_type};base64,{base64.b64encode(b''.join(chunks(file.storage_key))).decode()}"


def rendered(text: str) -> str:
    html: str = _markdown.render(text)
    return html


def formula(state: StateInline, silent: bool) -> bool:
    """A formula stays as it was written: what looks like markup inside it is none."""
    found = FORMULA.match(state.src, state.pos, state.posMax) if state.src[state.pos] in "$\\" else None
    if found is None:
        return False
    if not silent:
        token = state.push("code_inline", "code", 0)
        token.content = found[0]
    state.pos = found.end()
    return True


def address_of_picture(self: object, tokens: list[Token], index: int, options: object, env: object) -> str:
    """A page that needs nothing else loads no picture from elsewhere."""
    source, words = str(tokens[index].attrs.get("src", "")), tokens[index].content
    if source.startswith("data:image/"):
        return f'<img alt="{escape(words)}" src="{escape(source)}">'
    return f'<a href="{escape(source)}" rel="noreferrer noopener">{escape(words or source)}</a>'


_markdown = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
_markdown.inline.ruler.before("escape", "formula", formula)
_markdown.add_render_rule("image", address_of_picture)
