"""A flame graph of collapsed stacks, as an SVG that any browser shows: the wider a bar, the more processor time; what a
function calls stands above it. A bar says on hovering what it is and how much."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NamedTuple
from xml.sax.saxutils import escape

WIDTH, BAR, MARGIN = 1600.0, 17, 30  # pixels
LEAST = 0.4  # pixels, of a bar that is drawn
CHAR = 6.6  # pixels


@dataclass
class Node:
    micros: int = 0  # with all that it calls
    calls: dict[str, Node] = field(default_factory=dict)


class Bar(NamedTuple):
    name: str
    x: float  # pixels
    width: float
    depth: int
    micros: int


def flame_graph(title: str, stacks: str) -> str:
    """`stacks`: a line a stack, `a;b;c 17` with microseconds."""
    root = tree(stacks)
    bars = list(bars_of(root)) if root.micros else []
    height = MARGIN * 2 + BAR * (1 + max((bar.depth for bar in bars), default=0))
    head = f'<text x="{WIDTH / 2}" y="20" text-anchor="middle">{escape(title)}, {root.micros / 1e6:.2f} s</text>'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH:.0f}" height="{height}" font-family="monospace" '
            'font-size="11"><rect width="100%" height="100%" fill="#fff"/>',
            head,
            *(drawn(bar, root.micros, height) for bar in bars),
            "</svg>\n",
        ]
    )


def tree(stacks: str) -> Node:
    root = Node()
    for line in stacks.splitlines():
        stack, _, micros = line.rpartition(" ")
        node = root
        node.micros += int(micros)
        for name in stack.split(";"):
            node = node.calls.setdefault(name, Node())
            node.micros += int(micros)
    return root


def bars_of(node: Node, x: float = 0.0, depth: int = 0, scale: float = 0.0) -> Iterator[Bar]:
    scale = scale or WIDTH / node.micros
    for name, called in sorted(node.calls.items()):
        width = called.micros * scale
        if width >= LEAST:
            yield Bar(name, x, width, depth, called.micros)
            yield from bars_of(called, x, depth + 1, scale)
        x += width


def drawn(bar: Bar, of_micros: int, height: int) -> str:
    y = height - MARGIN - BAR * (bar.depth + 1)
    name = bar.name if len(bar.name) * CHAR < bar.width else bar.name[: max(int(bar.width / CHAR) - 1, 0)]
    text = f'<text x="{bar.x + 2:.1f}" y="{y + 12}">{escape(name)}</text>' if len(name) > 2 else ""
    told = f"{escape(bar.name)}: {bar.micros / 1000:.1f} ms, {bar.micros / of_micros:.1%}"
    return (
        f'<g><title>{told}</title><rect x="{bar.x:.1f}" y="{y}" width="{bar.width:.2f}" height="{BAR - 1}" '
        f'fill="{colour_of(bar.name)}"/>{text}</g>'
    )


def colour_of(name: str) -> str:
    """The same for one name in each graph."""
    number = int.from_bytes(sha256(name.encode()).digest()[:4], "big")
    return f"hsl({number % 55},{70 + number // 55 % 25}%,{60 + number // 1375 % 15}%)"
