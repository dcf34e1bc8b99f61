"""What a person finds right after `make run`."""

import re
import shlex
import subprocess

from tests.stack import ADMIN, CONSUMER, PUBLISHER, Stack, call


def test_start_names_people_and_addresses(stack: Stack):
    said = (stack.folder / "up.log").read_text()
    for address in (stack.portal, *stack.gateways.values()):
        assert address in said
    for email in (CONSUMER, PUBLISHER, ADMIN):
        assert stack.password(email) in said


def test_start_names_commands_that_work(stack: Stack):
    """The lines under `Try:` are pasted as they stand."""
    said = (stack.folder / "up.log").read_text()
    lines = re.findall(r"^  (curl .*)$", said, re.MULTILINE)
    assert len(lines) == 3
    for line in lines:
        ran = subprocess.run(line, shell=True, capture_output=True, text=True, check=True)
        assert ran.stdout.strip(), shlex.quote(line)


def test_start_serves_the_portal(stack: Stack):
    assert call(f"{stack.portal}/").status == 200
    assert call(f"{stack.portal}/readyz").status == 200
