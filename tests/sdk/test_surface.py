"""The public surface: names, signatures, pickling. Generated from what is exported."""

from __future__ import annotations

import inspect
import os
import pickle
import pkgutil
import re
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from operator import attrgetter
from pathlib import Path
from typing import Any

import attrs
import pytest

import kling_sdk
from kling_sdk import (
    ENDPOINTS,
    AnyTaskResource,
    AsyncAnyTaskResource,
    AsyncCallResource,
    AsyncKling,
    AsyncLibraryResource,
    AsyncTaskResource,
    CallResource,
    Kling,
    KlingError,
    LibraryResource,
    RequestValidationError,
    Task,
    TaskResource,
    TextToVideo,
)
from kling_sdk.client.attributes import _Attribute
from kling_sdk.endpoints import request_class
from kling_sdk.options import CALL_OPTIONS
from kling_sdk.wire.refusals import api_error
from tests.endpoints import body

TASK = Task(
    task_id="100000000000000001",
    status="succeed",
    external_task_id="mine",
    videos=(kling_sdk.Video("v", "https://cdn.example/v.mp4?sign=SECRET", Decimal(5)),),
    created_at=datetime(2026, 11, 1, tzinfo=UTC),
    raw={"task_id": "100000000000000001", "new_field": [1]},
)
PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + (400).to_bytes(4, "big") * 2 + b"\x08\x02\x00\x00\x00"
)

EXAMPLES: list[Any] = [
    TASK,
    *TASK.videos,
    kling_sdk.Page((TASK,), 1, 30),
    kling_sdk.ElementPage((kling_sdk.Element(1),), 1, 30),
    kling_sdk.Outcome(0, TASK),
    kling_sdk.Response(200, {"Date": "today"}, "req-1"),
    kling_sdk.Outcome(1, None, kling_sdk.TaskFailedError("no", TASK)),
    kling_sdk.Download(Path("a.mp4"), 1, "00"),
    kling_sdk.ResourcePack("n", "i", "t", "online", Decimal(1), None, None, None),
    kling_sdk.CallbackEvent(TASK, verified=True),
    kling_sdk.FaceSession("8", (kling_sdk.Face("0", "https://files.test/0.png", 0, 5000),)),
    kling_sdk.Face("-1"),
    kling_sdk.Speech((kling_sdk.Audio("7", "https://files.test/7.mp3", Decimal("1.2")),), "8"),
    kling_sdk.Audio("7", "https://files.test/7.mp3?sign=SECRET", None, "https://a.test/7.wav"),
    kling_sdk.RecognizedImage((kling_sdk.ImagePart("face_seg", url="https://files.test/0.png"),)),
    kling_sdk.ImagePart("cloth_seg"),
    kling_sdk.Selection("7", 0, Decimal(30), 5000, 1280, 720, 150, "https://files.test/0.mp4"),
    kling_sdk.FrameSelection("7", 0, 3, (kling_sdk.SelectionMask("0", 4, 3, "<", b"PNG"),)),
    kling_sdk.SelectionMask("0"),
    kling_sdk.ChargePage((kling_sdk.Charge("7", units=Decimal(1)),), "c", has_next=True),
    kling_sdk.Charge("7", amount=Decimal("0.7"), cash_type="balance"),
    kling_sdk.SelectionPreview("7", 0, "https://files.test/0.mp4"),
    kling_sdk.SelectionPoint(0.5, 0.25),
    kling_sdk.FaceChoice("0", 0, 3000, 500, audio_id="7"),
    kling_sdk.LipSyncInput("text2video", video_id="7", text="x"),
    kling_sdk.EffectInput(image="https://example.com/a.png"),
    *(
        request_class(name)(**body(name))
        for name, record in ENDPOINTS.items()
        if not record.method_of
    ),
    TextToVideo(prompt="x", camera_control=None, duration=10),
    kling_sdk.TextToVideo(
        prompt="x",
        model_name="kling-v1",
        camera_control={"type": "simple", "config": {"zoom": 5}},
    ),
    kling_sdk.ImageToVideo(
        image=PNG,
        model_name="kling-v1",
        dynamic_masks=[{"mask": PNG, "trajectories": [{"x": 1, "y": 2}, {"x": 3, "y": 4}]}],
    ),
    kling_sdk.OmniVideo(prompt="x", image_list=[PNG], element_list=[3]),
    kling_sdk.MultiImageToVideo(prompt="x", image_list=[PNG]),
    kling_sdk.Shot("x", 3),
    kling_sdk.CameraControl("simple", kling_sdk.CameraConfig(zoom=1)),
    kling_sdk.DynamicMask(PNG, (kling_sdk.Point(1, 2),)),
    kling_sdk.CameraConfig(zoom=1),
    kling_sdk.Point(1, 2),
    kling_sdk.Element(1, voice=kling_sdk.Voice("v")),
    kling_sdk.Voice("v", "Mara", "https://files.test/v.wav?sign=SECRET"),
    kling_sdk.ElementImages("https://example.com/a.png", ["https://example.com/b.png"]),
    kling_sdk.ElementVideos(["https://example.com/a.mp4"]),
    kling_sdk.OmniImage(PNG, "first_frame"),
    kling_sdk.OmniVideoReference("https://cdn.example/v.mp4"),
    kling_sdk.SubjectImage(PNG),
    kling_sdk.PictureOfSubject(PNG),
    kling_sdk.ReferenceImage(PNG),
    kling_sdk.Event("response", "GET", "/v1", status=200),
    kling_sdk.Options(),
    kling_sdk.Image("https://cdn.example/0.png?sign=SECRET", 0),
    kling_sdk.Reply(200, {}, b"{}"),
    kling_sdk.Subtitles("https://cdn.example/0.srt?sign=SECRET", "srt"),
    kling_sdk.GlossaryTerm("a", "b"),
    kling_sdk.PRICES[0],
    Kling("AK|SK").estimate(TextToVideo(prompt="x")),
]


