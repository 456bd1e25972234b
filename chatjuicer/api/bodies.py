from typing import Any, TypeVar

from rest_framework.request import Request
from rest_framework.serializers import Serializer

F = TypeVar("F", bound="Serializer[Any]")


def valid(form_class: type[F], request: Request) -> F:
    """The form with the request's body, which may be missing, once it is found valid. Raises DRF's ValidationError."""
    form = form_class(data={} if request.data is None else request.data)
    form.is_valid(raise_exception=True)
    return form
