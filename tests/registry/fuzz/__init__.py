"""Malformed input of every kind, over raw sockets."""
