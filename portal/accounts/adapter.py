"""How allauth's accounts become Portico's: a name, a personal team, audited."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet
from django.db import transaction
from django.forms import BaseForm
from django.http import HttpRequest

from portal.encryption import fernet

from . import actions, limits, throttle
from .models import User


def display(user: User) -> str:
    return str(user)


class AccountAdapter(DefaultAccountAdapter):
    def save_user(self, request: HttpRequest, user: User, form: BaseForm, commit: bool = True) -> User:
        with transaction.atomic():
            user.name = form.cleaned_data["name"]
            super().save_user(request, user, form, commit=commit)
            if commit:
                actions.welcome(user=user)
        return user

    def get_client_ip(self, request: HttpRequest) -> str:
        return limits.address_of(request)

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """In place of allauth's own limit, whose read and write are two steps and which answers 200."""
        throttle.check(request, credentials.get("email", ""))

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        throttle.failed(request, credentials.get("email", ""))

    def _delete_login_attempts_cached_email(self, request: HttpRequest, **credentials: Any) -> None:
        # allauth calls it after a password was reset by mail.
        throttle.forgive(request, credentials.get("email", ""))


class MfaAdapter(DefaultMFAAdapter):
    """Keeps TOTP seeds and recovery codes encrypted at rest."""

    def encrypt(self, text: str) -> str:
        return self._box().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return self._box().decrypt(encrypted_text.encode()).decode()

    def _box(self) -> Fernet:
        return fernet("mfa")
