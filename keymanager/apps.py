from django.apps import AppConfig


class KeymanagerConfig(AppConfig):
    name = "keymanager"

    def ready(self) -> None:
        from . import palette  # noqa: PLC0415  models are loaded by now
        from .oauth import clients, people  # noqa: PLC0415

        clients.connect()
        people.connect()
        palette.connect()
