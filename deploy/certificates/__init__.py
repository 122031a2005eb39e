"""Certificates for registries: a lab certificate authority on the operator's side, or the user's own files.

The modules, from the bottom up::

    names        what a certificate must be good for
    authority    make a certificate authority, and server certificates with it; pure
    renewal      does this certificate still do? pure
    own          check the user's own certificate files; pure
    keeper       the operator's directory that holds authority and certificates
"""
