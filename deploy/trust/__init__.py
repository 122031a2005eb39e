"""What a host needs to trust a registry and to log in there: pure planning, no host.

``hosts_file``     the registry's name in the hosts file
``certs_directory``  where an engine looks for a registry's authority
``root_store``     the machine's own store of authorities
``credentials``    the Docker client's configuration with a log-in
"""
