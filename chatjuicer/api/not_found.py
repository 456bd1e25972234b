"""What a path names, and is not there: 404."""

from typing import ClassVar

from django.core.exceptions import ObjectDoesNotExist
from rest_framework.exceptions import NotFound
from rest_framework.response import Response
from rest_framework.views import APIView

Missing = tuple[type[ObjectDoesNotExist], ...]


class NotFoundView(APIView):
    """Also when what the path names went away while the request was being answered. Of any other row that is not there
    the log says where (errors.py), since that may be a fault of ours."""

    not_found: ClassVar[Missing] = ()

    def handle_exception(self, exc: Exception) -> Response:
        return super().handle_exception(NotFound() if isinstance(exc, self.not_found) else exc)
