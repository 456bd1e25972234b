from django.dispatch import Signal

# family_id: UUID. Sent after the commit, in the process that revoked. Sockets find out by `authentication.ended`, in
# every process.
family_revoked = Signal()

# user: User. Sent before an account is deleted, when nobody comes in as its user any more: what the apps above must end
# by their own verbs, they end now. May be sent again, if the deletion was cut off.
account_ending = Signal()
