"""Static files as they are collected."""

import gzip
from pathlib import Path

import brotli
from django.contrib.staticfiles.finders import get_finders

from portal.staticfiles import SHEET, SHEETS, StaticFiles, Storage

RULES = ".btn { color: var(--text); }\n" * 50


def test_storage_keeps_hashed_names_and_their_compressed_forms(tmp_path: Path) -> None:
    storage = Storage(location=str(tmp_path), base_url="/static/")
    (tmp_path / "base.css").write_text(RULES)
    list(storage.post_process({"base.css": (storage, "base.css")}))
    storage.save_manifest()
    name = storage.stored_name("base.css")
    assert {path.name for path in tmp_path.iterdir()} == {
        name,
        f"{name}.br",
        f"{name}.gz",
        "staticfiles.json",
    }
    assert brotli.decompress((tmp_path / f"{name}.br").read_bytes()).decode() == RULES
    assert gzip.decompress((tmp_path / f"{name}.gz").read_bytes()).decode() == RULES


def test_what_no_page_asks_for_is_left_out() -> None:
    listed = {name for finder in get_finders() for name, _ in finder.list(StaticFiles.ignore_patterns)}
    assert {"base.css", "django_htmx/htmx-4.min.js"} <= listed
    assert not [name for name in listed if "redoc" in name or name.startswith("rest_framework/")]


def test_storage_puts_the_style_sheets_of_every_page_in_one(tmp_path: Path) -> None:
    storage = Storage(location=str(tmp_path), base_url="/static/")
    for name in SHEETS:
        (tmp_path / name).write_text(f".{name.partition('.')[0]} {{ color: red }}")
    list(storage.post_process({name: (storage, name) for name in SHEETS}))
    text = (tmp_path / storage.stored_name(SHEET)).read_text()
    assert [text.index(name.partition(".")[0]) for name in SHEETS] == sorted(
        text.index(name.partition(".")[0]) for name in SHEETS
    )
