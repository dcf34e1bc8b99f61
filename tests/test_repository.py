"""What must hold of the repository as a whole."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command

from portal import reference

ROOT = Path(__file__).resolve().parent.parent


def test_no_migration_is_missing(db):
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


def test_versions_agree():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == settings.VERSION


@pytest.mark.parametrize("name", sorted(reference.pages()))
def test_reference_is_current(name):
    """`manage.py reference` mends it."""
    assert (ROOT / "docs" / "reference" / name).read_text() == reference.pages()[name]


def test_links_in_the_docs_lead_somewhere():
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} -> {target}"


def test_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) < 120


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_requirement_is_pinned_by_hash(name):
    text = (ROOT / name).read_text().replace("\\\n", " ")
    for line in text.splitlines():
        if line and not line.lstrip().startswith("#"):
            assert "==" in line and "--hash=sha256:" in line, line


def test_every_package_of_npm_is_pinned_by_hash():
    """And comes from the registry that npm is set to, or from the public one by name."""
    locks = [path for path in ROOT.glob("*/*/*/package-lock.json") if "node_modules" not in path.parts]
    assert locks
    for lock in locks:
        packages = json.loads(lock.read_text())["packages"]
        for name, package in packages.items():
            if name:
                assert package["integrity"].startswith("sha512-"), name
                assert package.get("resolved", "https://registry.npmjs.org/").startswith(
                    "https://registry.npmjs.org/"
                ), name
