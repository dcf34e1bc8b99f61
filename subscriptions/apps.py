from django.apps import AppConfig


class SubscriptionsConfig(AppConfig):
    name = "subscriptions"

    def ready(self) -> None:
        from . import palette  # noqa: PLC0415  models are loaded by now

        palette.connect()
