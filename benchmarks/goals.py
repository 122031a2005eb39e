"""What is wanted of each row, as ratios of ours to a peer's, and of memory and start in absolute numbers."""

from benchmarks.peers import NGINX, V2, V3

RATIOS: dict[str, dict[str, float]] = {
    "manifest-tag": {V3: 2.5, V2: 9},
    "blob-head": {V3: 2.8, V2: 9},
    "base": {V3: 1.3, V2: 10},
    "catalog": {V3: 20, V2: 20},
    "pull": {V3: 1.8, V2: 1.8, NGINX: 0.95},
    "pull-16": {V3: 2.8, V2: 2.8, NGINX: 0.9},
    "push": {V3: 1.4, V2: 3},
    "push-32k": {V3: 1.2, V2: 2.4},
    "push-8k": {V3: 1.2, V2: 2.4},
    "push-disk": {V3: 1.6, V2: 3},
    "pull-tls": {V3: 0.8},
}
"""At least so many times the peer."""

MEMORY: dict[str, float] = {"idle": 40, "pull-16": 55, "push": 80}
"""At most so many MB resident: when nothing happens, and as a peak during a row."""

COLD_START = 0.25
"""At most so many seconds from the start of the process to the first answer."""
