from datetime import timedelta
from typing import ClassVar

import orjson
from django.db import IntegrityError, models, transaction
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from chatjuicer.api.exceptions import IdempotencyMismatch
from chatjuicer.encryption import EncryptedTextField

KEPT = timedelta(hours=24)
"""Until the housekeeping's next round."""


class IdempotencyRecordManager(models.Manager["IdempotencyRecord"]):
    def claim(self, *, caller: str, route: str, key: str, body: object) -> tuple["IdempotencyRecord", bool]:
        """The record of this request, and whether it is the first of its kind.

        Called in the transaction that creates, the second of several at once waits at the insert until the first has
        committed its result, or has given up. Called before it, the record has no `status` until there is a result.
        Raises IdempotencyMismatch for the same key with another body.
        """
        name = keyed(f"{caller}\n{route}\n{key}".encode())
        content = keyed(orjson.dumps(body, default=str, option=orjson.OPT_SORT_KEYS))
        record = None
        while record is None:  # not found: the first has just given up
            try:
                with transaction.atomic():
                    return self.create(name=name, body=content), True
            except IntegrityError:
                record = self.filter(name=name).first()
        if not constant_time_compare(record.body, content):
            raise IdempotencyMismatch()
        return record, False


def keyed(value: bytes) -> str:
    # A body may hold a password: a bare hash of it could be guessed offline.
    return salted_hmac("chatjuicer.api.idempotency", value, algorithm="sha256").hexdigest()


class IdempotencyRecord(models.Model):
    name = models.CharField(primary_key=True, max_length=64)
    body = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(default=0)
    result = EncryptedTextField(default="")
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    objects: ClassVar[IdempotencyRecordManager] = IdempotencyRecordManager()

    def __str__(self) -> str:
        return f"{self.status} of {self.created_at:%Y-%m-%d %H:%M}"

    def keep(self, status: int, result: str) -> None:
        self.status, self.result = status, result
        self.save(update_fields=["status", "result"])

    def keep_first(self, status: int, result: str) -> None:
        """Unless there is a result already, which it has then. Who was refused meanwhile may have freed the key."""
        values = {"status": status, "result": result}
        if not IdempotencyRecord.objects.filter(pk=self.pk, status=0).update(**values):
            first, _ = IdempotencyRecord.objects.get_or_create(name=self.name, defaults={"body": self.body, **values})
            if first.status:
                status, result = first.status, first.result
        self.status, self.result = status, result

    def give_up(self) -> None:
        """The key is free again, unless there is a result, which it has then."""
        IdempotencyRecord.objects.filter(pk=self.pk, status=0).delete()
        first = IdempotencyRecord.objects.filter(pk=self.pk).first()
        if first is not None:
            self.status, self.result = first.status, first.result
