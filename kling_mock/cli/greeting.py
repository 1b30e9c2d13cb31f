"""What `kling-mock serve` tells a person on a terminal."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["greeting"]


def greeting(ready: Mapping[str, str | None], *, is_real_time: bool) -> str:
    """Return what a person can do with a server.

    Args:
        ready: Its ready line; without a dashboard the admin API is off.
        is_real_time: Whether its clock is the computer's, and a video takes as long as Kling's.
    """
    parts = [
        "An emulated Kling is running. Ctrl-C ends it, and what it has is gone then.",
        f"""\
  Use it         export KLING_BASE_URL={ready["kling_url"]}
                 export KLING_API_KEY={ready["api_key"]}
                 kling create text2video --prompt "a kitten on the grass" --download kitten.mp4""",
        f"""\
  Its relay      {ready["relay_url"]}
                 export KLING_RELAY_TOKEN={ready["relay_token"]}""",
    ]
    if is_real_time:
        parts[1] += """
                 A video takes about 2 minutes, as at Kling; with --speed 60 it takes 2 seconds."""
    if ready["dashboard_url"] is not None:
        parts[1:1] = [
            f"""\
  Look at it     {ready["dashboard_url"]}"""
        ]
        parts[3:3] = [
            """\
  Steer it       kling-mock tail                 requests and callbacks as they come
                 kling-mock complete --latest    let the newest task succeed now
                 kling-mock trigger succeed --to http://127.0.0.1:8000/callback
                 kling-mock fault add status http=503 --times 1"""
        ]
    return "\n\n".join(parts) + "\n"
