from django.apps import AppConfig


class ApisConfig(AppConfig):
    name = "apis"

    def ready(self) -> None:
        from . import receivers  # noqa: PLC0415  models are loaded by now

        receivers.connect()
