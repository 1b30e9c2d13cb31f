"""Behaviours of the emulated Kling on every endpoint, and how far Kling is known to share them.

Each row of a record carries its own origin; this module has the behaviours outside the records.
"""

from __future__ import annotations

from kling_mock.kling.callbacks import queue as callbacks
from kling_mock.kling.endpoints import images, typical_times
from kling_mock.kling.http.exchange import MAX_BODY
from kling_mock.kling.media import urls as media_urls
from kling_mock.kling.model import accounts, admission, content, packs, tasks
from kling_mock.kling.wire import model_path, model_path_schemas, v1_schemas
from kling_mock.kling.wire import v1 as wire
from kling_mock.web.facts import Behaviour, assumed, documented, observed
from kling_sdk.facts.media import IMAGE_RATIO, IMAGE_SIDE

_WIRE = observed("wire", "probe-2026-09", as_of="2026-09-22", confidence="high")
_PROBE = observed("probe-2026-09", as_of="2026-09-22")
_CLIENTS = observed("clients", as_of="2026-08-01", confidence="high")
_PAGES = documented("pages-2026-04", "pages-2026-09", as_of="2026-09-20")
_OLD = documented("pages-2026-04", "digest-2026-01", as_of="2026-04-01")

_AUTH = "Authentication"
_REQUEST = "Requests"
_RULES = "Rules between fields"
_REPLY = "Replies"
_LIST = "Lists"
_LIFE = "Course of a task"
_RESULT = "Results"
_ACCOUNT = "Accounts and packs"
_CALLBACK = "Callbacks"

