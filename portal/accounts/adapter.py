"""How allauth's accounts become Portico's: a name, a personal team, audited."""

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet
from django.db import transaction
from django.forms import BaseForm
from django.http import HttpRequest

from portal.encryption import fernet

from . import actions
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


class MfaAdapter(DefaultMFAAdapter):
    """Keeps TOTP seeds and recovery codes encrypted at rest."""

    def encrypt(self, text: str) -> str:
        return self._box().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return self._box().decrypt(encrypted_text.encode()).decode()

    def _box(self) -> Fernet:
        return fernet("mfa")
