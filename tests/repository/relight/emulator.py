"""`relight`: a picture in another light."""

from __future__ import annotations

from kling_sdk.facts.products.relight import MODELS, REQUEST

from kling_mock.kling.endpoints.example_parts import CALLBACK, IMAGE, SITE
from kling_mock.kling.endpoints.fields import fields_of
from kling_mock.kling.endpoints.images import MAX_BYTES, inspect
from kling_mock.kling.endpoints.models import of_videos
from kling_mock.kling.endpoints.prices import listed_prices
from kling_mock.kling.endpoints.record import CreateRequest, EmulatedEndpoint
from kling_mock.kling.model.plan import nearest_aspect_ratio
from kling_mock.kling.wire.v1 import V1

_CAPABILITIES = of_videos(MODELS)


def _aspect_ratio(request: CreateRequest) -> str:
    noticed = request.context.reader.noticed
    size = inspect(request.fields["lamp_picture"], "lamp_picture", noticed, MAX_BYTES)
    return "16:9" if size is None else nearest_aspect_ratio(size.width, size.height)


RECORD = EmulatedEndpoint(
    name="relight",
    interface=V1,
    path=REQUEST.path,
    fact=REQUEST.fact,
    summary="Show a picture in another light",
    fields=fields_of(REQUEST),
    examples={
        "plain": {"lamp_picture": IMAGE, "lamp_mood": "Candles at dusk."},
        "all-fields": {
            "model_name": "kling-v2-6",
            "lamp_picture": IMAGE,
            "lamp_mood": "Candles at dusk.",
            "backdrop_video": f"{SITE}/sea.mp4",
            "mode": "pro",
            "duration": "5",
            "watermark_info": {"enabled": True},
            "callback_url": CALLBACK,
            "external_task_id": "relight-1",
        },
    },
    capabilities=_CAPABILITIES,
    default_model="kling-v2-6",
    default_mode="std",
    aspect_ratio=_aspect_ratio,
    prices=listed_prices("relight", _CAPABILITIES),
)
