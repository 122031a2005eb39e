"""Which release of Docker Engine a rehearsal host says that it runs."""

VERSION = "29.7.2"
API_VERSION = "1.54"
MIN_API_VERSION = "1.40"
BUILD = "d2a0f6c"
BUILD_TIME = "Tue Aug 18 09:41:07 2026"
GO_VERSION = "go1.26.4"
OS, ARCHITECTURE = "windows", "amd64"
