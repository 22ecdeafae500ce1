"""A program whose heap is full of cycles: where workloads/heaps/python.heap comes from.

It does in small what a language server does: parses modules of the standard library, links syntax
trees upwards, resolves names into scopes, keeps a cache, notifies listeners, and stands in the middle
of a few hundred asynchronous requests when it is recorded.

    python3 sample_program.py python.jsonl.gz
    orrery import python.jsonl.gz -o python.heap

Everything hangs on the local variables of main(), not on globals, as it does in a program that is
made of functions: so its parts are many components, large and small, and not one of all.
"""

import ast
import asyncio
import importlib.util
import sys
import threading
import weakref

from record_python import record

MODULES = ("argparse", "contextlib", "dataclasses", "functools", "heapq", "queue", "textwrap")
CACHE_ENTRIES = 2000
REQUESTS = 400
FAILURES = 40


class Scope:
    """A namespace; parent and children refer to each other."""

    def __init__(self, name, parent):
        self.name = name
        self.parent = parent
        self.children = []
        self.definitions = {}
        self.uses = {}
        if parent is not None:
            parent.children.append(self)


class Document:
    """A module's syntax tree with links from each node to its parent and scope."""

    def __init__(self, name, source):
        self.name = name
        self.tree = ast.parse(source)
        self.scope = Scope(name, None)
        self.link(self.tree, None, self.scope)

    def link(self, node, parent, scope):
        node.parent = parent
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            scope.definitions[node.name] = node
            scope = Scope(node.name, scope)
            node.scope = scope
        elif isinstance(node, ast.Name):
            scope.uses.setdefault(node.id, []).append(node)
        for child in ast.iter_child_nodes(node):
            self.link(child, node, scope)


class Entry:
    """An entry of the cache: a doubly linked list runs through all of them."""

    __slots__ = ("key", "value", "previous", "next", "__weakref__")

    def __init__(self, key, value):
        self.key = key
        self.value = value
        self.previous = self.next = self


class Cache:
    """Least recently used entries go first."""

    def __init__(self, limit):
        self.limit = limit
        self.entries = {}
        self.head = Entry(None, None)

    def put(self, key, value):
        if len(self.entries) == self.limit:
            self.drop(self.head.next)
        entry = self.entries[key] = Entry(key, value)
        entry.previous, entry.next = self.head.previous, self.head
        entry.previous.next = self.head.previous = entry

    def drop(self, entry):
        entry.previous.next, entry.next.previous = entry.next, entry.previous
        del self.entries[entry.key]


class Workspace:
    """The documents and who wants to know of them."""

    def __init__(self):
        self.documents = {}
        self.listeners = []
        self.cache = Cache(CACHE_ENTRIES)
        self.by_name = weakref.WeakValueDictionary()
        self.failures = []

    def open(self, name):
        with open(importlib.util.find_spec(name).origin, encoding="utf-8") as file:
            document = self.documents[name] = Document(name, file.read())
        self.by_name[name] = document
        for node in ast.walk(document.tree):
            if isinstance(node, ast.Call):
                self.cache.put((name, node.lineno, node.col_offset), ast.unparse(node.func))
        for listener in self.listeners:
            listener(document)

    def fail(self, depth):
        """Keeps exceptions, whose tracebacks keep the frames that keep them."""
        try:
            raise KeyError(depth)
        except LookupError as error:
            kept = error
            self.failures.append(kept)
        if depth > 0:
            self.fail(depth - 1)


class Outline:
    """A view: the workspace holds its bound method, it holds the workspace."""

    def __init__(self, workspace):
        self.workspace = workspace
        self.lines = []
        workspace.listeners.append(self.refresh)

    def refresh(self, document):
        def lines_of(scope, depth):
            yield "  " * depth + scope.name
            for child in scope.children:
                yield from lines_of(child, depth + 1)

        self.lines.append(lines_of(document.scope, 0))
        next(self.lines[-1])


async def answer(document, done):
    """A request that waits for its turn; task, coroutine and callback hold one another."""
    task = asyncio.current_task()
    finished = []
    task.add_done_callback(lambda ended: finished.append((ended, task)))
    await done
    return document


async def serve(workspace):
    loop = asyncio.get_running_loop()
    documents = list(workspace.documents.values())
    turns = [loop.create_future() for _ in range(REQUESTS)]
    tasks = [loop.create_task(answer(documents[number % len(documents)], turn))
             for number, turn in enumerate(turns)]
    await asyncio.sleep(0)
    return tasks


def main(output):
    workspace = Workspace()
    outline = Outline(workspace)
    for module in MODULES:
        workspace.open(module)
    worker = threading.Thread(target=workspace.fail, args=(FAILURES,))
    worker.start()
    worker.join()
    loop = asyncio.new_event_loop()
    tasks = loop.run_until_complete(serve(workspace))
    count = record(output)
    print(count, "objects,", len(outline.lines), "documents,", len(tasks), "requests")
    for task in tasks:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
    loop.close()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: sample_program.py OUT.jsonl[.gz]")
    main(sys.argv[1])
