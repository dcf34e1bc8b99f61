"""Swagger UI and Redoc on the same two documents, from a web like the portal's: `gunicorn bench.pages_rivals`.

`BENCH_RIVALS` is the folder with the packages of npm and the documents; everything in it is served compressed.
"""

import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from whitenoise import WhiteNoise

from portal.staticfiles import Quick

PAGES = {
    "swagger": """<!doctype html><html lang="en"><meta charset="utf-8"><title>{name}</title>
<link rel="stylesheet" href="/swagger-ui.css"><div id="ui"></div><script src="/swagger-ui-bundle.js"></script>
<script>SwaggerUIBundle({{url: "/{name}.json", dom_id: "#ui", deepLinking: true}})</script></html>""",
    "redoc": """<!doctype html><html lang="en"><meta charset="utf-8"><title>{name}</title><body style="margin:0">
<div id="ui"></div><script src="/redoc.standalone.js"></script>
<script>Redoc.init("/{name}.json", {{}}, document.getElementById("ui"))</script></body></html>""",
}
SCRIPTS = (
    "swagger-ui-dist/swagger-ui.css",
    "swagger-ui-dist/swagger-ui-bundle.js",
    "redoc/bundles/redoc.standalone.js",
)


def prepare(folder: Path, packages: Path, documents: Iterable[Path]) -> None:
    """What is served: scripts, documents and a page for each pair, each with its compressed forms."""
    folder.mkdir()
    for source in (*(packages / "node_modules" / script for script in SCRIPTS), *documents):
        shutil.copy(source, folder)
    for document in documents:
        for name, page in PAGES.items():
            (folder / f"{name}-{document.stem}.html").write_text(page.format(name=document.stem))
    compressor = Quick(quiet=True)
    for path in list(folder.iterdir()):
        compressor.compress(str(path))


def _nothing(environ: dict[str, object], start_response: Callable[..., object]) -> list[bytes]:
    start_response("404 Not Found", [("Content-Type", "text/plain"), ("Content-Length", "0")])
    return []


application = WhiteNoise(_nothing, root=os.environ.get("BENCH_RIVALS"), max_age=31_536_000)
