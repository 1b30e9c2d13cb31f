"""`POST /relight/{model}`: a picture in another light."""

from __future__ import annotations

from typing import Final

from kling_sdk.facts.products.relight import PATH_MODELS, PATH_REQUEST

from kling_mock.kling.endpoints.example_parts import CALLBACK, IMAGE, SITE
from kling_mock.kling.endpoints.fields import fields_of
from kling_mock.kling.endpoints.model_path_contents import (
    ContentLimit,
    check_contents,
    shape_of_image,
)
from kling_mock.kling.endpoints.model_path_requests import flattened, seconds_of
from kling_mock.kling.endpoints.models import of_path
from kling_mock.kling.endpoints.prices import listed_prices
from kling_mock.kling.endpoints.record import CreateRequest, EmulatedEndpoint, listed_use
from kling_mock.kling.wire.model_path import MODEL_PATH

_LIMITS: Final = (
    ContentLimit("lamp_picture", "image", required=True),
    ContentLimit("backdrop", "video"),
)
_CAPABILITIES = of_path(PATH_MODELS, {}, "lamp_picture", "backdrop")


def _use(request: CreateRequest) -> str:
    backdrops = [item for item in request.fields["contents"] if item["type"] == "backdrop"]
    return listed_use(request, backdrop_video=backdrops)


RECORD = EmulatedEndpoint(
    name="model-path-relight",
    interface=MODEL_PATH,
    path=PATH_REQUEST.path,
    fact=PATH_REQUEST.fact,
    summary="Show a picture in another light",
    fields=fields_of(PATH_REQUEST),
    examples={
        "plain": {
            "contents": [
                {"type": "lamp_picture", "url": IMAGE},
                {"type": "backdrop", "url": f"{SITE}/sea.mp4"},
            ],
            "settings": {"lamp_mood": "Candles at dusk.", "resolution": "720p", "duration": 5},
            "options": {
                "callback_url": CALLBACK,
                "external_task_id": "relight-1",
                "watermark_info": {"enabled": True},
            },
        },
    },
    prepare=flattened(_CAPABILITIES, {}),
    rules=(check_contents(_LIMITS),),
    capabilities=_CAPABILITIES,
    fixed_seconds=seconds_of,
    aspect_ratio=shape_of_image("lamp_picture"),
    priced_as="relight",
    prices=listed_prices("relight", _CAPABILITIES),
    use=_use,
)
