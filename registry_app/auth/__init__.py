"""Who is asking, what they may do, and what is written down about it. No Sanic, no storage.

The modules, from the bottom up::

    watched      a small file that is read again when it changes
    htpasswd     user names and their bcrypt hashes
    throttle     how many wrong passwords are too many
    passwords    is this the user's password? (threads, cache, throttle)
    rules        who may pull, push, delete which repositories
    scope        the resources and actions a token is asked for
    token        short-lived signed tokens
    challenge    the ``WWW-Authenticate`` line
    access       allowed, denied, or log in first: the decision about one request
    audit        one JSON line for each request that was decided
"""
