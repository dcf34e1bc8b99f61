from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "portal"

    def ready(self) -> None:
        from portal import celery  # noqa: F401, PLC0415  tasks enqueue through this application

        # After the other apps' own, which people look for more often.
        from portal.accounts import palette  # noqa: PLC0415

        palette.connect()
