"""An event loop whose time passes at once: it jumps to whatever is due next."""

import asyncio
import selectors


class _Selector(selectors.SelectSelector):
    """Never waits: it moves the clock."""

    now = 0.0

    def select(self, timeout=None):
        assert timeout is not None, "nothing will ever happen"
        self.now += max(0.0, timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """Runs timers in their order, without a pause."""

    def __init__(self):
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self):
        return self._virtual.now


def run(work):
    """Run a coroutine to its end in a loop of its own."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)
