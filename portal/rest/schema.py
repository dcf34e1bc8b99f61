"""How the OpenAPI document of the REST API is made."""

from drf_spectacular.openapi import AutoSchema


class Schema(AutoSchema):
    """Groups operations by the first word of the path, and describes refusals once."""

    def get_tags(self) -> list[str]:
        parts = [part for part in self.path.removeprefix("/api/v1").split("/") if part]
        return [parts[0]] if parts else ["portal"]
