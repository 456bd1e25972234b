import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

from django.db import models
from django.utils import timezone

if TYPE_CHECKING:
    from chatjuicer.accounts.models.family import TokenFamily

# How long a client may go on with a token that another part of it has spent, such as one that slept meanwhile.
REPLAYED_FOR = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a client says that it is (`User-Agent`, cut to what the column holds), and where it is asked from."""

    user_agent: str = ""
    address: str = ""


class SpentTokenManager(models.Manager["SpentToken"]):
    def keep(self, family: "TokenFamily") -> None:
        """The family's good token, which is about to get a successor; those too old to come again are forgotten."""
        self.filter(family=family, spent_at__lt=timezone.now() - REPLAYED_FOR).delete()
        self.create(jti=family.jti, family=family, user_agent=family.user_agent, address=family.address)

    def places(self, family: "TokenFamily") -> dict[uuid.UUID, Place]:
        """By the `jti` of those that are not too old to come again."""
        spent = self.filter(family=family, spent_at__gte=timezone.now() - REPLAYED_FOR)
        return {jti: Place(*place) for jti, *place in spent.values_list("pk", "user_agent", "address")}


class SpentToken(models.Model):
    """A refresh token that has a successor, and where it was given to."""

    jti = models.UUIDField(primary_key=True, editable=False)
    family = models.ForeignKey("accounts.TokenFamily", models.CASCADE, related_name="spent_tokens")
    user_agent = models.CharField(max_length=256, blank=True)
    address = models.CharField(max_length=64, blank=True)
    spent_at = models.DateTimeField(default=timezone.now)

    objects: ClassVar[SpentTokenManager] = SpentTokenManager()

    def __str__(self) -> str:
        return f"spent {self.spent_at:%Y-%m-%d %H:%M}"
