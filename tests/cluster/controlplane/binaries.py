"""Find the control plane's programs, or build them from the Go module beside this file.

The convention is controller-runtime's: KUBEBUILDER_ASSETS names a folder with kube-apiserver, etcd and kubectl.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SOURCE = Path(__file__).parent
PROGRAMS = ("etcd", "kube-apiserver", "kubectl")
VERSION = "1.36.3"
LINKER_FLAGS = (
    f"-s -w -X k8s.io/component-base/version.gitVersion=v{VERSION}"
    " -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=36"
)


class Unavailable(Exception):
    """There are no control plane programs and no way to build them; the text says what would help."""


def folder() -> Path:
    """Return the folder that holds the programs, building them first where Go is there.

    The first build takes about six minutes on two cores; the progress goes to standard error.
    Raises Unavailable.
    """
    named = os.environ.get("KUBEBUILDER_ASSETS")
    if named:
        missing = [name for name in PROGRAMS if not (Path(named) / name).is_file()]
        if missing:
            raise Unavailable(f"KUBEBUILDER_ASSETS={named} has no {', '.join(missing)}")
        return Path(named)
    target = _cache() / f"controlplane-{VERSION}-{_digest()}"
    if not _complete(target):
        go = go_program()
        if go is None:
            raise Unavailable(
                "no kube-apiserver: set KUBEBUILDER_ASSETS, or install Go to have it built once"
            )
        with _only_one_builder(target):
            if not _complete(target):
                _build(go, target)
    return target


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "portico"


def _digest() -> str:
    """Name the build by its sources, so that a changed version is built anew."""
    digest = hashlib.sha256(LINKER_FLAGS.encode())
    for name in ("go.mod", "go.sum", "main.go"):
        digest.update((SOURCE / name).read_bytes())
    return digest.hexdigest()[:12]


def _complete(target: Path) -> bool:
    return all(os.access(target / name, os.X_OK) for name in PROGRAMS)


def go_program() -> str | None:
    usual = Path("/usr/local/go/bin/go")
    return shutil.which("go") or (str(usual) if usual.is_file() else None)


@contextmanager
def _only_one_builder(target: Path) -> Iterator[None]:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.with_name(target.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(go: str, target: Path) -> None:
    """Build beside the target and move it there whole: a build that was cut short leaves nothing to trust."""
    partial = target.with_name(f"{target.name}.{os.getpid()}")
    partial.mkdir(parents=True)
    command = [go, "build", "-trimpath", "-ldflags", LINKER_FLAGS, "-o", str(partial / "controlplane"), "."]
    try:
        with _progress():
            done = subprocess.run(
                command,
                cwd=SOURCE,
                env={**os.environ, "CGO_ENABLED": "0"},
                capture_output=True,
                text=True,
                check=False,
            )
        if done.returncode:
            raise Unavailable(f"building the control plane failed:\n{done.stderr[-2000:]}")
        for name in PROGRAMS:
            (partial / name).symlink_to("controlplane")
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def _progress() -> Iterator[None]:
    finished = threading.Event()
    started = time.monotonic()

    def report() -> None:
        while not finished.wait(30):
            _say(f"  still building, {time.monotonic() - started:.0f} s")

    _say("Building etcd, kube-apiserver and kubectl, once; this takes about six minutes on two cores.")
    reporter = threading.Thread(target=report, daemon=True)
    reporter.start()
    try:
        yield
    finally:
        finished.set()
        reporter.join()
    _say(f"Built in {time.monotonic() - started:.0f} s.")


def _say(line: str) -> None:
    print(line, file=sys.__stderr__, flush=True)
