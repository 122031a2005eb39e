"""From a request to the registry and back: the only package, beside `app`, that knows HTTP and Sanic.

`addresses` reads a path, `service` holds what handlers share, `answers` makes responses; the other modules
have a handler for each method of each resource. A handler decides what runs in a thread: everything does that
may wait for a disk, except lookups of a few small files, which cost less than the way to a thread and back.
"""
