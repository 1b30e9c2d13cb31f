"""The project's outputs, written to files, so that a change of its structure can be judged.

`python -m tests.golden FOLDER` writes, the same in every run of the same code:

- `requests.jsonl`: some 4,000 generated requests to all endpoints of every interface, right and
  wrong ones. For each: what the client says of it, the body it sends, its estimate, and the
  emulator's response to the create and, when the task has ended, to the query.
- `help/`: the help of every command.
- `documents/`: the files that are generated from the code.

Run it before and after a change, and compare with `diff -r BEFORE AFTER`: nothing differs, or
each difference is one that was meant.
"""
