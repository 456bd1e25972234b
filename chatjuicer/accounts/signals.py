from django.dispatch import Signal

# family_id: UUID. Sent after the commit, in the process that revoked; the others find out by
# `authentication.credentials_alive`.
family_revoked = Signal()
