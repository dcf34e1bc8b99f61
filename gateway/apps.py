from django.apps import AppConfig


class GatewayConfig(AppConfig):
    name = "gateway"

    def ready(self) -> None:
        from . import receivers  # noqa: PLC0415  models are loaded by now

        receivers.connect()
