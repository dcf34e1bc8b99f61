"""Pages as people meet them, with 10,000 APIs loaded.

In Chromium with an empty cache: the first visit of the catalog and of a small Reference, an operation of a document of
10 MB by its address and by a click; beside them Swagger UI and Redoc on the same two documents, turn by turn. Then the
server's share: the pages of somebody signed in, eight at a time, and an empty answer of the same web.
BENCH_PAGES_PARTS names some of browser, rivals and server.
"""

import contextlib
import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Error as BrowserError

from bench import pages_rivals, pages_rows
from bench.harness import ROOT, Recorder, percentile
from bench.pages_browser import Seen, Sight, browser, deep_link, first_visit
from bench.pages_rows import FIRST, SECOND
from portal.embedded.postgres import EmbeddedPostgres
from portal.embedded.processes import free_port
from tests.npm import installed

# What is measured: all of it takes six minutes, most of them the others' with 10 MB.
PARTS = os.environ.get("BENCH_PAGES_PARTS", "browser,rivals,server").split(",")
READERS = 8
CALLS_EACH = 60
WARM_UP = 5
SMALL_ROUNDS = 7
BIG_ROUNDS = 3
# Ours is quick: more turns for steadier medians. The others may take a minute and more: one turn, in the middle.
OWN_BIG_TURNS = 3
GROUP = FIRST // 20
PACKAGES = ROOT / ".bench" / "pages_reference"
GUNICORN = ("--worker-class", "gthread", "--workers", "2", "--threads", "4", "--no-control-socket")


