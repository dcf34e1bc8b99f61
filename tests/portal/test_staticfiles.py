"""Static files as they are collected."""

import gzip
from pathlib import Path

import brotli
from django.contrib.staticfiles.finders import get_finders

from portal.staticfiles import StaticFiles, Storage

SHEET = ".btn { color: var(--text); }\n" * 50


def test_storage_keeps_hashed_names_and_their_compressed_forms(tmp_path: Path) -> None:
    storage = Storage(location=str(tmp_path), base_url="/static/")
    (tmp_path / "base.css").write_text(SHEET)
    list(storage.post_process({"base.css": (storage, "base.css")}))
    storage.save_manifest()
    name = storage.stored_name("base.css")
    assert {path.name for path in tmp_path.iterdir()} == {
        name,
        f"{name}.br",
        f"{name}.gz",
        "staticfiles.json",
    }
    assert brotli.decompress((tmp_path / f"{name}.br").read_bytes()).decode() == SHEET
    assert gzip.decompress((tmp_path / f"{name}.gz").read_bytes()).decode() == SHEET


def test_what_no_page_asks_for_is_left_out() -> None:
    listed = {name for finder in get_finders() for name, _ in finder.list(StaticFiles.ignore_patterns)}
    assert {"base.css", "django_htmx/htmx-4.min.js"} <= listed
    assert not [name for name in listed if "redoc" in name or name.startswith("rest_framework/")]
