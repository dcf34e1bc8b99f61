"""Pages that belong to no app: the search over everything, the REST reference and the component gallery."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from portal import gallery, palette
from portal.htmx import wants_part

schema = SpectacularAPIView.as_view(authentication_classes=[], permission_classes=[])
# The split view keeps its script in a file of its own, as the strict CSP asks.
rest_docs = SpectacularSwaggerSplitView.as_view(
    url_name="rest-schema", authentication_classes=[], permission_classes=[]
)


def components(request: HttpRequest) -> HttpResponse:
    """Every component in every state."""
    return render(request, "gallery.html", gallery.context())


@require_safe
@vary_on_headers("HX-Request")
def find(request: HttpRequest) -> HttpResponse:
    """Everything this person may see that has the words: a page of links, for the palette a list to choose from."""
    text = " ".join(request.GET.get("q", "").replace("\0", "").split())[: palette.LONGEST_TEXT]
    groups = palette.found(request.user, text)
    context = {"q": text, "groups": groups, "count": sum(len(group.hits) for group in groups)}
    return render(request, "find.html#choices" if wants_part(request) else "find.html", context)
