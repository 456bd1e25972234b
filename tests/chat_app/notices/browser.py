"""A browser that has subscribed: what its push service hands it, it reads by the steps of RFC 8291, section 3.4."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.harness.receiver import Posted


class Browser:
    def __init__(self, push_service: str) -> None:
        self.path = f"/push/{uuid4().hex}"
        self._endpoint = push_service + self.path
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self._auth = os.urandom(16)

    @property
    def subscription(self) -> dict[str, Any]:
        """As `PushSubscription.toJSON()` gives it."""
        keys = {"p256dh": base64url(self._point), "auth": base64url(self._auth)}
        return {"endpoint": self._endpoint, "expirationTime": None, "keys": keys}

    def read(self, posted: Posted) -> dict[str, Any]:
        assert posted.headers["content-encoding"] == "aes128gcm"
        assert int(posted.headers["ttl"]) > 0
        assert len(posted.headers["topic"]) <= 32
        salt, sender, sealed = posted.body[:16], posted.body[21:86], posted.body[86:]
        assert posted.body[20] == len(sender) == 65
        assert len(posted.body) <= int.from_bytes(posted.body[16:20]) == 4096
        public_key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender)
        shared = hmac_256(self._auth, self._key.exchange(ec.ECDH(), public_key))
        secret = hmac_256(shared, b"WebPush: info\0" + self._point + sender + b"\x01")
        key = hmac_256(salt, secret)
        content_key = hmac_256(key, b"Content-Encoding: aes128gcm\0\x01")[:16]
        nonce = hmac_256(key, b"Content-Encoding: nonce\0\x01")[:12]
        record = AESGCM(content_key).decrypt(nonce, sealed, None)
        assert record.endswith(b"\x02")
        told: dict[str, Any] = json.loads(record[:-1])
        return told


def hmac_256(key: bytes, data: bytes) -> bytes:
    return hmac.new(key, data, hashlib.sha256).digest()


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
