"""What calls without a task return. Values that pickle; what the vendor adds later is in `raw`."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import attrs

from kling_sdk.errors import TaskFailedError, TransportError
from kling_sdk.results import Audio, Task, audios_from, decimal, shown_url, text

__all__ = ["Face", "FaceSession", "Speech"]


def _url_repr(url: str) -> str:
    return repr(shown_url(url))


@attrs.frozen
class Face:
    """One face that was found in a video.

    Attributes:
        face_id: What `FaceChoice.face_id` takes. It may be "0", and "-1" (vendor page).
        image_url: A picture of the face. It is signed; its repr has `?<hidden>` for the signature.
        start_time: When the face is first seen, in milliseconds of the video; None when the
            reply does not say.
        end_time: When it is last seen, likewise.
        raw: The object as received.
    """

    face_id: str
    image_url: str = attrs.field(default="", repr=_url_repr)
    start_time: int | None = None
    end_time: int | None = None
    raw: Mapping[str, Any] = attrs.field(factory=dict[str, Any], repr=False, eq=False)


@attrs.frozen
class FaceSession:
    """The faces of a video, and the session in which one of them can be made to speak.

    Attributes:
        session_id: What `AdvancedLipSync.session_id` takes. The vendor does not say how long it
            is good for.
        faces: The faces; a video may have none.
        units: Units that were deducted, or None when the reply does not say.
        raw: The object as received.
    """

    session_id: str
    faces: tuple[Face, ...] = ()
    units: Decimal | None = None
    raw: Mapping[str, Any] = attrs.field(factory=dict[str, Any], repr=False, eq=False)

    @classmethod
    def from_data(cls, data: Any) -> FaceSession:
        """Return the session in a reply's `data`, whatever else that holds.

        Raises:
            TransportError: it names no session.
        """
        session_id = text(data.get("session_id")) if isinstance(data, dict) else ""
        if not session_id:
            raise TransportError("a reply about faces without a session_id")
        items = data.get("face_data")
        faces = tuple(
            Face(
                face_id=text(item.get("face_id")),
                image_url=text(item.get("face_image")),
                start_time=_whole(item.get("start_time")),
                end_time=_whole(item.get("end_time")),
                raw=item,
            )
            for item in (items if isinstance(items, list) else ())
            if isinstance(item, dict)
        )
        return cls(session_id, faces, decimal(data.get("final_unit_deduction")), data)


@attrs.frozen
class Speech:
    """A text that was spoken.

    Attributes:
        audios: The sounds, each with an `id`, a `url` and a `duration`; at least one.
        task_id: The vendor's id of the call, under which nothing can be asked; "" when the reply
            does not say.
        units: Units that were deducted, or None when the reply does not say.
        raw: The object as received.
    """

    audios: tuple[Audio, ...]
    task_id: str = ""
    units: Decimal | None = None
    raw: Mapping[str, Any] = attrs.field(factory=dict[str, Any], repr=False, eq=False)

    @property
    def audio(self) -> Audio:
        """The first sound: so far there is always one."""
        return self.audios[0]

    @classmethod
    def from_data(cls, data: Any) -> Speech:
        """Return the speech in a reply's `data`, whatever else that holds.

        Raises:
            TaskFailedError: it says that it has failed.
            TransportError: it has no sound.
        """
        given: Mapping[str, Any] = data if isinstance(data, dict) else {}
        task_id, status = text(given.get("task_id")), text(given.get("task_status"))
        if status == "failed":
            message = text(given.get("task_status_msg"))
            raise TaskFailedError(
                "the text was not spoken; the vendor's reason is in task.status_msg",
                Task(task_id, status, status_msg=message, endpoint="tts", raw=given),
            )
        result = given.get("task_result")
        audios = audios_from(result.get("audios") if isinstance(result, dict) else None)
        if not audios:
            raise TransportError("a reply about speech without a sound")
        return cls(audios, task_id, decimal(given.get("final_unit_deduction")), given)


def _whole(value: object) -> int | None:
    number = decimal(value)
    return None if number is None else int(number)
