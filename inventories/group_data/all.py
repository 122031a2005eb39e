"""What is wanted of every host, as in the lab. A group's file here, or a host's data, says only what
differs.
"""

lab = {
    "engine": {
        "delivery": "daemon.json",
        "options": {
            "group": "docker",
            "hosts": ["npipe://", "tcp://0.0.0.0:2375"],
        },
        # The lab opens the engine to the network without TLS. Do that in a closed lab only.
        "allow_tcp_without_tls": True,
        "allow_restart": True,
    },
    "network": {"subnet": "172.24.192.0/20"},
    "registry": {
        "ip": "172.24.194.96",
        "port": 5000,
        "published_port": 5000,
        "data_directory": "C:\\registry-data",
    },
    "proof": {
        "image": "sixeyed/hello-world:nanoserver",
        "repository": "labs/hello-world",
        "tag": "nanoserver",
    },
}

# All hosts at once, and a host that fails stops no other. A larger fleet goes in waves: see classroom.py.
rollout = {"canary": 0, "batch": "100%", "max_failures": None}
