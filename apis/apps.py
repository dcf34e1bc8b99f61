from django.apps import AppConfig


class ApisConfig(AppConfig):
    name = "apis"

    def ready(self) -> None:
        from . import catalog, signals  # noqa: PLC0415  models are loaded by now

        signals.version_changed.connect(catalog.on_version_changed, dispatch_uid="apis.catalog")
