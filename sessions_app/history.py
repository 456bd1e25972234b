"""What a person reads of a session, as REST gives it: the newest messages or any part of all, and beside them the
answer that is being given."""

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import islice, pairwise
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from chatjuicer.api import budget
from sessions_app.models import IDLE, ChatSession, Message
from sessions_app.serializers import SIBLING_CHARS, MessageSerializer, SessionSerializer

# What fills a page. What a tool was told, and what it answered, are given under two names each.
TEXTS = ("content", "reasoning", "tool_arguments", "tool_arguments", "tool_result", "tool_result")


class History:
    """One session's messages. What is answered is consistent if `session` was read in the same snapshot.

    The messages of an answer that is still being given stand in `live` alone: a client that follows the answer from
    its beginning would else show it twice. An app that knows more of a session extends this class, and the view sets
    that use it.
    """

    detail_messages: ClassVar[int] = 50
    """The newest ones, which stand beside the session."""
    share_by_offset: ClassVar[float] = 1
    """Of a page's bytes: what a list by offset may take."""

    def __init__(self, session: ChatSession) -> None:
        self.session = session

    def detail(self) -> dict[str, Any]:
        """The session with its newest messages."""
        newest, has_more = self.newest(self.detail_messages)
        messages = [MessageSerializer(message).data for message in newest]
        live, live_has_more = self.live()
        return {
            "session": SessionSerializer(self.session).data | {"message_count": self.message_count},
            "full_history": messages,
            "messages": messages,
            "live": [MessageSerializer(message).data for message in live],
            "live_has_more": live_has_more,
            "has_more": has_more,
            "loaded_count": len(messages),
            "message_count": self.message_count,
            "last_seq": self.session.last_seq,
        }

    def page(
        self, limit: int, offset: int, before: int | None, after: int | None, around: int | None = None
    ) -> dict[str, Any]:
        """Ascending; the `limit` finished messages from `offset` on, or those nearest below `before`, above `after`, or
        to `around`.

        With `before` and `after`, those between them that are nearest below `before`.
        """
        if around is not None:
            found, has_more = self.around(around, limit)
        elif before is not None:
            found, has_more = self.newest(limit, before, after or 0)
        elif after is not None:
            found, has_more = self.above(after, limit)
        else:
            found, has_more = self.from_offset(offset, limit)
        return {
            "messages": [MessageSerializer(message).data for message in found],
            "has_more": has_more,
            "total_count": self.message_count,
            "pagination": {
                "offset": offset,
                "limit": limit,
                "count": len(found),
                "total": self.message_count,
                "total_count": self.message_count,
                "has_more": has_more,
            },
        }

    @property
    def message_count(self) -> int:
        """Of finished messages: those that the pages hold."""
        return self.session.message_count - len(self.unfinished)

    def newest(
        self, limit: int, before: int | None = None, after: int = 0, *, share: float = 1
    ) -> tuple[list[Message], bool]:
        """The last finished messages between the two positions, ascending, and whether there are older ones.

        This and the others give fewer where messages are large: as many as fill a page (`chatjuicer.api.budget`).
        """
        if self.session.packed:
            packed = self.session.packed_history.backwards(Message, before, after)
            found, more = budget.fill(packed, limit, size_of, share)
        else:
            rows = self._finished().filter(position__gt=after)
            if before is not None:
                rows = rows.filter(position__lt=before)
            found, more = budget.read(rows.order_by("-position"), limit, *TEXTS, share=share)
        return self.dressed(found[::-1]), more

    def above(self, position: int, limit: int, *, share: float = 1) -> tuple[list[Message], bool]:
        """The first finished messages above the position, ascending, and whether there are more."""
        if self.session.packed:
            packed = self.session.packed_history.forwards(Message, position)
            found, more = budget.fill(packed, limit, size_of, share)
        else:
            rows = self._finished().filter(position__gt=position).order_by("position")
            found, more = budget.read(rows, limit, *TEXTS, share=share)
        return self.dressed(found), more

    def around(self, position: int, limit: int) -> tuple[list[Message], bool]:
        """The finished messages nearest to the position, as many before as behind where there are, with the one that
        stands there, ascending; and whether there are others."""
        upto, older = self.newest(limit, position + 1, share=0.5)
        behind, newer = self.above(position, limit, share=0.5)
        before = max(limit - len(behind), (limit + 1) // 2)
        shown = upto[-before:] + behind[: limit - min(before, len(upto))]
        return shown, older or newer or len(shown) < len(upto) + len(behind)

    def from_offset(self, offset: int, limit: int) -> tuple[list[Message], bool]:
        """The first finished messages after `offset` others, ascending, and whether there are more."""
        if self.session.is_tree:
            return self._counted(offset, limit)
        position = offset
        # Positions are 1, 2, 3 ... without gaps: as many messages lie up to a position as it says, less the unfinished.
        for message in self.unfinished:
            if message.position <= position + 1:
                position += 1
        return self.above(position, limit, share=self.share_by_offset)

    def _counted(self, offset: int, limit: int) -> tuple[list[Message], bool]:
        """`from_offset` where the positions of the visible path have gaps."""
        if self.session.packed:
            rows = islice(self.session.packed_history.forwards(Message, 0), offset, None)
            found, more = budget.fill(rows, limit, size_of, self.share_by_offset)
        else:
            finished = self._finished().order_by("position")
            found, more = budget.read(finished, limit, *TEXTS, offset=offset, share=self.share_by_offset)
        return self.dressed(found), more

    def versions(self, message_id: UUID) -> list[Message]:
        """Of the message's place, itself included, the oldest first; none if there is no such message. Of what was said
        in them they have the beginning."""
        message = next(self._versions(pk=message_id), None)
        if message is None or message.parent_id is None:  # another version would name its parent in both
            return [message] if message else []
        return list(self._versions(parent_id=message.parent_id))

    def _versions(self, **named: UUID) -> Iterator[Message]:
        """The messages whose `pk` or `parent_id` is that one. No more than a few are in memory at once."""
        rows: Iterable[Message]
        if self.session.packed:
            packed = self.session.packed_history.forwards(Message, 0, versions=True)
            rows = (row for row in packed if all(getattr(row, name) == key for name, key in named.items()))
        else:
            rows = self.session.messages.filter(**named).order_by("position").iterator(chunk_size=4)
        for row in rows:
            row.content = row.content[:SIBLING_CHARS]
            yield row

    @cached_property
    def unfinished(self) -> list[Message]:
        """The messages of the answer that is being given, in order, without their texts; some may be complete
        themselves. Of a session that is idle nobody asks the database: its row says that there are none."""
        if self.session.packed or self.session.state == IDLE:
            return []
        return list(self._in_progress().defer(*TEXTS).order_by("position"))

    def live(self) -> tuple[list[Message], bool]:
        """Those with their texts, as many of the newest as fill a page, in order; and whether there are others."""
        if not self.unfinished:
            return [], False
        found, more = budget.read(self._in_progress().order_by("-position"), len(self.unfinished), *TEXTS)
        return self.with_text(self.dressed(found[::-1])), more

    def _in_progress(self) -> QuerySet[Message]:
        return self._visible().filter(self.in_progress())

    def in_progress(self) -> Q:
        """Which messages belong to an answer that is being given; of finished ones among them this app knows none."""
        return Q(status=Message.Status.PENDING)

    def with_text(self, messages: list[Message]) -> list[Message]:
        """The messages with all the text that they have. Of one that is still being written, this app knows none."""
        return messages

    def _finished(self) -> QuerySet[Message]:
        rows = self._visible()
        return rows.exclude(pk__in=[message.pk for message in self.unfinished]) if self.unfinished else rows

    def _visible(self) -> QuerySet[Message]:
        return self.session.messages.filter(visible=True) if self.session.is_tree else self.session.messages.all()

    def dressed(self, messages: list[Message]) -> list[Message]:
        """With what a row does not say of itself: its session, the message before it in rows of older versions, and how
        many versions its place has."""
        for message in messages:
            message.session = self.session
        if any(message.parent_id is None and message.position > 1 for message in messages):
            self._name_parents(messages)
        if self.session.is_tree and messages:
            self._count_versions(messages)
        return messages

    def _name_parents(self, messages: list[Message]) -> None:
        if self.session.packed:
            before = self.session.packed_history.newest(Message, 1, messages[0].position)
        else:
            before = list(self._visible().filter(position__lt=messages[0].position).order_by("-position")[:1])
        for previous, message in zip([*before, *messages], messages, strict=False) if before else pairwise(messages):
            message.parent_id = message.parent_id or previous.pk

    def _count_versions(self, messages: list[Message]) -> None:
        if self.session.packed:
            others = Counter(row.parent_id for row in self.session.packed_history.out_of_view(Message))
        else:
            parents = [message.parent_id for message in messages]
            hidden = self.session.messages.filter(visible=False, parent_id__in=parents).values_list("parent_id")
            others = Counter(dict(hidden.annotate(n=Count("pk"))))
        for message in messages:
            message.sibling_count = 1 + others[message.parent_id]


def size_of(message: Message) -> int:
    """Of an archived one, as the database would count it."""
    return sum(len(getattr(message, text).encode()) for text in TEXTS)
