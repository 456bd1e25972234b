"""The messages of a session as a tree, of which one path is visible: a chain by `parent_id`, ordered by `position`.

Every row that was ever said is kept. What the model is given follows the visible path; see model_context.py.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import F, Subquery
from django.db.models.functions import Greatest
from django.utils import timezone

from .account_log import charge
from .addition import Addition
from .draft import MessageDraft
from .message import COUNTED, NO_PARENT, Message, bytes_said
from .model_context import follow, forget
from .recount import last_answer, latest_preview
from .search_entry import SearchEntry
from .session import ChatSession
from .statements import update_returning

CHUNK = 500
"""Keys of one statement."""

ItemsOf = Callable[[Message], list[dict[str, Any]]]
"""What the model is given of a message whose own context items are gone."""


@dataclass(slots=True)
class Node:
    """A message without what it says."""

    pk: UUID
    parent: UUID | None
    position: int
    visible: bool
    seen: int
    role: str
    run_id: UUID | None
    stored_parent: UUID | None = None


@dataclass(frozen=True, slots=True)
class PathChange:
    """What of a shown list is not right any more: the places from `from_position` on."""

    leaf_id: UUID | None
    from_position: int
    moved: dict[UUID, int]
    """New positions of messages that came along."""


class Tree:
    """The nodes of one session, in order of position. The caller holds the session's row, and it is not packed."""

    def __init__(self, session: ChatSession) -> None:
        columns = ("pk", "parent_id", "position", "visible", "seen", "role", "run_id")
        self.nodes = [Node(*row) for row in session.messages.order_by("position").values_list(*columns)]
        self.by_key = {node.pk: node for node in self.nodes}
        self._name_parents()
        self.children: defaultdict[UUID | None, list[Node]] = defaultdict(list)
        for node in self.nodes:
            self.children[node.parent].append(node)

    def _name_parents(self) -> None:
        """Rows of older versions name none: they are a chain, as all that is visible is."""
        before: UUID | None = None
        shown: UUID | None = None
        for node in self.nodes:
            node.stored_parent = node.parent
            if node.visible:
                node.parent, shown = shown, node.pk
            elif node.parent is None:
                node.parent = before
            elif node.parent == NO_PARENT:
                node.parent = None
            before = node.pk

    @property
    def path(self) -> list[Node]:
        """The visible one, from the first message on."""
        return [node for node in self.nodes if node.visible]

    def path_to(self, key: UUID | None) -> list[Node]:
        path: list[Node] = []
        while key is not None:
            node = self.by_key[key]
            path.append(node)
            key = node.parent
        return path[::-1]

    def leaf_below(self, key: UUID) -> UUID:
        """The end of the path through it that was seen last."""
        while children := self.children.get(key):
            key = max(children, key=lambda child: (child.visible, child.seen, child.position)).pk
        return key

    def versions(self, key: UUID) -> list[Node]:
        """Of its place, itself included, the oldest first."""
        return self.children[self.by_key[key].parent]

    def below(self, key: UUID) -> list[Node]:
        """It, and all that follows it in any branch."""
        found = [self.by_key[key]]
        for node in found:
            found += self.children.get(node.pk, [])
        return found


class Branch(NamedTuple):
    """A message that comes from elsewhere with its place in the tree there. Of what is visible, each follows the one
    before it; of what is not, each follows `parent_id`, or nothing."""

    draft: MessageDraft
    parent_id: UUID | None
    visible: bool


def plant(session: ChatSession, branches: Iterable[Branch]) -> None:
    """At the end of a session that nobody else sees yet; `finish_planting` follows the last of them."""
    addition = Addition(session)
    for visible, some in groupby(branches, attrgetter("visible")):
        if visible:
            addition.messages(branch.draft for branch in some)
            continue
        for branch in some:
            addition.messages([branch.draft], aside=branch.parent_id or NO_PARENT)
    addition.write()


