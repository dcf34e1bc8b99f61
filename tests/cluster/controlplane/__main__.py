"""`python -m tests.cluster.controlplane` builds what is missing and prints the KUBEBUILDER_ASSETS folder."""

import sys

from tests.cluster.controlplane.binaries import Unavailable, folder

if __name__ == "__main__":
    try:
        print(folder())
    except Unavailable as problem:
        sys.exit(str(problem))
