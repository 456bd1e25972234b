"""What Django is told of the backends that a setting chooses: channel layer, cache, storage of files."""

from pathlib import Path
from typing import Any


def channel_layer(redis_url: str) -> dict[str, Any]:
    """Without Redis, one in memory: other processes are then told nothing."""
    if not redis_url:
        return {"BACKEND": "channels.layers.InMemoryChannelLayer"}
    # redis-py gives a silent connection 5 seconds by default; a session may be silent for longer.
    host = {
        "address": redis_url,
        "socket_timeout": 120,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        "health_check_interval": 30,
    }
    return {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [host]}}


def cache(redis_url: str) -> dict[str, Any]:
    """Without Redis, one in memory: each process then counts for itself."""
    if not redis_url:
        return {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "OPTIONS": {"MAX_ENTRIES": 100_000},
        }
    return {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": redis_url,
        "KEY_PREFIX": "chatjuicer",
        "OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 1},
    }


def local_files(directory: Path) -> dict[str, Any]:
    return {"BACKEND": "files_app.storage.LocalStorage", "OPTIONS": {"location": directory}}


def bucket(**options: Any) -> dict[str, Any]:
    """On an S3 server; `options` are BucketStorage's."""
    return {"BACKEND": "files_app.s3.BucketStorage", "OPTIONS": options}
