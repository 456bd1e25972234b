"""What happens to a session, sent inside the transaction in which it happens.

A receiver that raises undoes the change; what must wait for the commit belongs into `transaction.on_commit`.
"""

from django.dispatch import Signal

session_created = Signal()
"""Arguments: session."""

session_updated = Signal()
"""A person changed settings or title, or a title was found. Arguments: session."""

message_added = Signal()
"""A message came in without a run. Arguments: session, message."""

session_ending = Signal()
"""The history is about to go. Arguments: session, reason ("deleted" | "cleared").

A large history goes in several transactions: the signal is sent before the first deletion and again in
the last transaction.
"""

session_packing = Signal()
"""What was said is about to be packed; a receiver that answers true keeps it. Arguments: session.

Sent before the transaction, for what makes the rows fewer, and again inside it.
"""

session_unpacked = Signal()
"""The rows are back. Arguments: session."""

session_cleared = Signal()
"""Both layers and the counters are empty. Arguments: session."""

account_noted = Signal()
"""Something was written to an account's log. Arguments: owner_id, seq (its last number), facts (of each the type and
the session's public_id)."""

account_forgotten = Signal()
"""Old events of an account's log are gone. Arguments: owner_id, up_to."""

session_deleted = Signal()
"""The session is gone, to whoever asks; it may come back, but `for_good`. Arguments: session_pk, public_id, owner_id,
for_good."""

session_purged = Signal()
"""It was in the trash and comes back no more. Arguments: session_pk, owner_id."""

session_restored = Signal()
"""The session is back from the trash. `session_updated` follows. Arguments: session."""

grant_given_up = Signal()
"""What an authorization server has given for a person's MCP server is needed no more. Arguments: url, grant."""