def exported_classes() -> list[type]:
    return [
        value for name in kling_sdk.__all__ if isinstance(value := getattr(kling_sdk, name), type)
    ]


def error_examples() -> list[KlingError]:
    errors: list[KlingError] = [
        KlingError("plain").about(task_id="1"),
        kling_sdk.TransportError("reset", maybe_sent=False),
        kling_sdk.UnreachableError("cannot connect", maybe_sent=False),
        kling_sdk.NotCreatedError("nothing was created for this request"),
        kling_sdk.OutcomeUnknownError("unknown", external_task_id="mine"),
        kling_sdk.SpendingError("nothing was sent", units=Decimal(3)),
        kling_sdk.TaskFailedError("failed", TASK),
        kling_sdk.EmptyResultError("empty", TASK),
        kling_sdk.WaitTimeoutError("late", TASK),
        kling_sdk.WaitCancelledError("stopped", TASK),
        kling_sdk.RequestValidationError("prompt", "is missing", "text"),
        kling_sdk.CallbackVerificationError("forged"),
        kling_sdk.DownloadError("cut", http_status=206),
        kling_sdk.KlingAPIError("new", code=9999, http_status=418),
    ]
    for code in (1000, 1101, 1103, 1201, 1203, 1301, 1302, 1303, 1304, 5000):
        errors.append(
            api_error("words", code=code, http_status=400, request_id="r", retry_after=2.0)
        )
    errors.append(api_error("External_task_id mine already exists", code=1201, http_status=400))
    errors.append(api_error("Element 1 already be deleted", code=1201, http_status=400))
    errors.append(kling_sdk.ConflictError("used", http_status=409))
    errors.append(kling_sdk.RequestInProgressError("being sent", http_status=409, retry_after=2.0))
    return errors


def test_every_public_name_loads_and_is_listed_in_order() -> None:
    """`from kling_sdk import X` works for exactly the names that the package promises."""
    assert len(set(kling_sdk.__all__)) == len(kling_sdk.__all__)
    homes = kling_sdk._HOMES.values()
    assert {*kling_sdk.__all__, "__version__"} == {
        name for names in homes for name in names.split()
    }
    assert all(getattr(kling_sdk, name) is not None for name in kling_sdk.__all__)
    assert set(kling_sdk.__all__) <= set(dir(kling_sdk))
    with pytest.raises(AttributeError, match="no attribute 'Klong'"):
        kling_sdk.Klong  # noqa: B018 - that it is missing is the test


@pytest.mark.parametrize("value", EXAMPLES, ids=lambda value: type(value).__name__)
def test_every_result_and_request_survives_a_process_boundary(value: Any) -> None:
    """Results and requests can be sent to another process or put into a task queue."""
    again = pickle.loads(pickle.dumps(value))  # noqa: S301 - our own bytes
    if not isinstance(value, kling_sdk.Outcome):  # an error inside compares by identity
        assert again == value
    assert repr(again) == repr(value)
    if hasattr(value, "raw"):
        assert again.raw == value.raw


@pytest.mark.parametrize("error", error_examples(), ids=lambda error: type(error).__name__)
def test_every_error_survives_a_process_boundary(error: KlingError) -> None:
    """An error keeps its text, its class and all it carries when it is pickled."""
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert again.__dict__ == error.__dict__


