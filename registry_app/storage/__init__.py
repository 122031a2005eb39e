"""Where the registry keeps what was pushed: plain, synchronous, and in one layout."""
