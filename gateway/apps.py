from django.apps import AppConfig


class GatewayConfig(AppConfig):
    name = "gateway"

    def ready(self) -> None:
        from apis import states  # noqa: PLC0415  models are loaded by now

        from . import live, palette, receivers  # noqa: PLC0415

        receivers.connect()
        states.probed_by(live.pillar_of)
        palette.connect()
