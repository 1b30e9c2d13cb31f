"""Facts of `solutions-virtual-try-on`: a person in other clothes, on the newer interface."""

from typing import Final

from kling_sdk.facts.fields import FieldFacts
from kling_sdk.facts.solutions import ContentFacts, SolutionFacts

REQUEST: Final = SolutionFacts(
    "/solutions/virtual_try_on",
    (ContentFacts("product_image", "url"), ContentFacts("person_image", "url")),
    (
        FieldFacts("keep_face", "boolean", default=True),
        FieldFacts("keep_pose", "boolean", default=True),
        FieldFacts("keep_background", "boolean", default=True),
    ),
)