def test_no_public_class_is_missing_from_the_pickle_examples() -> None:
    """A class that is added to the surface must be added to the tests above."""
    seen = {type(value) for value in [*EXAMPLES, *error_examples()]}
    held_by_clients = {
        TaskResource,
        AsyncTaskResource,
        CallResource,
        AsyncCallResource,
        LibraryResource,
        AsyncLibraryResource,
        kling_sdk.ElementLibraryResource,
        kling_sdk.AsyncElementLibraryResource,
        AnyTaskResource,
        AsyncAnyTaskResource,
        kling_sdk.AccountResource,
        kling_sdk.AsyncAccountResource,
        kling_sdk.Solutions,
        kling_sdk.AsyncSolutions,
    }
    bases_and_protocols = {kling_sdk.Request, kling_sdk.VideoRequest, kling_sdk.Clock}
    not_sent_anywhere = {
        Kling,
        AsyncKling,
        kling_sdk.CapabilityWarning,
        kling_sdk.EndpointRecord,
        *held_by_clients,
        *bases_and_protocols,
    }

    assert set(exported_classes()) - not_sent_anywhere == seen


def public_members(cls: type) -> dict[str, Any]:
    return {name: member for name, member in vars(cls).items() if not name.startswith("_")}


def shape(function: Any) -> list[tuple[str, Any, Any]]:
    raw = inspect.unwrap(function.__func__ if isinstance(function, classmethod) else function)
    return [(p.name, p.kind, p.default) for p in inspect.signature(raw).parameters.values()]


@pytest.mark.parametrize(
    ("sync", "twin"),
    [
        (Kling, AsyncKling),
        (TaskResource, AsyncTaskResource),
        (CallResource, AsyncCallResource),
        (LibraryResource, AsyncLibraryResource),
        (kling_sdk.ElementLibraryResource, kling_sdk.AsyncElementLibraryResource),
        (AnyTaskResource, AsyncAnyTaskResource),
        (kling_sdk.Solutions, kling_sdk.AsyncSolutions),
    ],
)
def test_the_twins_have_the_same_methods_with_the_same_parameters(sync: type, twin: type) -> None:
    """Code moves between the sync and the async client by adding `await`, nothing else."""
    assert public_members(sync).keys() == public_members(twin).keys()
    for name, member in public_members(sync).items():
        other = public_members(twin)[name]
        if isinstance(member, property):  # what it returns are twins, too
            assert isinstance(other, property)
        else:
            assert shape(member) == shape(other), name
    inits = (inspect.getattr_static(cls, "__init__") for cls in (sync, twin))
    assert len({tuple(shape(init)) for init in inits}) == 1


def test_the_twins_have_the_same_resources_with_the_requests_parameters() -> None:
    """`help(kling.text2video.create)` shows the endpoint's own parameters, for both clients."""
    sync, twin = Kling("a|b"), AsyncKling("a|b")
    names = {
        f"{before}{name}"
        for before, holder in (("", Kling), ("solutions.", kling_sdk.Solutions))
        for name in dir(holder)
        if isinstance(getattr(holder, name), _Attribute)
    }
    assert names == {
        endpoint.attribute for endpoint in ENDPOINTS.values() if not endpoint.method_of
    }
    for name in names:
        resource, other = attrgetter(name)(sync), attrgetter(name)(twin)
        fields = {field.name for field in attrs.fields(resource.request_class)}
        record = resource.record
        for method in ("create", "run") if record.returns is None else (record.sending_method,):
            signature = inspect.signature(getattr(resource, method))
            assert signature == inspect.signature(getattr(other, method))
            assert set(signature.parameters) == fields - record.not_taken | CALL_OPTIONS.keys()
            documented = getattr(resource, method).__doc__
            assert inspect.cleandoc(resource.request_class.__doc__) in documented
            is_long = re.search("(2500|1 to 200) characters", documented) is not None
            assert is_long is ("prompt" in fields) or record.solution is not None
            assert inspect.iscoroutinefunction(getattr(other, method))


