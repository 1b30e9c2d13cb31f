"""The documentation site: `python -m tests.site` builds it, and `zensical.toml` is its plan.

The pages stay where a code host shows them: `docs/x.md` and, in Chinese, `docs/x.zh-CN.md`. For
each language this puts them into one folder, generates the reference, and runs Zensical.
"""
