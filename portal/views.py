"""Pages that belong to no app: the REST reference and the component gallery."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from portal import gallery

schema = SpectacularAPIView.as_view(authentication_classes=[], permission_classes=[])
# The split view keeps its script in a file of its own, as the strict CSP asks.
rest_docs = SpectacularSwaggerSplitView.as_view(
    url_name="rest-schema", authentication_classes=[], permission_classes=[]
)


def components(request: HttpRequest) -> HttpResponse:
    """Every component in every state."""
    return render(request, "gallery.html", gallery.context())
