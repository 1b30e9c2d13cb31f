"""Facts of `legacy-elements`: an element of the older library, made at once."""

from typing import Final

from kling_sdk.facts.elements import TAGS
from kling_sdk.facts.fields import FieldFacts, RequestFacts
from kling_sdk.facts.sources import Fact

#: The older library of elements: two copies of its page, and clients that call it. No page of
#: 2026-09 has it, and nobody was seen to call it since.
OLDER: Final = Fact(
    "documented", ("pages-2026-04", "clients"), "2026-04-01", "medium", "no page of 2026-09 has it"
)

REQUEST: Final = RequestFacts(
    "/v1/general/custom-elements",
    OLDER,
    (
        FieldFacts("element_name", "string", required=True, high=20),
        FieldFacts("element_description", "string", required=True, high=100, private=True),
        FieldFacts("element_frontal_image", "image", required=True),
        FieldFacts(
            "element_refer_list",
            "array",
            required=True,
            low=1,
            high=3,
            members=(FieldFacts("image_url", "image", required=True),),
        ),
        TAGS,
    ),
)
