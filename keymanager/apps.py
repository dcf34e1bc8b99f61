from django.apps import AppConfig


class KeymanagerConfig(AppConfig):
    name = "keymanager"

    def ready(self) -> None:
        from .oauth import clients, people  # noqa: PLC0415  models are loaded by now

        clients.connect()
        people.connect()