def finish_planting(session: ChatSession) -> None:
    """Versions of the first message name no parent, and all in the same way."""
    if session.is_tree:
        save_parents(Tree(session))


def add_version(session: ChatSession, draft: MessageDraft, parent_id: UUID | None) -> Message:
    """Another message in a place that has one; it stays out of view until its path is shown."""
    tree = Tree(session)
    save_parents(tree)
    addition = Addition(session)
    (message,) = addition.messages([draft], aside=parent_id or NO_PARENT)
    addition.write()
    message.sibling_count = len(tree.children[parent_id]) + 1
    return message


def show(
    session: ChatSession,
    leaf: UUID | None,
    items_of: ItemsOf,
    waiting: Sequence[UUID] = (),
    silent: Iterable[UUID] = (),
) -> PathChange | None:
    """Makes the path to `leaf` the visible one, for people and for the model; None if it is.

    `waiting` are messages that have yet to be answered, in order: those that are not on that path come along, to its
    end. Of `silent` messages, which they all are, the model has not been told yet.
    """
    tree = Tree(session)
    return switch(session, tree, tree.path_to(leaf), items_of, waiting, silent)


def switch(
    session: ChatSession,
    tree: Tree,
    path: list[Node],
    items_of: ItemsOf,
    waiting: Sequence[UUID] = (),
    silent: Iterable[UUID] = (),
    before: list[Node] | None = None,
) -> PathChange | None:
    """`before` is the path that was visible, if the tree does not show it any more."""
    before = tree.path if before is None else before
    there = {node.pk for node in path}
    coming = [tree.by_key[key] for key in waiting if key in tree.by_key and key not in there]
    common = sum(1 for _ in _same(before, path))
    if common == len(before) == len(path) and not coming:
        return None
    save_parents(tree)
    first = min((node.position for node in (*before[common : common + 1], *path[common : common + 1])), default=None)
    _set_out_of_view(session, [node for node in before[common:] if node.pk not in there])
    _set_in_view(session, path[common:])
    moved = _bring_along(session, tree, path, coming)
    path = path + coming
    leaf_id = path[-1].pk if path else None
    now = timezone.now()
    changes: dict[str, Any] = {
        "leaf_id": leaf_id,
        "is_tree": True,
        "message_count": len(path),
        "answered_position": last_answer(session),
        "last_message_preview": latest_preview(session),
        "path_changes": session.path_changes + 1,
        "updated_at": now,
    }
    ChatSession.objects.filter(pk=session.pk).update(**changes)
    for name, value in changes.items():
        setattr(session, name, value)
    follow(session, [node.pk for node in path], items_of, silent)
    from_position = first if first is not None else min(moved.values(), default=session.last_position + 1)
    return PathChange(leaf_id, from_position, moved)


def _same(before: list[Node], path: list[Node]) -> Iterator[Node]:
    for one, other in zip(before, path, strict=False):
        if one.pk != other.pk:
            return
        yield one


def _set_out_of_view(session: ChatSession, nodes: list[Node]) -> None:
    for keys in chunks([node.pk for node in nodes]):
        session.messages.filter(pk__in=keys).update(visible=False, seen=session.path_changes + 1)


def _set_in_view(session: ChatSession, nodes: list[Node]) -> None:
    for keys in chunks([node.pk for node in nodes if not node.visible]):
        session.messages.filter(pk__in=keys).update(visible=True)


def _bring_along(session: ChatSession, tree: Tree, path: list[Node], coming: list[Node]) -> dict[UUID, int]:
    """Takes the nodes out of their places, whose followers follow what was before them, and puts them at the end."""
    if not coming:
        return {}
    ((last,),) = update_returning(
        ChatSession.objects.filter(pk=session.pk), ("last_position",), last_position=F("last_position") + len(coming)
    )
    session.last_position = last
    moved: dict[UUID, int] = {}
    tip = path[-1].pk if path else None
    # Desktop clients order what they show by the times.
    said_at: Any = F("created_at")
    if tip is not None:
        said_at = Greatest(said_at, Subquery(session.messages.filter(pk=tip).values("created_at")))
    for position, node in enumerate(coming, last - len(coming) + 1):
        _pass_over(session, tree, node)
        place = {"parent_id": tip or NO_PARENT, "position": position, "visible": True, "created_at": said_at}
        session.messages.filter(pk=node.pk).update(**place)
        SearchEntry.objects.filter(ref=node.pk).update(position=position)
        moved[node.pk], tip = position, node.pk
    return moved


