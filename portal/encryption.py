"""Encryption at rest with a key derived from `settings.ENCRYPTION_KEY`, a different one for each purpose."""

import base64
from functools import cache

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


@cache
def fernet(purpose: str) -> Fernet:
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"portico {purpose}".encode())
    return Fernet(base64.urlsafe_b64encode(key.derive(settings.ENCRYPTION_KEY.encode())))
