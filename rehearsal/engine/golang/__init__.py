"""How Go's standard library and pflag read text and word their errors, as far as dockerd and docker show it.

Nothing here knows Docker. The wordings are those of Go 1.27 (JSON errors changed there).
"""
