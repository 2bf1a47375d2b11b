# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Task and TaskQueue for the frozen asyncio, on the simulated clock.

The interpreter's own `_asyncio` reads the host's clock, in C, whenever a task is queued without a time, so it cannot be
used with another clock. These two classes offer what `asyncio.core` uses of it.
"""

import sys


def _ticks():
    import time

    return time.ticks_ms()


def _diff(end, start):
    return ((end - start + 0x20000000) & 0x3FFFFFFF) - 0x20000000


class TaskQueue:
    """Tasks by due time; equal times keep their order."""

    def __init__(self):
        self._tasks = []

    def peek(self):
        return self._tasks[0] if self._tasks else None

    def push(self, task, key=None):
        task.data = None
        task.ph_key = key = _ticks() if key is None else key
        tasks = self._tasks
        index = len(tasks)
        while index and _diff(tasks[index - 1].ph_key, key) > 0:
            index -= 1
        tasks.insert(index, task)

    def pop(self):
        return self._tasks.pop(0)

    def remove(self, task):
        task.data = None
        if task in self._tasks:
            self._tasks.remove(task)


class Task:
    """state: True running, a TaskQueue of waiters, a callback, None finished and not awaited, False finished."""

    def __init__(self, coro, globals=None):
        self.coro = coro
        self.data = None
        self.state = True
        self.ph_key = 0
        self._core = globals

    def __iter__(self):
        if not self.state:
            self.state = False
        elif self.state is True:
            self.state = TaskQueue()
        elif type(self.state) is not TaskQueue:
            raise RuntimeError("can't wait")
        return self

    def __next__(self):
        if not self.state:
            if self.data is None:
                raise StopIteration
            raise self.data
        waiting = self._core["cur_task"]
        self.state.push(waiting)
        waiting.data = self

    def done(self):
        return not self.state

    def cancel(self):
        if not self.state:
            return False
        if self is self._core["cur_task"]:
            raise RuntimeError("can't cancel self")
        while isinstance(self.data, Task):
            self = self.data
        queue = self._core["_task_queue"]
        if self.data is not None and hasattr(self.data, "remove"):
            self.data.remove(self)
            queue.push(self)
        elif _diff(self.ph_key, _ticks()) > 0:
            queue.remove(self)
            queue.push(self)
        self.data = self._core["CancelledError"]
        return True


class _Module:
    pass


def install():
    """Stand in for the built-in module. Has to come before the first `import asyncio`."""
    module = _Module()
    module.Task = Task
    module.TaskQueue = TaskQueue
    sys.modules["_asyncio"] = module
