"""What is for all is made and changed by administrators."""

from typing import ClassVar

from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from rest_framework.views import APIView

from chatjuicer.accounts.authentication import credentials_of
from chatjuicer.accounts.models import Scope
from chatjuicer.accounts.second_factor import may_administer
from sessions_app.exceptions import MadeForAll
from sessions_app.models.named import Named
from sessions_app.viewsets import caller

PERMISSIONS = {ADDITION: "add", CHANGE: "change", DELETION: "delete"}


class ForAllView(APIView):
    model: ClassVar[type[Named]]

    def may(self, action: int) -> bool:
        """Whether the caller may add, change or delete (`action`) what is for all."""
        options = self.model._meta
        permission = f"{options.app_label}.{PERMISSIONS[action]}_{options.model_name}"
        return may_administer(caller(self.request)) and caller(self.request).has_perm(permission)

    def require_administrator(self, action: int) -> None:
        """Raises MadeForAll, InsufficientScope."""
        if not self.may(action):
            raise MadeForAll()
        credentials_of(self.request).require(Scope.ADMIN)

    def note(self, named: Named, action: int) -> None:
        """Adds the change to the log in which the admin notes its own."""
        user = caller(self.request)
        LogEntry.objects.log_actions(user.pk, [named], action, "Over REST", single_object=True)
