"""Whether the collected static files still fit their sources, told without loading Django."""

import hashlib
from pathlib import Path

MARK = ".collected"


def fingerprint(root: Path) -> str:
    """A digest of the project's own static files (names, sizes, times), of the lock, which fixes everybody else's, and of how they are stored."""
    digest = hashlib.sha256((root / "requirements.txt").read_bytes())
    how = root / "portal" / "staticfiles.py"
    digest.update(how.read_bytes() if how.exists() else b"")
    for folder in sorted([root / "static", *root.glob("*/static")]):
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                status = path.stat()
                digest.update(f"{path.relative_to(root)} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def collected(target: Path) -> str:
    """The fingerprint of what `target` was collected from, or ""."""
    try:
        return (target / MARK).read_text()
    except OSError:
        return ""


def note(target: Path, mark: str) -> None:
    """Remember it; written after the collection, so an interrupted one is repeated."""
    target.mkdir(parents=True, exist_ok=True)
    (target / MARK).write_text(mark)
