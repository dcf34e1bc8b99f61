"""From the cluster into the catalog: compare (pure), apply (small). Nothing here deletes what consumers hold.

`run` compares a whole cluster with the catalog, `carry` brings one changed object in, with what depends on it; `changes`
is the queue between those who notice and those who carry.
"""

from . import changes
from .compare import Key
from .follow import carry, concerns
from .full import run
from .gone import withdraw
from .refresh import settle

__all__ = ["Key", "carry", "changes", "concerns", "run", "settle", "withdraw"]