BEHAVIOURS: tuple[Behaviour, ...] = (
    Behaviour(
        _AUTH,
        "A bearer token is a JWT (HS256) with `iss`, `exp` and `nbf`; too early is 1003, too "
        "late 1004, without tolerance.",
        accounts.FACT,
    ),
    Behaviour(
        _AUTH,
        "A static API key is valid wherever a token is.",
        documented("pages-2026-09", "probe-2026-09", as_of="2026-09-22"),
    ),
    Behaviour(
        _AUTH,
        "A credential without three parts is 1002, with the count of its parts.",
        _PROBE,
    ),
    Behaviour(
        _AUTH,
        "The model-path interface takes API keys only: a token of a key pair, or anything else, is "
        "1002.",
        observed(
            "probe-2026-09",
            "pages-2026-09",
            as_of="2026-09-22",
            confidence="high",
            note="the pages say that key pairs are for /v1; the refusal was seen",
        ),
    ),
    Behaviour(
        _AUTH,
        "A token of an unknown key or with a wrong signature is 1000; one without `exp`, or that "
        "is not a JWT, is 1002.",
        assumed("which code belongs to which defect of a token"),
    ),
    Behaviour(
        _AUTH,
        "The path is judged first, then the body's size, then the credential, then the body.",
        assumed("the order in which several defects are found"),
    ),
    Behaviour(
        _REQUEST,
        "A key that the endpoint does not know is ignored, and so is the old name `model`; the "
        "response's header `x-kling-mock-note` and the journal name it.",
        _CLIENTS,
    ),
    Behaviour(
        _REQUEST,
        "`cfg_scale` is ignored by models that do not support it.",
        observed("clients", as_of="2026-08-01", note="three clients send it with every request"),
    ),
    Behaviour(
        _REQUEST,
        '`null` and `""` count as not given, also of keys that are not known; not as an item of a '
        "list.",
        assumed("the vendor's own samples send empty strings", "pages-2026-04"),
    ),
    Behaviour(
        _REQUEST,
        "A number is accepted for a string and the reverse, and the string `true` for true; a "
        "boolean for a string, and an object for anything else, are refused with 1201.",
        observed(
            "clients",
            as_of="2026-08-01",
            confidence="medium",
            note="seen of `duration`, `n`, `multi_shot` and `sound`; of other fields assumed",
        ),
    ),
    Behaviour(
        _REQUEST,
        "If a key is given twice, the last one counts.",
        assumed("how repeated keys are read"),
    ),
    Behaviour(
        _REQUEST,
        "A body that is not a JSON object is 1200; the `Content-Type` header is ignored.",
        assumed("which code a body that is not JSON gets"),
    ),
    Behaviour(
        _REQUEST,
        f"A body of more than {MAX_BODY >> 20} MiB is 413 with 1200.",
        assumed("the vendor names no limit; eight images of 10 MB fit"),
    ),
    Behaviour(
        _REQUEST,
        "An unknown model is 1201, and so is one that only another endpoint serves.",
        observed(
            "clients",
            as_of="2026-08-01",
            confidence="high",
            note="one prober saw 1203 for retired models in 2026-09",
        ),
    ),
    Behaviour(
        _REQUEST,
        "An unknown path is 404 with a body of the web framework's own, without an envelope.",
        observed("clients", as_of="2026-08-01", note="the body is a sample of 2025-06"),
    ),
    Behaviour(
        _REQUEST,
        f"An image in base64 is a jpg or png of at most {images.MAX_BYTES >> 20} MB and at least "
        f"{IMAGE_SIDE} pixels a side, with a ratio from 1:{IMAGE_RATIO} to "
        f"{IMAGE_RATIO}:1; 50 MB on the model-path interface. URLs are not fetched.",
        images.FACT,
    ),
    Behaviour(
        _REQUEST,
        "A picture that is too small fails the task later.",
        observed(
            "wire",
            as_of="2026-08-01",
            note="since the middle of 2026; a refusal before that. That on the model-path "
            "interface, too, is assumed",
        ),
    ),
    Behaviour(
        _REQUEST,
        "A file that cannot be fetched fails the task later; here that is one whose host ends in "
        "`.invalid`.",
        observed(
            "probe-2026-10",
            as_of="2026-09-28",
            note="seen once, on the model-path interface; on /v1 assumed",
        ),
    ),
    Behaviour(
        _REQUEST,
        "On the model-path interface unknown keys beside `prompt`, `contents`, `settings` and "
        "`options` are ignored, and so is a `callback_url` there.",
        observed("probe-2026-10", as_of="2026-10-07", note="of keys inside these it is assumed"),
    ),
    Behaviour(
        _REQUEST,
        "Empty segments of a path are left out, as in `/v1/videos/text2video//{id}`.",
        assumed("a client of a partner sends such a path, and nobody complains"),
    ),
    Behaviour(
        _REQUEST,
        "kling-v2-1-master accepts `sound`, `multi_shot`, `element_list` and `voice_list` on "
        "image2video and does not use them.",
        observed(
            "clients", as_of="2026-08-21", note="one account; that they do nothing is assumed"
        ),
    ),
    Behaviour(
        _REQUEST,
        "On the model-path interface `duration` is not checked at create, but for kling-o1 with a "
        "first frame alone; one that the model cannot make fails the task later.",
        observed(
            "probe-2026-10",
            as_of="2026-10-07",
            note="that 0, 1, 20 and text pass was seen; what the job then does is assumed",
        ),
    ),
    Behaviour(
        _REQUEST,
        "A voice or element that was deleted, or that another account has, is refused where a "
        "request names it.",
        observed(
            "probe-2026-10",
            as_of="2026-10-07",
            note="`Element id not found: 1` was seen on the model-path interface, of an id that "
            "the account does not have; the rest is assumed",
        ),
    ),
    Behaviour(
        _REQUEST,
        "An id of a voice or element that no library of this server has is accepted, with a note "
        "of "
        'the kind assumed; `ignored_fields="refuse"` refuses it as the real service does.',
        assumed("tests name ids of their own; the real service knows those of the account only"),
    ),
    Behaviour(
        _REQUEST,
        "An item of `contents` of a type that only other products have is ignored; one that only "
        "other models have is refused.",
        assumed(
            "seen of image and video on omni-video, which are ignored, and of audio modes, which "
            "are refused",
            "probe-2026-10",
        ),
    ),
    Behaviour(
        _REQUEST,
        "What was seen retired is served, with a note; `mock.retired` refuses it.",
        assumed("the code of the refusals, 1201, and what /v1 keeps until when"),
    ),
    Behaviour(_RULES, "The durations of own shots add up to `duration`.", _PAGES),
    Behaviour(
        _RULES,
        "A mode given to a model without modes is ignored if it is std or pro.",
        assumed("the pages call `mode` not applicable there", "pages-2026-04"),
    ),
    Behaviour(
        _REPLY,
        "Every response except that to an unknown path is the envelope; a refusal has no `data`.",
        wire.ENVELOPE,
    ),
    Behaviour(_REPLY, "A task has the members that the pages list; times are ms.", wire.TASK),
    Behaviour(
        _REPLY,
        "A failed task has an empty `task_info` and `task_result`; the query is a success.",
        wire.FAILED,
    ),
    Behaviour(_REPLY, "Ids are 18 decimal digits, and grow.", tasks.IDS),
    Behaviour(_REPLY, "An unknown id is 400 with 1201, never 404.", _WIRE),
    Behaviour(_REPLY, "An `external_task_id` can be used once per account.", tasks.EXTERNAL_IDS),
    Behaviour(
        _REPLY,
        "On /v1 a task is found on its own endpoint only.",
        assumed("whether one endpoint shows the tasks of another"),
    ),
    Behaviour(
        _REPLY,
        "A task of the model-path interface has `id`, `status`, `message`, `create_time` and "
        "`update_time`, and `external_id` if one was given.",
        model_path.TASK,
    ),
    Behaviour(
        _REPLY,
        "It has `outputs` once it has succeeded, and `billing` once it has ended.",
        model_path.UNFINISHED,
    ),
    Behaviour(
        _REPLY,
        "A success is billed by unit, amount and kind of pack; a failure has the amount 0 alone.",
        model_path.BILLING,
    ),
    Behaviour(
        _REPLY,
        "The `duration` of a video is 0.041 seconds more than was requested.",
        model_path.DURATION,
    ),
    Behaviour(
        _REPLY,
        "The text of a refusal names the field and what it must be.",
        assumed("the text after what was seen"),
    ),
    Behaviour(_LIST, "Pages of 1 to 500 tasks, 30 by default, without a total.", v1_schemas.PAGES),
    Behaviour(_LIST, "The newest task comes first.", assumed("the order of a list")),
    Behaviour(
        _LIST,
        "`GET /tasks` returns up to 20 tasks of both interfaces by their ids, in the order of the "
        "query; unknown ids are left out.",
        model_path_schemas.BY_IDS,
    ),
    Behaviour(
        _LIST,
        "21 ids, ids of both kinds and none at all are 1201.",
        observed(
            "probe-2026-09",
            "probe-2026-10",
            as_of="2026-10-07",
            note="that both kinds exclude each other is documented",
        ),
    ),
    Behaviour(
        _LIST,
        "A page number or size out of range is 1201; a page behind the end is empty.",
        assumed("what a page out of range gives"),
    ),
    Behaviour(
        _LIST,
        f"A task that ended more than {tasks.KEPT_SECONDS // 60} minutes ago is forgotten once "
        f"{tasks.KEPT:,} newer ones have ended.",
        assumed("the real service still lists tasks after months", "probe-2026-09"),
    ),
    Behaviour(_LIFE, "submitted, processing, then succeed or failed, which never changes.", _PAGES),
    Behaviour(_LIFE, "How long a task takes.", typical_times.FACT),
    Behaviour(
        _LIFE,
        "Units are taken when a task ends; a failed one costs none.",
        documented("digest-2026-01", "probe-2026-09", as_of="2026-09-22", confidence="medium"),
    ),
    Behaviour(_RESULT, "A result can be downloaded for 30 days.", media_urls.RETENTION),
    Behaviour(_RESULT, "Where results are served from.", media_urls.PATHS),
    Behaviour(
        _RESULT,
        "After 30 days the URL gives 404.",
        assumed("what an expired URL gives"),
    ),
    Behaviour(
        _RESULT,
        "A clip has the ratio of its first image, and 16:9 if that is a URL.",
        assumed("images behind URLs are never fetched"),
    ),
    Behaviour(
        _RESULT,
        "A result has 24 frames a second where no page gives a rate.",
        assumed("frame rates of kling-v3, omni-video and multi-image2video"),
    ),
    Behaviour(_AUTH, "A disabled key is refused with 1000.", accounts.DISABLED_KEY),
    Behaviour(
        _ACCOUNT,
        "A call is checked for address, state of the account and rate; a task for permission, "
        "arrears, balance and slots, in this order.",
        admission.ORDER,
    ),
    Behaviour(_ACCOUNT, "A pack is toBeOnline, online, runOut or expired.", packs.STATUSES),
    Behaviour(_ACCOUNT, "Units are taken from packs when a task succeeds.", packs.DEDUCTION),
    Behaviour(_ACCOUNT, "Open tasks count against the balance.", packs.BALANCE),
    Behaviour(
        _ACCOUNT,
        "The content review refuses a create request, or fails the task later.",
        content.FACT,
    ),
    Behaviour(_CALLBACK, "Every change of status is reported.", callbacks.TRIGGERS),
    Behaviour(_CALLBACK, "A report has the members of a task, without an envelope.", wire.REPORT),
    Behaviour(
        _CALLBACK,
        "The path of the create request decides which form a report has.",
        documented(
            "pages-2026-09",
            as_of="2026-09-20",
            confidence="medium",
            note="one place says by path, another by model",
        ),
    ),
    Behaviour(
        _CALLBACK,
        "Reports of the model-path interface are tasks as queries show them.",
        model_path.REPORT,
    ),
    Behaviour(
        _CALLBACK,
        "There is no call for a test report.",
        assumed("the pages mention one; its path is not known", "pages-2026-09"),
    ),
    Behaviour(_CALLBACK, "A report is repeated after 10, 30 and 60 seconds.", callbacks.RETRIES),
    Behaviour(_CALLBACK, "Any 2xx response is a success.", callbacks.SUCCESS),
    Behaviour(_CALLBACK, "A receiver has 5 seconds for its response.", callbacks.TIMEOUT),
    Behaviour(_CALLBACK, "Reports are signed after Standard Webhooks.", callbacks.SIGNED),
    Behaviour(_CALLBACK, "Those of /v1 are signed, too.", callbacks.SIGNED_V1),
    Behaviour(
        _CALLBACK,
        "A replaced webhook secret goes on signing for 7 days.",
        accounts.ROTATION,
    ),
)
