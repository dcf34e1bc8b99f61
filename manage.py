#!/usr/bin/env python
"""Portico's command line: `manage.py up` starts everything, `manage.py help` lists the rest."""

import os
import sys


def main() -> None:
    if sys.version_info < (3, 11):  # noqa: UP036  whoever has an older one reads this line
        sys.exit("Portico needs Python 3.11 to 3.13; this is " + sys.version.split()[0])
    if sys.argv[1:] == ["up"]:
        # The supervisor does without Django: the settings name what it is about to start.
        try:
            from portal.embedded.up import main as up  # noqa: PLC0415
        except ModuleNotFoundError as error:
            sys.exit(f"portico: {error.name} is not installed; `make run` installs what is missing")
        sys.exit(up())
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    from django.core.management import execute_from_command_line  # noqa: PLC0415  after the settings are named

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
