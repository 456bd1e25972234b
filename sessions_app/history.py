"""What a person reads of a session, as REST gives it: the newest messages, or any part of all."""

from typing import Any

from sessions_app.models import ChatSession, Message
from sessions_app.serializers import MessageSerializer, SessionSerializer

DETAIL_MESSAGES = 50


class History:
    """One session's messages. What is answered is consistent if `session` was read in the same snapshot.

    An app that knows more of a session extends this class, and the view sets that use it.
    """

    def __init__(self, session: ChatSession) -> None:
        self.session = session

    def detail(self) -> dict[str, Any]:
        """The session with its newest messages."""
        newest, has_more = self.newest(DETAIL_MESSAGES)
        messages = [MessageSerializer(message).data for message in newest]
        return {
            "session": SessionSerializer(self.session).data,
            "full_history": messages,
            "messages": messages,
            "has_more": has_more,
            "loaded_count": len(messages),
            "message_count": self.session.message_count,
            "last_seq": self.session.last_seq,
        }

    def page(self, limit: int, offset: int, before: int | None, after: int | None) -> dict[str, Any]:
        """Ascending; the `limit` messages from `offset` on, or those nearest below `before` or above `after`.

        With both, those between them that are nearest below `before`.
        """
        if before is not None:
            found, has_more = self.newest(limit, before, after or 0)
        else:
            # Positions are 1, 2, 3 ... without gaps: the messages passed over are those up to position `offset`.
            found, has_more = self.above(offset if after is None else after, limit)
        total = self.session.message_count
        return {
            "messages": [MessageSerializer(message).data for message in found],
            "has_more": has_more,
            "total_count": total,
            "pagination": {
                "offset": offset,
                "limit": limit,
                "count": len(found),
                "total": total,
                "total_count": total,
                "has_more": has_more,
            },
        }

    def newest(self, limit: int, before: int | None = None, after: int = 0) -> tuple[list[Message], bool]:
        """The last messages between the two positions, ascending, and whether there are older ones."""
        if self.session.packed:
            packed = self._of_session(self.session.packed_history.newest(Message, limit + 1, before, after))
            return packed[-limit:], len(packed) > limit
        rows = self.session.messages.filter(position__gt=after)
        if before is not None:
            rows = rows.filter(position__lt=before)
        found = list(rows.order_by("-position")[: limit + 1])
        return self.with_text(found[:limit][::-1]), len(found) > limit

    def above(self, position: int, limit: int) -> tuple[list[Message], bool]:
        """The first messages above the position, ascending, and whether there are more."""
        if self.session.packed:
            packed = self._of_session(self.session.packed_history.above(Message, position, limit + 1))
            return packed[:limit], len(packed) > limit
        found = list(self.session.messages.filter(position__gt=position).order_by("position")[: limit + 1])
        return self.with_text(found[:limit]), len(found) > limit

    def with_text(self, messages: list[Message]) -> list[Message]:
        """The messages with all the text that they have. Of one that is still being written, this app knows none."""
        return messages

    def _of_session(self, messages: list[Message]) -> list[Message]:
        for message in messages:
            message.session = self.session
        return messages
