"""From the cluster into the catalog: compare (pure), apply (small). Nothing here deletes what consumers hold.

`run` compares a whole cluster with the catalog; `settle` reads given objects again, and those that depend on the outcome.
"""

from .compare import Key
from .dependencies import Needed, dependants
from .full import run
from .refresh import settle

__all__ = ["Key", "Needed", "dependants", "run", "settle"]