def run(recorder: Recorder) -> None:
    with tempfile.TemporaryDirectory(prefix="portico-pages-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        server = EmbeddedPostgres(folder / "postgres")
        env = {
            **os.environ,
            "DATABASE_URL": server.start(),
            "PORTICO_DEMO": "1",
            "PORTICO_STATE": name,
            "PORTICO_STATIC_ROOT": f"{name}/static",
            "PORTICO_LOG_LEVEL": "ERROR",
        }
        try:
            filled = _prepare(folder, env)
            with _web("portal.wsgi", env) as portal, _rivals(folder, env) as rivals:
                _ask(portal, "/", filled["cookie"])  # waits for what is left of reading the catalog
                if "browser" in PARTS:
                    with browser() as found:
                        _small(recorder, found, portal, rivals)
                        _big(recorder, found, portal, rivals, filled)
                if "server" in PARTS:
                    _server(recorder, portal, filled)
        finally:
            server.stop()


def _prepare(folder: Path, env: dict[str, str]) -> dict[str, str]:
    pages_rows.write_definitions(folder)
    for command in (["migrate", "-v0"], ["collectstatic", "--noinput", "-v0"]):
        subprocess.run([sys.executable, "manage.py", *command], cwd=ROOT, env=env, check=True)
    command = [sys.executable, "-m", "bench.pages_rows", str(folder)]
    filled = subprocess.run(command, cwd=ROOT, env=env, check=True, capture_output=True, text=True)
    return json.loads(filled.stdout)


@contextlib.contextmanager
def _web(application: str, env: dict[str, str], *, folder: Path = ROOT) -> Iterator[int]:
    """gunicorn as the portal has it, in a folder of which it takes further settings; gives its port."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", application, "--bind", f"127.0.0.1:{port}", *GUNICORN]
    web = subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 60
        while True:
            try:
                http.client.HTTPConnection("127.0.0.1", port, timeout=5).connect()
                break
            except OSError:
                if time.monotonic() > until or web.poll() is not None:
                    raise
                time.sleep(0.1)
        yield port
    finally:
        web.terminate()
        web.wait(20)


@contextlib.contextmanager
def _rivals(folder: Path, env: dict[str, str]) -> Iterator[int | None]:
    """The port of the others, or None where npm cannot bring them or they are not asked for."""
    if "rivals" not in PARTS:
        yield None
        return
    try:
        packages = installed(ROOT / "bench" / "pages_reference", PACKAGES)
    except (OSError, subprocess.SubprocessError) as error:
        print(f"   left out: Swagger UI and Redoc, npm did not bring them ({error})")
        yield None
        return
    documents = [folder / f"{slug}.json" for slug in pages_rows.SIZES]
    pages_rivals.prepare(folder / "rivals", packages, documents)
    served = {"BENCH_RIVALS": str(folder / "rivals"), "PYTHONPATH": str(ROOT)}
    with _web("bench.pages_rivals", env | served, folder=folder) as port:
        yield port


def _small(recorder: Recorder, found: Browser, portal: int, rivals: int | None) -> None:
    """First visits, turn by turn. What has a goal is the worse of our two pages."""
    addresses = {
        "catalog": f"http://127.0.0.1:{portal}/",
        "reference": f"http://127.0.0.1:{portal}/apis/{pages_rows.SMALL}/1.0.0/reference/",
    }
    if rivals:
        for name in pages_rivals.PAGES:
            addresses[name] = f"http://127.0.0.1:{rivals}/{name}-{pages_rows.SMALL}.html"
    seen = {name: Seen() for name in addresses}
    first_visit(found, addresses["catalog"], Seen())  # the browser's own start does not count
    for _ in range(SMALL_ROUNDS):
        for name, address in addresses.items():
            first_visit(found, address, seen[name])
    own = [seen.pop("catalog"), seen.pop("reference")]
    for figure, label, unit, goal in (
        ("kb", "first_visit_kb", "KB", "<= 80"),
        ("requests", "first_visit_requests", "requests", "<= 12"),
        ("lcp_ms", "lcp_ms", "ms", "<= 250"),
        ("cls", "cls", "", "<= 0.01"),
    ):
        middles = [each.middle(figure) for each in own]
        recorder.add(label, max(middles), unit, goal=goal, n=SMALL_ROUNDS)
        for page, middle in zip(("catalog", "reference"), middles, strict=True):
            recorder.add(f"{page}_{figure}", middle, unit, n=SMALL_ROUNDS)
        for name, others in seen.items():
            recorder.add(f"{name}_small_{figure}", others.middle(figure), unit, n=SMALL_ROUNDS)


def _big(recorder: Recorder, found: Browser, portal: int, rivals: int | None, filled: dict[str, str]) -> None:
    own, others = Seen(), {name: Seen() for name in pages_rivals.PAGES} if rivals else {}
    for turn in range(BIG_ROUNDS):
        for _ in range(OWN_BIG_TURNS):
            link = f"main a[href$='{filled['second']}']"
            url = f"http://127.0.0.1:{portal}{filled['operation']}"
            deep_link(found, url, _ours(FIRST), link, _ours(SECOND), own)
        for name, seen in others.items() if turn == BIG_ROUNDS // 2 else ():
            url = f"http://127.0.0.1:{rivals}/{name}-{pages_rows.BIG}.html"
            _rival(found, name, url, seen)
    turns = BIG_ROUNDS * OWN_BIG_TURNS
    recorder.add("big_deep_link_ms", own.middle("deep_link_ms"), "ms", goal="<= 400", n=turns)
    recorder.add("big_click_ms", own.middle("click_ms"), "ms", goal="<= 80", n=turns)
    recorder.add("big_page_kb", own.middle("kb"), "KB", goal="<= 100", n=turns)
    for name, seen in others.items():
        for figure, unit in (("deep_link_ms", "ms"), ("click_ms", "ms"), ("kb", "KB")):
            if values := getattr(seen, figure):
                recorder.add(f"{name}_big_{figure}", seen.middle(figure), unit, n=len(values))


def _ours(n: int) -> Sight:
    return ("#op-h", f"Replace thing {n}", "#reference .params code", f"filter{n}")


def _rival(found: Browser, name: str, url: str, seen: Seen) -> None:
    """One visit; what is not painted in a minute and a half has no figure."""
    try:
        if name == "swagger":
            first, second = (f"#operations-Group_{GROUP}-replaceThing{n}" for n in (FIRST, SECOND))
            deep_link(
                found,
                f"{url}#/Group%20{GROUP}/replaceThing{FIRST}",
                (first, f"Replace thing {FIRST}", f"{first} .parameter__name", f"filter{FIRST}"),
                f"{second} .opblock-summary-control",
                (second, f"Replace thing {SECOND}", f"{second} .parameter__name", f"filter{SECOND}"),
                seen,
            )
        else:
            first, second = (f"tag/Group-{GROUP}/operation/replaceThing{n}" for n in (FIRST, SECOND))
            deep_link(
                found,
                f"{url}#{first}",
                (f"[id='{first}'] h2", f"Replace thing {FIRST}", f"[id='{first}'] td", f"filter{FIRST}"),
                f"li[data-item-id='{second}'] > label",
                (f"[id='{second}'] h2", f"Replace thing {SECOND}", f"[id='{second}'] td", f"filter{SECOND}"),
                seen,
            )
    except BrowserError as error:
        print(f"   {name}: {str(error).splitlines()[0]}")


def _server(recorder: Recorder, port: int, filled: dict[str, str]) -> None:
    """Each page by eight readers at once, each page on a connection of its own, as through a proxy."""
    pages = {
        "catalog": "/",
        "api": f"/apis/{pages_rows.BIG}/",
        "operation": filled["operation"],
        "application": f"/applications/{pages_rows.APPLICATION}/",
    }
    for name, path in pages.items():
        took = _at_once(port, path, filled["cookie"])
        recorder.add(f"{name}_p95_ms", percentile(took, 95), "ms", goal="<= 50", n=len(took))
    for name, path in (("not_found", "/nowhere/"), ("empty_answer", "/healthz")):
        took = _at_once(port, path, filled["cookie"])
        recorder.add(f"{name}_p95_ms", percentile(took, 95), "ms", n=len(took))


def _at_once(port: int, path: str, cookie: str) -> list[float]:
    """Milliseconds of each answer; the first few of each reader do not count."""
    took: list[list[float]] = [[] for _ in range(READERS)]

    def read(into: list[float]) -> None:
        into.extend(_ask(port, path, cookie) for _ in range(WARM_UP + CALLS_EACH))

    readers = [threading.Thread(target=read, args=(each,)) for each in took]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    if any(len(each) != WARM_UP + CALLS_EACH for each in took):
        raise RuntimeError(f"{path} was not answered each time")
    return [value for each in took for value in each[WARM_UP:]]


def _ask(port: int, path: str, cookie: str) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    began = time.perf_counter()
    connection.request("GET", path, headers={"Cookie": cookie, "Accept-Encoding": "gzip"})
    answer = connection.getresponse()
    answer.read()
    took = (time.perf_counter() - began) * 1000
    connection.close()
    if answer.status != (404 if path == "/nowhere/" else 200):
        raise RuntimeError(f"{path} answered {answer.status}")
    return took
