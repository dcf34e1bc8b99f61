"""The web's worker: `gunicorn --worker-class portal.worker.Worker`."""

from gunicorn.workers.gthread import ThreadWorker


class Worker(ThreadWorker):
    """gunicorn's gthread, but it takes a connection only when it has a thread for it.

    As it is, a process takes whatever comes and lets it queue, while the next process may have nothing to do.
    """

    @property
    def worker_connections(self) -> int:
        """How many may be open: those that wait for what is asked next, and one for each thread."""
        waiting = len(self.keepalived_conns) + len(self.pending_conns)
        return min(int(self.cfg.worker_connections), waiting + int(self.cfg.threads))

    @worker_connections.setter
    def worker_connections(self, most: int) -> None:
        """Set by gunicorn to what its settings say, which is asked again above."""
