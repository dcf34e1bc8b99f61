"""Rows as COPY takes them: what is written in haste says the same as what is written column by column."""

import pytest

from apis.sources import DefinitionText
from apis.sync.rows import Documents, line


@pytest.mark.parametrize(
    ("values", "row"),
    [
        (("a", 1, True, None), b"a\t1\tTrue\t\\N"),
        ((None, None), b"\\N\t\\N"),
        (("tab\there", "x"), b"tab\\there\tx"),
        (("back\\slash", None), b"back\\\\slash\t\\N"),
        (("two\nlines\r", "å"), "two\\nlines\\r\tå".encode()),
        (("", ""), b"\t"),
        # COPY refuses it; it is not taken for a value that is not there.
        (("a\0b", None), b"a\0b\t\\N"),
    ],
)
def test_line_escapes_what_copy_reads_otherwise(values, row):
    assert line(values) == row


def test_definition_that_no_text_can_hold_is_refused():
    with pytest.raises(ValueError, match="NUL"):
        Documents.row(DefinitionText("a\0b", "inline"))
    with pytest.raises(ValueError, match="surrogates"):
        Documents.row(DefinitionText("\ud800", "inline"))
