from django.apps import AppConfig


class ApisConfig(AppConfig):
    name = "apis"

    def ready(self) -> None:
        from . import palette, receivers  # noqa: PLC0415  models are loaded by now

        receivers.connect()
        palette.connect()
