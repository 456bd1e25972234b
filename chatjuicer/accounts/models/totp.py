"""A second factor: time-based one-time passwords (RFC 6238), and recovery codes for who has lost the device."""

import base64
import hmac
import secrets
import time
from typing import ClassVar

import pyotp
from django.db import models, transaction
from django.utils import timezone

from chatjuicer.accounts.exceptions import TotpAlreadyOn, TotpNotOn, TotpRequired, WrongCode
from chatjuicer.accounts.models.audit_entry import Act, AuditEntry
from chatjuicer.accounts.models.user import User
from chatjuicer.accounts.sealing import digest, seal, unseal

ISSUER = "Chat Juicer"
PURPOSE = "totp"
PERIOD_S = 30
DRIFT_STEPS = 1  # of the device's clock, either way
RECOVERY_CODES = 10
RECOVERY_BYTES = 10  # 80 bits cannot be guessed, not even offline


class TotpManager(models.Manager["Totp"]):
    def set_up(self, user: User) -> tuple[str, str]:
        """A fresh secret, and the address by which apps take it. It counts once it is confirmed. Raises
        TotpAlreadyOn."""
        secret = pyotp.random_base32()
        with transaction.atomic():
            row, _ = self.select_for_update().get_or_create(user=user)
            if row.confirmed_at is not None:
                raise TotpAlreadyOn()
            row.sealed, row.last_step = seal(secret, PURPOSE), 0
            row.save(force_update=True)
        return secret, pyotp.TOTP(secret).provisioning_uri(name=user.email, issuer_name=ISSUER)

    def is_on(self, user: User) -> bool:
        return self.filter(user=user).exclude(confirmed_at=None).exists()

    def turn_off(self, user: User) -> None:
        with transaction.atomic():
            deleted, _ = self.filter(user=user).delete()  # first: whoever issues codes holds this row meanwhile
            RecoveryCode.objects.filter(user=user).delete()
            if deleted:
                AuditEntry.objects.record(Act.TOTP_TURNED_OFF, user)

    def renew_recovery_codes(self, user: User) -> list[str]:
        """In the place of all before, whose texts are good no more. Raises TotpNotOn."""
        with transaction.atomic():
            # Locked, so that of two sets that are made at once one is left.
            if self.select_for_update().filter(user=user).exclude(confirmed_at=None).first() is None:
                raise TotpNotOn()
            codes = RecoveryCode.objects.issue(user)
            AuditEntry.objects.record(Act.RECOVERY_CODES_RENEWED, user)
        return codes

    def require(self, user: User, code: str) -> str:
        """That `code` is right, where the user has a second factor: "totp" or "recovery_code"; "" where there is none.
        Raises TotpRequired."""
        row = self.filter(user=user).exclude(confirmed_at=None).first()
        if row is None:
            return ""
        if not code:
            raise TotpRequired()
        if row.takes(code):
            return "totp"
        if RecoveryCode.objects.spend(user, code):
            return "recovery_code"
        raise TotpRequired("The code is wrong, or was used before.")


class Totp(models.Model):
    user = models.OneToOneField(User, models.CASCADE, primary_key=True, related_name="totp")
    sealed = models.TextField(default="", help_text="the secret, sealed by a key that is made of SECRET_KEY")
    created_at = models.DateTimeField(auto_now_add=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    last_step = models.BigIntegerField(default=0, help_text="of the last code that was taken: none is taken twice")

    objects: ClassVar[TotpManager] = TotpManager()

    class Meta:
        verbose_name = "one-time passwords"
        verbose_name_plural = "one-time passwords"

    def __str__(self) -> str:
        return "on" if self.confirmed_at else "being set up"

    def takes(self, code: str) -> bool:
        """Whether it is the code of now, or of the step before or after; each only once, also of several at once."""
        given = code.replace(" ", "")
        if not (given.isascii() and given.isdigit()):
            return False
        totp, now = pyotp.TOTP(unseal(self.sealed, PURPOSE)), int(time.time()) // PERIOD_S
        for step in range(now - DRIFT_STEPS, now + DRIFT_STEPS + 1):
            if hmac.compare_digest(totp.generate_otp(step), given):
                fresh = Totp.objects.filter(pk=self.pk, last_step__lt=step)
                return fresh.update(last_step=step) == 1
        return False

    def confirm(self, code: str) -> list[str]:
        """From now on it is asked for. The recovery codes, whose texts are kept nowhere. Raises WrongCode and
        TotpAlreadyOn."""
        if self.confirmed_at is not None:
            raise TotpAlreadyOn()
        with transaction.atomic():
            if not self.sealed or not self.takes(code):
                raise WrongCode()
            if not Totp.objects.filter(pk=self.pk, confirmed_at=None).update(confirmed_at=timezone.now()):
                raise TotpAlreadyOn()
            codes = RecoveryCode.objects.issue(self.user)
            AuditEntry.objects.record(Act.TOTP_TURNED_ON, self.user)
        return codes


class RecoveryCodeManager(models.Manager["RecoveryCode"]):
    def issue(self, user: User) -> list[str]:
        """New recovery codes in the place of the old ones."""
        self.filter(user=user).delete()
        texts = [spelled(secrets.token_bytes(RECOVERY_BYTES)) for _ in range(RECOVERY_CODES)]
        self.bulk_create(self.model(user=user, digest=digest(plain(text))) for text in texts)
        return texts

    def spend(self, user: User, text: str) -> bool:
        with transaction.atomic():
            deleted, _ = self.filter(user=user, digest=digest(plain(text))).delete()
            if deleted:
                left = self.filter(user=user).count()
                AuditEntry.objects.record(Act.RECOVERY_CODE_USED, user, actor=user.pk, left=left)
        return deleted > 0


class RecoveryCode(models.Model):
    """Takes the place of a one-time password, once."""

    user = models.ForeignKey(User, models.CASCADE, related_name="recovery_codes")
    digest = models.CharField(max_length=64, unique=True)

    objects: ClassVar[RecoveryCodeManager] = RecoveryCodeManager()

    def __str__(self) -> str:
        return f"recovery code {self.pk}"


def spelled(code: bytes) -> str:
    """A recovery code as a person copies it: abcd-efgh-ijkl-mnop."""
    letters = base64.b32encode(code).decode().lower()
    return "-".join(letters[at : at + 4] for at in range(0, len(letters), 4))


def plain(text: str) -> str:
    return text.replace("-", "").replace(" ", "").lower()
