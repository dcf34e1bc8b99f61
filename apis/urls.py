from django.urls import path, register_converter

from .steps import STEPS
from .views import catalog, changelog, docs, enforcement, publication, reference, sync, versions


class VersionConverter:
    """A version as it stands in an address. The others are pages of the subscriptions app beside it."""

    regex = r"(?!subscribe/|request-form/)[^/]+"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


class StepConverter(VersionConverter):
    regex = "|".join(STEPS)


register_converter(VersionConverter, "version")
register_converter(StepConverter, "step")

app_name = "apis"
urlpatterns = [
    path("", catalog.catalog, name="catalog"),
    path("publish/", publication.waiting, name="waiting"),
    path("sync/", sync.sync, name="sync"),
    path("sync/start/", sync.start, name="sync-start"),
    path("apis/<slug:slug>/", versions.overview, name="api"),
    path("apis/<slug:slug>/<version:version>/", versions.overview, name="version"),
    path("apis/<slug:slug>/<version:version>/reference/", reference.index, name="reference"),
    path(
        "apis/<slug:slug>/<version:version>/reference/<str:operation>/",
        reference.operation,
        name="operation",
    ),
    path(
        "apis/<slug:slug>/<version:version>/reference/schemas/<str:schema>/",
        reference.schema,
        name="schema",
    ),
    path("apis/<slug:slug>/changelog.atom", changelog.feed, name="feed"),
    path("apis/<slug:slug>/<version:version>/changelog/", changelog.index, name="changelog"),
    path(
        "apis/<slug:slug>/<version:version>/changelog/since/<version:since>/", changelog.since, name="since"
    ),
    path("apis/<slug:slug>/<version:version>/changelog/<slug:change>/", changelog.change, name="change"),
    path("apis/<slug:slug>/<version:version>/docs/", docs.index, name="docs"),
    path("apis/<slug:slug>/<version:version>/docs/new/", docs.write, name="docs-new"),
    path("apis/<slug:slug>/<version:version>/docs/<slug:page>/", docs.page, name="docs-page"),
    path("apis/<slug:slug>/<version:version>/docs/<slug:page>/edit/", docs.edit, name="docs-edit"),
    path("apis/<slug:slug>/<version:version>/docs/<slug:page>/delete/", docs.delete, name="docs-delete"),
    path("apis/<slug:slug>/<version:version>/plans/", versions.plans, name="plans"),
    path("apis/<slug:slug>/<version:version>/enforcement/", enforcement.index, name="enforcement"),
    path("apis/<slug:slug>/<version:version>/enforcement/edit/", enforcement.edit, name="enforcement-edit"),
    path("apis/<slug:slug>/<version:version>/source/", versions.source, name="source"),
    path("apis/<slug:slug>/<version:version>/swagger/", versions.swagger, name="swagger"),
    path("apis/<slug:slug>/<version:version>/definition.<str:form>", versions.definition, name="definition"),
    path("apis/<slug:slug>/<version:version>/<step:step>/", publication.decide, name="decide"),
]
