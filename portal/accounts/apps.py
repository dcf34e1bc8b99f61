from django.apps import AppConfig

from portal import translations


class AccountsConfig(AppConfig):
    name = "portal.accounts"
    label = "accounts"

    def ready(self) -> None:
        translations.remember()