def _pass_over(session: ChatSession, tree: Tree, node: Node) -> None:
    for follower in tree.children[node.pk]:
        follower.parent = node.parent
    session.messages.filter(parent_id=node.pk).update(parent_id=node.parent or NO_PARENT)


def remove(session: ChatSession, key: UUID, items_of: ItemsOf, silent: Iterable[UUID] = ()) -> PathChange | None:
    """Takes a message and all that follows it out of both layers. In the place of a visible one the newest of its other
    versions comes into view, if it has any."""
    tree = Tree(session)
    before, gone = tree.path, {node.pk for node in tree.below(key)}
    others = [node for node in tree.versions(key) if node.pk != key]
    parent = tree.by_key[key].parent
    save_parents(tree)
    _erase(session, gone)
    if not tree.by_key[key].visible:
        place = [node.position for node in others if node.visible]
        return PathChange(session.leaf_id, min(place), {}) if place else None
    leaf = tree.leaf_below(others[-1].pk) if others else parent
    return switch(session, tree, tree.path_to(leaf), items_of, silent=silent, before=before)


def end_of_other_branch(session: ChatSession, below: UUID | None) -> UUID | None:
    """Below a message, the leaf of the branch out of view that was seen last; None if there is none."""
    tree = Tree(session)
    others = [node for node in tree.children[below] if not node.visible]
    if not others:
        return None
    save_parents(tree)
    return tree.leaf_below(max(others, key=lambda node: (node.seen, node.position)).pk)


def take_out(session: ChatSession, key: UUID, items_of: ItemsOf, silent: Iterable[UUID] = ()) -> PathChange | None:
    """Takes a message alone out of both layers: what follows it follows what was before it."""
    tree = Tree(session)
    node, before = tree.by_key[key], tree.path
    save_parents(tree)
    _pass_over(session, tree, node)
    _erase(session, {key})
    path = [each for each in before if each.pk != key]
    return switch(session, tree, path, items_of, silent=silent, before=before)


def _erase(session: ChatSession, gone: Collection[UUID]) -> None:
    forget(session, gone)
    freed_bytes = 0
    for keys in chunks(list(gone)):
        SearchEntry.objects.forget(*keys)
        rows = session.messages.filter(pk__in=keys)
        freed_bytes += sum(map(bytes_said, rows.only(*COUNTED, "metadata").iterator(chunk_size=20)))
        rows.delete()
    _refund(session, freed_bytes)


def _refund(session: ChatSession, freed_bytes: int) -> None:
    """Of messages that were never counted, because an older version took them in, nothing is given back."""
    row = ChatSession.objects.filter(pk=session.pk)
    counted = row.values_list("said_bytes", flat=True).first() or 0
    if refund := min(freed_bytes, counted):
        row.update(said_bytes=counted - refund)
        charge(session.owner_id, -refund)


def save_parents(tree: Tree) -> None:
    """Of rows that name none yet; from now on they may follow another than the row before them."""
    unnamed = [node for node in tree.nodes if node.stored_parent != (node.parent or NO_PARENT)]
    rows = [Message(pk=node.pk, parent_id=node.parent or NO_PARENT) for node in unnamed]
    if rows:
        Message.objects.bulk_update(rows, ["parent_id"], batch_size=CHUNK)
    for node in unnamed:
        node.stored_parent = node.parent or NO_PARENT


def chunks(keys: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    for start in range(0, len(keys), CHUNK):
        yield keys[start : start + CHUNK]
