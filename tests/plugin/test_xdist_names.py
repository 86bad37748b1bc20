"""The private names of pytest-xdist we read still exist; a new release that renames them fails here first."""

import inspect

from xdist import remote


def test_the_workers_queue_has_its_names() -> None:
    source = inspect.getsource(remote.WorkerInteractor)
    for name in ("self.torun", "self.nextitem_index", "self.item_index", "self.torun.lock()"):
        assert name in source
