"""Record the object graph of a Python program as JSON lines that `orrery import` reads.

    python3 record_python.py -o OUT.jsonl[.gz] SCRIPT [ARGUMENTS...]

runs SCRIPT as the main program and records the heap when it ends; or, from within a program, at the
moment that matters:

    from record_python import record
    record("out.jsonl.gz")

The first line tells the format and the number of objects; then one object per line: "id" (from 0),
"type", "size" (bytes, as sys.getsizeof tells), "gc" (whether the cycle collector tracks it), "rc" (its
reference count without the recorder's own references) and "refs" (the ids it refers to, in the order
of gc.get_referents, repeated where it holds several references).

Recorded is what gc.get_objects() lists and everything that is reached from there by
gc.get_referents(): so strings and numbers are there, but not what only C code holds. The recorder's
own objects are left out, and it imports nothing before the heap has been walked, so that the heap is
the program's. Other threads should stand still meanwhile.
"""

import gc
import os
import sys

LINES_PER_WRITE = 1000


def own_ids():
    """Ids of the recorder's objects that the walk would meet."""
    namespace = globals()
    own = {id(namespace)}
    for module in list(sys.modules.values()):
        if getattr(module, "__dict__", None) is namespace:
            own.add(id(module))
    for name, value in namespace.items():
        if type(value) is type(own_ids):
            own.update((id(value), id(value.__code__)))
        elif name in ("__spec__", "__loader__") and value is not None:
            own.update((id(value), id(getattr(value, "__dict__", value))))
    own.add(id(own))
    return own


def is_own_frame(candidate, own):
    """Before Python 3.11 every running frame is an object, the recorder's too."""
    code = getattr(candidate, "f_code", None) if type(candidate).__name__ == "frame" else None
    return id(code) in own


def walk():
    """All objects of the program, and the place of each by its id.

    In plain loops: a comprehension would close over `own` by a cell, which the walk would meet."""
    own = own_ids()
    seeds = gc.get_objects()
    objects = []
    places = {}
    for seed in seeds:
        add(seed, objects, places, own)
    del seeds, seed
    place = 0
    while place < len(objects):
        for referent in gc.get_referents(objects[place]):
            add(referent, objects, places, own)
        place += 1
    return objects, places


def add(one, objects, places, own):
    key = id(one)
    if key not in places and key not in own and not is_own_frame(one, own):
        places[key] = len(objects)
        objects.append(one)


def reference_counts(objects):
    """Counts without the references that the list, the loop and the call hold meanwhile."""
    return [sys.getrefcount(one) for one in objects]


def size_of(one):
    try:
        return sys.getsizeof(one)
    except Exception:  # a class may compute its size, and fail
        return type(one).__basicsize__


def quoted(text):
    """A JSON string. By hand: importing json would add its objects to the heap."""
    escaped = []
    for unit in memoryview(text.encode("utf-16-le", "surrogatepass")).cast("H"):
        plain = 0x20 <= unit < 0x7F and unit not in b'"\\'
        escaped.append(chr(unit) if plain else "\\u%04x" % unit)
    return '"' + "".join(escaped) + '"'


def lines_of(objects, places, counts):
    """The lines of the file."""
    version = sys.version.split()[0]
    yield '{"format":"pygraph","version":1,"python":%s,"nodes":%d}\n' % (
        quoted(version), len(objects))
    names = {}
    for place, one in enumerate(objects):
        kind = type(one)
        if kind not in names:
            names[kind] = quoted(str(kind.__name__))
        referents = [str(places[id(referent)]) for referent in gc.get_referents(one)
                     if id(referent) in places]
        yield '{"id":%d,"type":%s,"size":%d,"gc":%s,"rc":%d,"refs":[%s]}\n' % (
            place, names[kind], size_of(one), "true" if gc.is_tracked(one) else "false",
            counts[place], ",".join(referents))


def write(path, lines):
    """Writes to a file beside `path` and renames it, so that no half of a dump is taken for one."""
    part = path + ".part"
    pack = None
    if path.endswith(".gz"):
        import zlib
        pack = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    with open(part, "wb") as file:
        chunk = []
        for line in lines:
            chunk.append(line)
            if len(chunk) == LINES_PER_WRITE:
                text = "".join(chunk).encode("ascii")
                file.write(pack.compress(text) if pack else text)
                chunk.clear()
        text = "".join(chunk).encode("ascii")
        file.write(pack.compress(text) + pack.flush() if pack else text)
    os.replace(part, path)


def record(path):
    """Records the heap of this process in the file `path`, packed by gzip if it ends in .gz.

    Garbage is collected first. Returns the number of objects."""
    was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        share = reference_counts([object()])[0]
        objects, places = walk()
        counts = [count - share for count in reference_counts(objects)]
        write(path, lines_of(objects, places, counts))
        return len(objects)
    finally:
        if was_enabled:
            gc.enable()


def run(script, arguments):
    """Runs a script as the main program; returns its exit status, or None if it failed."""
    main_module = type(sys)("__main__")
    main_module.__file__ = script
    main_module.__builtins__ = __builtins__
    sys.modules["__main__"] = main_module
    sys.argv[:] = [script] + arguments
    sys.path[0] = os.path.dirname(os.path.abspath(script))
    with open(script, "rb") as file:
        code = compile(file.read(), script, "exec")
    try:
        exec(code, main_module.__dict__)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    return 0


def main(arguments):
    if arguments[:1] in (["-h"], ["--help"]):
        print(__doc__.strip())
        return 0
    if len(arguments) < 3 or arguments[0] != "-o":
        print("usage: record_python.py -o OUT.jsonl[.gz] SCRIPT [ARGUMENTS...]", file=sys.stderr)
        return 2
    output, script = arguments[1], arguments[2]
    try:
        status = run(script, arguments[3:])
    except FileNotFoundError as error:
        if error.filename != script:
            raise
        print("record_python.py: %s: there is no such script" % script, file=sys.stderr)
        return 2
    del arguments
    try:
        record(output)
    except OSError as error:
        print("record_python.py: %s: %s" % (output, error.strerror), file=sys.stderr)
        return 2
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
