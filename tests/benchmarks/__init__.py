"""Speed, measured against the raw library doing the same work: `python -m tests.benchmarks`.

One module per benchmark, each with `run(quick) -> Report`. Nothing here is a test: a
figure depends on the machine and on what else runs there, so no assertion hangs on it.
"""
