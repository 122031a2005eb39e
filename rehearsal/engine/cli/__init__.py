"""docker.exe: from an argument list to text on stdout and stderr and an exit code, as docker 29 has them."""