def test_a_call_that_belongs_to_a_resource_is_a_method_of_it() -> None:
    """It has the parameters and the documentation of its request class, for both clients."""
    sync, twin = Kling("a|b"), AsyncKling("a|b")
    calls = [endpoint for endpoint in ENDPOINTS.values() if endpoint.method_of]
    assert len(calls) == 5
    for record in calls:
        method, other = (attrgetter(record.attribute)(client) for client in (sync, twin))
        cls = request_class(record.name)
        names = {field.name for field in attrs.fields(cls)}
        assert inspect.signature(method) == inspect.signature(other)
        parameters = set(inspect.signature(method).parameters)
        assert parameters == names - record.not_taken | CALL_OPTIONS.keys()
        assert inspect.signature(method).return_annotation is record.result_type
        assert inspect.cleandoc(cls.__doc__ or "") in method.__doc__
        assert f"kling.{record.method_of}.{method.__name__}".replace("-", "_") == (
            f"kling.{record.attribute}"
        )
        assert inspect.iscoroutinefunction(other)
        with pytest.raises(RequestValidationError, match=rf"call kling\.{record.attribute}\("):
            method("a")
        with pytest.raises(TypeError, match=rf"use kling\.{record.attribute}\(\.\.\.\)"):
            sync.submit(cls(**body(record.name)))


def test_importing_the_package_loads_no_optional_library() -> None:
    """`import kling_sdk` costs nothing for aiohttp, SQL or command-line libraries."""
    names = [f"kling_sdk.{module.name}" for module in pkgutil.iter_modules(kling_sdk.__path__)]
    code = (
        f"import sys\nfor name in {names!r}: __import__(name)\n"
        "import kling_sdk\nfor name in kling_sdk.__all__: getattr(kling_sdk, name)\n"
        "kling_sdk.Kling('a|b')\n"
        "unwanted = {'aiohttp', 'httpx2', 'sqlite3', 'asyncmy', 'asyncpg', 'rich', 'kling_mock',"
        " 'sqlalchemy', 'prometheus_client', 'uvloop', 'opentelemetry'}\n"
        "print(sorted(unwanted & set(sys.modules)))"
    )
    # Coverage, when it measures the tests, loads sqlite3 into every child it knows of.
    environment = {name: value for name, value in os.environ.items() if "COVERAGE" not in name}
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert answer.stdout.strip() == "[]"


def test_every_public_function_and_class_is_documented() -> None:
    """Every public name explains itself to `help()`."""
    for name in kling_sdk.__all__:
        value = getattr(kling_sdk, name)
        assert (inspect.getdoc(value) or "").strip(), name
        for member_name, member in public_members(value).items() if isinstance(value, type) else ():
            if inspect.isfunction(member):
                assert member.__doc__, f"{name}.{member_name}"


def test_reprs_show_no_secret_prompt_or_signature() -> None:
    """A repr that lands in a log by accident does not show anything private."""
    texts = [
        repr(TASK),
        repr(Kling("my-access-key|my-secret-key")),
        repr(Kling("my-access-key|my-secret-key")._settings.ctx.keys),
        repr(Kling(api_key="my-api-key")._settings),
        repr(TextToVideo(prompt="PRIVATE", callback_url="https://u:p@example.com/x?token=SECRET")),
        repr(
            kling_sdk.ImageToVideo(image="https://cdn.example/x.png?sign=SECRET", prompt="PRIVATE")
        ),
    ]
    for text in texts:
        for secret in ("SECRET", "PRIVATE", "my-secret-key", "my-api-key", "my-access-key", "u:p"):
            assert secret not in text


def test_a_client_refuses_to_be_pickled_with_its_keys() -> None:
    """Keys do not travel in a pickle by accident."""
    with pytest.raises(TypeError, match="secrets"):
        pickle.dumps(Kling("a|b")._settings.ctx.keys)


@pytest.mark.slow
def test_every_module_imports() -> None:
    """No room of the package depends on another having been imported first."""
    names = [module.name for module in pkgutil.walk_packages(kling_sdk.__path__, "kling_sdk.")]
    assert len(names) > 100
    assert imported_alone(names, []) == []


@pytest.mark.slow
def test_a_module_that_needs_another_first_is_named(tmp_path: Path) -> None:
    """Control: two modules, one of which uses what only the other one imports."""
    tmp_path.joinpath("first.py").write_text("import sys\nsys.ready = True\n")
    tmp_path.joinpath("second.py").write_text("import sys\nsys.ready\n")
    assert imported_alone(["first", "second", "first"], [str(tmp_path)]) == ["second"]


def imported_alone(names: list[str], path: list[str]) -> list[str]:
    """Return the modules that cannot be imported, each in a fork of a process without them."""
    program = """if True:
        import importlib, os, sys

        sys.path += sys.argv[1].split(os.pathsep)
        for name in sys.argv[2:]:
            child = os.fork()
            if child == 0:
                importlib.import_module(name)
                os._exit(0)
            if os.waitpid(child, 0)[1]:
                print(name)
                """
    done = subprocess.run(
        [sys.executable, "-c", program, os.pathsep.join(path), *names],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    return done.stdout.split()
