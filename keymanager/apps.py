from django.apps import AppConfig


class KeymanagerConfig(AppConfig):
    name = "keymanager"
