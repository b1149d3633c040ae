"""Programs in isolation: one process, in a folder of its own, without a network, within limits.

`run` starts a `Program` at the best level that the machine has (`levels`): in namespaces by bubblewrap, under Landlock
and seccomp, or within limits alone. What starts in a worker is `launcher`, a script of its own that confines itself
before it becomes the program, and outlives neither the program nor the worker.
"""
