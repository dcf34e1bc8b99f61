"""Definitions read in a process that can be killed."""

import contextlib
import os
import signal
import subprocess
import sys
import threading

import pytest

from apis import definitions
from apis.definitions import sandbox
from portal.errors import Invalid

TEXT = """openapi: 3.0.0
info: {title: Größe, version: 1.5}
paths: {/a: {get: {operationId: x, security: [{o: [s]}], responses: {200: {description: ok}}}}}
components: {securitySchemes: {o: {type: oauth2, flows: {f: {scopes: {s: See}}}}}}
"""


@pytest.fixture(autouse=True)
def _closed():
    yield
    sandbox.close()


def reader_pid() -> int:
    assert sandbox._reader.process is not None
    return sandbox._reader.process.pid


def test_definition_is_the_same_as_without():
    assert sandbox.parse(TEXT) == definitions.parse(TEXT)


@pytest.mark.parametrize(
    "text", ["hello", "openapi: 3.0.0\ninfo: {title: T\n", "type Query {\n  a:\n}", "\ud800", ""]
)
def test_error_is_the_same_as_without(text):
    with pytest.raises(Invalid) as plain:
        definitions.parse(text)
    with pytest.raises(Invalid) as caught:
        sandbox.parse(text)
    assert caught.value.args == plain.value.args
    assert (caught.value.line, caught.value.remedy) == (plain.value.line, plain.value.remedy)


def test_reader_is_kept():
    sandbox.parse(TEXT)
    before = reader_pid()
    with pytest.raises(Invalid):
        sandbox.parse("hello")
    sandbox.parse(TEXT)
    assert reader_pid() == before


def test_overrun_is_refused_and_the_next_text_read():
    sandbox.parse(TEXT)
    before = reader_pid()
    os.kill(before, signal.SIGSTOP)
    with pytest.raises(Invalid, match=r"more than 0.2 s"):
        sandbox.parse(TEXT, seconds=0.2)
    assert sandbox.parse(TEXT).title == "Größe"
    assert reader_pid() != before


def test_text_that_does_not_fit_the_pipe_is_no_deadlock():
    sandbox.parse(TEXT)
    os.kill(reader_pid(), signal.SIGSTOP)
    with pytest.raises(Invalid, match="more than"):
        sandbox.parse(TEXT + "#" * 1_000_000, seconds=0.2)


def test_killed_reader_is_refused_or_replaced():
    sandbox.parse(TEXT)
    os.kill(reader_pid(), signal.SIGKILL)
    with contextlib.suppress(Invalid):
        sandbox.parse(TEXT)
    assert sandbox.parse(TEXT).title == "Größe"


def test_memory_over_the_limit_is_refused(monkeypatch):
    code = (
        "import apis.definitions.sandboxed as s\n"
        "s.parse = lambda text: bytearray(2 * s.WORK_BYTES if text == 'much' else 200 * 2**20)\n"
        "s.as_plain = len\n"
        "s.main()\n"
    )
    started = subprocess.Popen
    monkeypatch.setattr(
        sandbox.subprocess,
        "Popen",
        lambda arguments, **kwargs: started([sys.executable, "-c", code], **kwargs),
    )
    monkeypatch.setattr(sandbox, "from_plain", lambda plain: plain)
    with pytest.raises(Invalid, match="memory"):
        sandbox.parse("much")
    assert sandbox.parse("little") == 200 * 2**20


def test_processor_time_over_the_limit_is_refused(monkeypatch):
    code = (
        "import apis.definitions.sandboxed as s\n"
        "def spin(text):\n"
        "    while True: pass\n"
        "s.parse = spin\n"
        "s.main()\n"
    )
    started = subprocess.Popen
    monkeypatch.setattr(
        sandbox.subprocess,
        "Popen",
        lambda arguments, **kwargs: started([sys.executable, "-c", code], **kwargs),
    )
    # By the processor's time, and neither by the clock of this process nor by that of the reader.
    monkeypatch.setattr(sandbox, "PATIENCE", 1_000)
    monkeypatch.setattr(sandbox, "OUT_OF_TIME", (-signal.SIGPROF,))
    with pytest.raises(Invalid, match=r"more than 0.1 s"):
        sandbox.parse("much", seconds=0.1)


def test_real_limits_hold_for_real_texts():
    values = f"openapi: 3.0.0\npaths: {{}}\nx: [{'abcdefghijkl,' * 300_000}]\n"
    with pytest.raises(Invalid, match=r"more than 0.05 s"):
        sandbox.parse(values, seconds=0.05)
    with pytest.raises(Invalid, match="memory"):
        sandbox.parse(values, work_bytes=16 * 2**20)
    assert sandbox.parse(values).format == "openapi-3.0"


def test_forked_process_has_its_own_reader():
    sandbox.parse(TEXT)
    ours = reader_pid()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            title = sandbox.parse(TEXT).title
            os.write(writing, f"{reader_pid()} {title}".encode())
            sandbox.close()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        theirs, title = answer.read().decode().split()
    assert title == "Größe"
    assert int(theirs) != ours
    assert reader_pid() == ours
    assert sandbox.parse(TEXT).title == "Größe"


def test_reader_ends_with_its_parent():
    code = (
        "from apis.definitions import sandbox; import os\n"
        f"sandbox.parse({TEXT!r}); print(sandbox._reader.process.pid, flush=True); os._exit(0)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=sandbox.ROOT) as parent:
        pid = int(parent.stdout.readline())
        parent.stdout.read()
        parent.wait()
    pidfd = None
    try:
        pidfd = os.pidfd_open(pid)
        import select

        assert select.select([pidfd], [], [], 30)[0]
    except ProcessLookupError:
        pass
    finally:
        if pidfd is not None:
            os.close(pidfd)


def test_threads_wait_for_each_other():
    found = []
    threads = [threading.Thread(target=lambda: found.append(sandbox.parse(TEXT))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [definitions.parse(TEXT)] * 8


def test_reader_knows_no_django_and_no_secrets():
    code = "import apis.definitions.sandboxed, sys; print('django' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], cwd=sandbox.ROOT).strip() == b"False"
