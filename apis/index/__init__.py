"""The catalog's index: what can be filtered, counted and sorted by, of every API, in the memory of each web process.

It follows the database: each request first reads what changed since the last one, so an answer is as fresh as the
request. Counting every facet of 100,000 APIs anew costs the database a third of a second; here it is a few milliseconds,
for any choice of filters and any reader. The rows of a page are read from the database, through `visible_to`.
"""

from .bits import Mask
from .changes import forget_removed
from .index import Found, Index, Key, current, warm

__all__ = ["Found", "Index", "Key", "Mask", "current", "forget_removed", "warm"]
