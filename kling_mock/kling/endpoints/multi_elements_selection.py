"""The selection of `multi-elements`: points in frames of a video, and the masks that they make."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from kling_mock.kling.endpoints.call_files import keep_file, refuse_what_would_fail
from kling_mock.kling.endpoints.example_parts import SELECTION_ID, SITE, VIDEO_ID
from kling_mock.kling.endpoints.fields import Field, FieldShape, field_shape
from kling_mock.kling.endpoints.record import CallContext, DirectCall, EmulatedEndpoint, UnitPrice
from kling_mock.kling.endpoints.source_video import SourceVideo, read_source
from kling_mock.kling.model.sessions import CallFile
from kling_mock.kling.service_codes import invalid
from kling_mock.kling.wire.v1 import V1
from kling_mock.kling.wire.v1_schemas import closed
from kling_mock.web.facts import assumed, documented
from kling_mock.web.openapi import Schema

if TYPE_CHECKING:
    from kling_mock.kling.media.mask import Disc

PAGE = documented("pages-2026-09", as_of="2026-09-20", note="two copies agree")
_PATH = "/v1/videos/multi-elements"
_KIND = "multi-elements"  # of a session
SESSION_SECONDS = 24 * 3600
_MAX_SECONDS = 10  # s of a video
_NEVER = 6  # s: the length between the two that are taken, 2 to 5 and 7 to 10
_MIN_SECONDS = 2
_MAX_FRAMES = 10  # that have points
_MAX_POINTS = 10  # of a frame
_RADIUS = 0.08  # of the disc around a point, in parts of the shorter side
_MODES = {"720p": "std", "1080p": "pro"}

Point = tuple[float, float]


class SelectedVideo(NamedTuple):
    """The data of a session.

    Attributes:
        source: The video.
        frames: The points of each frame that has some, as they were added.
    """

    source: SourceVideo
    frames: dict[int, list[Point]]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        from kling_mock.kling.media.sizes import frame_size  # most servers never need it

        return frame_size(_MODES[self.source.resolution], self.source.aspect_ratio)

    @property
    def total_frames(self) -> int:
        """How many frames the video has."""
        return self.source.seconds * self.source.fps


def find_selection(fields: Mapping[str, Any], context: CallContext) -> SelectedVideo:
    """Return the video of the session that a request names.

    Raises:
        Refusal: 400/1201, the account does not have such a session.
    """
    session = context.find_session(_KIND, fields["session_id"])
    if session is None:
        text = "must be the id of a session of init-selection that has not ended"
        raise invalid("session_id", text, fields["session_id"])
    video: SelectedVideo = session.data
    return video


def _written(session_id: str, **members: object) -> str:
    reply_data = {"status": 0, "session_id": session_id, **members, "final_unit_deduction": "0"}
    return json.dumps(reply_data, separators=(",", ":"))


def _init(call: DirectCall) -> str:
    """Return the reply's `data` as JSON: a session, and the properties of the video.

    Raises:
        Refusal: 400/1201, the video cannot be used.
    """
    source = read_source(call.fields, call.context, _MAX_SECONDS)
    refuse_what_would_fail(call)
    if source.seconds == _NEVER or source.seconds < _MIN_SECONDS:
        name = "video_id" if source.video_id else "video_url"
        text = f"must be a video of 2 to 5 s or 7 to 10 s, got one of {source.seconds} s"
        raise invalid(name, text)
    call.charge()
    video = SelectedVideo(source, {})
    session = call.sessions.open(call.account, _KIND, call.now + SESSION_SECONDS, video)
    width, height = video.size
    return _written(
        session.session_id,
        fps=float(source.fps),
        original_duration=source.seconds * 1000,
        width=width,
        height=height,
        total_frame=video.total_frames,
        normalized_video=_video(call, video),
    )


def _video(call: DirectCall, video: SelectedVideo) -> str:
    seconds, fps = video.source.seconds, video.source.fps
    file = CallFile("video", video.size, seconds=seconds, fps=fps, endpoint=_KIND)
    return keep_file(call, file).url


def _frame(call: DirectCall, video: SelectedVideo) -> int:
    number: int = call.fields["frame_index"]
    if number >= video.total_frames:
        text = f"must be less than the video's {video.total_frames} frames"
        raise invalid("frame_index", text, number)
    return number


def _points(call: DirectCall) -> list[Point]:
    return [(float(point["x"]), float(point["y"])) for point in call.fields["points"]]


def _add(call: DirectCall) -> str:
    """Return the reply's `data` as JSON: the masks of the frame, with the new points.

    Raises:
        Refusal: 400/1201, there is no such session or frame, or there would be too many points.
    """
    video = find_selection(call.fields, call.context)
    frame, points = _frame(call, video), _points(call)
    if len(video.frames.get(frame, ())) + len(points) > _MAX_POINTS:
        raise invalid(
            "points", f"must not be more than {_MAX_POINTS} in a frame, with earlier ones"
        )
    if frame not in video.frames and len(video.frames) == _MAX_FRAMES:
        raise invalid("frame_index", f"must be one of the {_MAX_FRAMES} frames that have points")
    call.charge()
    video.frames.setdefault(frame, []).extend(points)
    return _marked(call, video, frame)


def _delete(call: DirectCall) -> str:
    """Return the reply's `data` as JSON: the masks of the frame, without these points.

    Raises:
        Refusal: 400/1201, there is no such session or frame, or a point was not added.
    """
    video = find_selection(call.fields, call.context)
    frame = _frame(call, video)
    left = [*video.frames.get(frame, ())]
    for number, point in enumerate(_points(call)):
        if point not in left:
            raise invalid(f"points[{number}]", "must be a point that was added to the frame")
        left.remove(point)
    call.charge()
    video.frames[frame] = left
    if not left:
        del video.frames[frame]
    return _marked(call, video, frame)


def _discs(video: SelectedVideo, points: list[Point]) -> tuple[Disc, ...]:
    from kling_mock.kling.media.mask import Disc  # most servers never make a mask

    width, height = video.size
    radius = round(min(width, height) * _RADIUS)
    return tuple(Disc(round(x * width), round(y * height), radius) for x, y in points)


def _marked(call: DirectCall, video: SelectedVideo, frame: int) -> str:
    """Return the selection in a frame: one object, or none without points."""
    from kling_mock.kling.media.mask import Mask  # as above

    width, height = video.size
    masks: list[dict[str, object]] = []
    points = video.frames.get(frame)
    if points:
        mask = Mask(width, height, _discs(video, points))
        picture = base64.b64encode(mask.png().read()).decode()
        masks.append(
            {
                "object_id": 0,
                "rle_mask": {"size": [height, width], "counts": mask.counts()},
                "png_mask": {"size": [height, width], "base64": picture},
            }
        )
    selection = {"frame_index": frame, "rle_mask_list": masks}
    return _written(call.fields["session_id"], res=selection)


def _clear(call: DirectCall) -> str:
    """Return the reply's `data` as JSON.

    Raises:
        Refusal: 400/1201, there is no such session.
    """
    video = find_selection(call.fields, call.context)
    call.charge()
    video.frames.clear()
    return _written(call.fields["session_id"])


def _preview(call: DirectCall) -> str:
    """Return the reply's `data` as JSON: the URLs of the files.

    Raises:
        Refusal: 400/1201, there is no such session.
    """
    video = find_selection(call.fields, call.context)
    call.charge()
    first = video.frames[min(video.frames)] if video.frames else []
    cover = keep_file(call, CallFile("image", video.size, _discs(video, first)))
    files = {
        "video": _video(call, video),
        "video_cover": cover.url,
        "tracking_output": _video(call, video),
    }
    return _written(call.fields["session_id"], res=files)


_SESSION = Field("session_id", "string", required=True, fact=PAGE)
_POINTS = (
    _SESSION,
    Field("frame_index", "integer", required=True, low=0, fact=PAGE),
    Field(
        "points",
        "array",
        required=True,
        low=1,
        high=_MAX_POINTS,
        members=field_shape(
            *(Field(name, "number", required=True, low=0, high=1, fact=PAGE) for name in "xy")
        ),
        fact=PAGE,
    ),
)
_SHOWN_SESSION: Schema = {"type": "string", "pattern": "^[0-9]{18}$"}
_URL: Schema = {"type": "string", "format": "uri"}
_NUMBER: Schema = {"type": "integer", "minimum": 0}
_SIZE: Schema = {
    "type": "array",
    "items": _NUMBER,
    "minItems": 2,
    "maxItems": 2,
    "description": "Height and width in pixels.",
}
_COUNTS: Schema = {
    "type": "string",
    "description": "Run lengths by columns, in the compressed form of the COCO data set.",
}
_FRAME = closed(
    frame_index=_NUMBER,
    rle_mask_list={
        "type": "array",
        "items": closed(
            object_id=_NUMBER,
            rle_mask=closed(size=_SIZE, counts=_COUNTS),
            png_mask=closed(size=_SIZE, base64={"type": "string"}),
        ),
    },
)


def _reply_schema(**members: Schema) -> Schema:
    return closed(
        status={"const": 0},
        session_id=_SHOWN_SESSION,
        **members,
        final_unit_deduction={"type": "string"},
    )


_FREE = {
    ("", "none", "silent"): UnitPrice(
        Decimal(0),
        assumed("the response has a deduction, and no price list has the selection"),
        "call",
    )
}
_POINT = {"x": 0.5, "y": 0.5}


def _record(
    name: str,
    summary: str,
    fields: FieldShape,
    examples: Mapping[str, Any],
    reply: Any,
    schema: Schema,
    *behaviours: tuple[str, Any],
) -> EmulatedEndpoint:
    return EmulatedEndpoint(
        name=name,
        interface=V1,
        path=f"{_PATH}/{name}",
        fact=PAGE,
        summary=summary,
        fields=fields,
        examples=examples,
        prices=_FREE,
        reply=reply,
        reply_schema=schema,
        behaviours=behaviours,
    )


_MASKS = (
    "One object is selected in a frame: a disc around each of its points; no points, no object.",
    assumed("pictures are not analysed"),
)
_TOP_LEFT = (
    "0, 0 is the top left corner.",
    assumed("the page calls 0, 1 so, which contradicts its own masks", "pages-2026-09"),
)

RECORDS = (
    _record(
        "init-selection",
        "Begin to select parts of a video",
        field_shape(Field("video_id", "string", fact=PAGE), Field("video_url", "url", fact=PAGE)),
        {"url": {"video_url": f"{SITE}/pond.mp4"}, "result": {"video_id": VIDEO_ID}},
        _init,
        _reply_schema(
            fps={"type": "number"},
            original_duration={**_NUMBER, "description": "Milliseconds."},
            width=_NUMBER,
            height=_NUMBER,
            total_frame=_NUMBER,
            normalized_video=_URL,
        ),
        ("A video has 2 to 5 or 7 to 10 s; another one is 1201.", PAGE),
        (
            "What cannot be used is 1201, and `status` is always 0.",
            assumed("which videos get another status"),
        ),
        ("A session ends 24 hours after it was opened.", PAGE),
        (
            "A video that is given by its URL is 5 s long, in 1280x720 with 30 frames per second.",
            assumed("files are never fetched"),
        ),
    ),
    _record(
        "add-selection",
        "Select what is at points of a frame",
        field_shape(*_POINTS),
        {"point": {"session_id": SELECTION_ID, "frame_index": 1, "points": [_POINT]}},
        _add,
        _reply_schema(res=_FRAME),
        ("A frame has at most 10 points, and at most 10 frames have some.", PAGE),
        ("A point that is added twice counts twice.", assumed("what a repeated point means")),
        _MASKS,
        _TOP_LEFT,
    ),
    _record(
        "delete-selection",
        "Take points of a frame back",
        field_shape(*_POINTS),
        {"point": {"session_id": SELECTION_ID, "frame_index": 0, "points": [_POINT]}},
        _delete,
        _reply_schema(res=_FRAME),
        ("Only a point exactly as it was added can be taken back; another one is 1201.", PAGE),
        _MASKS,
    ),
    _record(
        "clear-selection",
        "Take all points back",
        field_shape(_SESSION),
        {"plain": {"session_id": SELECTION_ID}},
        _clear,
        _reply_schema(),
    ),
    _record(
        "preview-selection",
        "Show the selection over the whole video",
        field_shape(_SESSION),
        {"plain": {"session_id": SELECTION_ID}},
        _preview,
        _reply_schema(res=closed(video=_URL, video_cover=_URL, tracking_output=_URL)),
        (
            "Both videos show nothing of the selection; the cover is the mask of its first frame.",
            assumed("what these files are"),
        ),
        ("A selection without points has a preview.", assumed("whether it is refused")),
    ),
)
