"""`Kling` and `AsyncKling`: thin twins. Their decisions stand in `kling_sdk.flows`.

A client is cheap to hold and meant to be shared: one per process and account, used from
any number of threads (`Kling`) or tasks (`AsyncKling`). Connections open on first use.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from decimal import Decimal
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, Unpack

from kling_sdk import operations
from kling_sdk.attributes import resource
from kling_sdk.client_base import ClientBase
from kling_sdk.downloads import AsyncDownloads, Downloads
from kling_sdk.resources import call_options, wait_options
from kling_sdk.results import Outcome, Task
from kling_sdk.runner import AsyncRunner, Shared, SyncRunner, async_transport, sync_transport
from kling_sdk.settings import ClientSettings, settings_from
from kling_sdk.transports import Clock

if TYPE_CHECKING:
    from kling_sdk import _signatures as typed
    from kling_sdk._signatures import OptionOverrides
    from kling_sdk.account import AccountResource, AsyncAccountResource
    from kling_sdk.endpoints.base import Request
    from kling_sdk.solutions import AsyncSolutions, Solutions
    from kling_sdk.tasks import AnyTaskResource, AsyncAnyTaskResource
    from kling_sdk.wire import Reply

__all__ = ["AsyncKling", "Kling"]


class Kling(ClientBase, Downloads):
    """A client of the Kling AI video API.

    Example:
        ```python
        with Kling("AK|SK") as kling:
            task = kling.text2video.run(prompt="a kitten on the grass", duration=5)
            kling.download(task.videos[0], "kitten.mp4")
        ```

    Attributes:
        text2video: Videos from a prompt.
        image2video: Videos from a picture.
        omni_video: Videos from a prompt, pictures, elements and a video.
        multi_image2video: Videos from pictures of several subjects.
        video_extend: Videos made longer.
        image_generation: Pictures from a prompt or a picture.
        omni_image: Pictures from a prompt, pictures and elements; also series.
        multi_image2image: Pictures from pictures of several subjects.
        image_expand: Pictures continued beyond their edges.
        virtual_try_on: A person in other clothes.
        motion_control: Videos of a picture that moves as a video does.
        effects: Videos of an effect with the people in pictures.
        avatar: Videos of a person in a picture who speaks.
        lip_sync: Videos whose mouth moves to a text or a sound.
        advanced_lip_sync: The same for a face that `identify_face` has found.
        identify_face: The faces of a video, at once.
        text_to_audio: Sounds from a prompt.
        video_to_audio: Sounds for a video, and the video with them.
        tts: A text that is spoken, at once.
        voices: Voices of your own, and the vendor's, for videos that speak.
        elements: People and things that videos and pictures can show again.
        ai_multi_shot: Views of an element from other sides.
        multi_elements: Videos in which something is added, exchanged or removed.
        recognize_image: Where a picture has an object, a head, a face and clothes, at once.
    """

    _open_transport = staticmethod(sync_transport)

    text2video: typed.TextToVideoResource = resource("text2video")
    image2video: typed.ImageToVideoResource = resource("image2video")
    omni_video: typed.OmniVideoResource = resource("omni-video")
    multi_image2video: typed.MultiImageToVideoResource = resource("multi-image2video")
    video_extend: typed.VideoExtendResource = resource("video-extend")
    image_generation: typed.ImageGenerationResource = resource("image-generation")
    omni_image: typed.OmniImageGenerationResource = resource("omni-image")
    multi_image2image: typed.MultiImageToImageResource = resource("multi-image2image")
    image_expand: typed.ImageExpandResource = resource("image-expand")
    virtual_try_on: typed.VirtualTryOnResource = resource("virtual-try-on")
    motion_control: typed.MotionControlResource = resource("motion-control")
    effects: typed.VideoEffectsResource = resource("effects")
    avatar: typed.AvatarResource = resource("avatar")
    lip_sync: typed.LipSyncResource = resource("lip-sync")
    advanced_lip_sync: typed.AdvancedLipSyncResource = resource("advanced-lip-sync")
    identify_face: typed.IdentifyFaceResource = resource("identify-face")
    text_to_audio: typed.TextToAudioResource = resource("text-to-audio")
    video_to_audio: typed.VideoToAudioResource = resource("video-to-audio")
    tts: typed.TextToSpeechResource = resource("tts")
    voices: typed.CustomVoiceResource = resource("voices")
    elements: typed.CustomElementResource = resource("elements")
    ai_multi_shot: typed.AiMultiShotResource = resource("ai-multi-shot")
    multi_elements: typed.MultiElementsResource = resource("multi-elements")
    recognize_image: typed.RecognizeImageResource = resource("recognize-image")

    def __init__(
        self,
        key: str | None = None,
        *,
        access_key: str | None = None,
        secret_key: str | None = None,
        api_key: str | None = None,
        base_url: str | None = None,
        region: Literal["global", "cn"] | None = None,
        http_client: Any = None,
        trust_env: bool = True,
        ssl_context: ssl.SSLContext | None = None,
        clock: Clock | None = None,
        **options: Unpack[OptionOverrides],
    ) -> None:
        """Make a client. Nothing is opened or sent yet.

        Args:
            key: `AK|SK` or an API key; several of the same account, one per line, are tried
                in turn when the server refuses one, and the first that the interface takes is
                used. Without any key the environment is read: `KLING_ACCESS_KEY` and
                `KLING_SECRET_KEY`, `KLING_API_KEY`, or all three, which must be of one account.
            access_key: Access key, with *secret_key*.
            secret_key: Secret key.
            api_key: Static API key.
            base_url: Where the API is; None takes `KLING_BASE_URL`, or the server of *region*.
            region: The vendor's server: `global` is `https://api-singapore.klingai.com`, `cn`
                (for accounts in China) is `https://api-beijing.klingai.com`. None takes
                `KLING_REGION`, or `global`. Not together with *base_url*.
            http_client: A client of httpx or httpx2 to use; it stays yours to close.
            trust_env: False to connect directly, although `HTTP_PROXY`, `HTTPS_PROXY` or
                `ALL_PROXY` is set. An *http_client* keeps its own setting.
            ssl_context: Which certificates are trusted, and a client certificate if there is one;
                None trusts the authorities of `certifi`, or those that `SSL_CERT_FILE` names. An
                *http_client* keeps its own setting.
            clock: Where the time comes from; None takes the system's.
            **options: See `Options`.

        Raises:
            ValueError: no key was given or found, or a value makes no sense.
        """
        settings = settings_from(
            os.environ,
            key,
            access_key,
            secret_key,
            api_key,
            base_url,
            clock,
            options,
            region=region,
        )
        self._connect(settings, http_client, trust_env=trust_env, ssl_context=ssl_context)

    def _set_up(self, settings: ClientSettings, shared: Shared) -> None:
        super()._set_up(settings, shared)
        self._runner = SyncRunner(settings, shared)

    @property
    def tasks(self) -> AnyTaskResource:
        """Tasks of any product."""
        from kling_sdk.tasks import AnyTaskResource  # most programs ask an endpoint

        return AnyTaskResource(self._runner)

    @property
    def solutions(self) -> Solutions:
        """Ready-made products, such as a video in which a person presents goods. Beta."""
        from kling_sdk.solutions import Solutions  # few programs use them

        return Solutions(self._runner)

    @property
    def account(self) -> AccountResource:
        """What the account has, and what it was charged."""
        from kling_sdk.account import AccountResource  # few programs ask for it

        return AccountResource(self._runner)

    def submit(
        self,
        request: Request,
        *,
        timeout: float | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> Task:
        """Create a task from a request of any endpoint; see `TaskResource.submit`.

        Args:
            request: The request, such as `TextToVideo(prompt="...")`.
            timeout: Seconds one attempt may take; None takes the client's.
            extra_headers: Further headers; see `Options.extra_headers`. None takes the client's.
        """
        options = call_options(timeout=timeout, extra_headers=extra_headers)
        return self._runner.run(operations.submit(request), **options)

    def wait_all(
        self, tasks: Iterable[Task | str], *, timeout: float | None = None
    ) -> list[Outcome]:
        """Wait for tasks of any endpoints; return how each ended, in the order given.

        Args:
            tasks: The tasks, as `create` returned them, or their task ids or external ids. For
                a bare id the endpoints are asked in turn until one knows it, at most one
                request for each; a relay needs one.
            timeout: Seconds to wait; None takes the client's `wait_timeout`.
        """
        work = operations.wait_many("wait_all", tasks)
        return sorted(self._runner.stream(work, **wait_options(timeout)), key=_place)

    def as_completed(
        self, tasks: Iterable[Task | str], *, timeout: float | None = None
    ) -> Iterator[Outcome]:
        """Yield how each task ended, as it ends; see `wait_all`."""
        work = operations.wait_many("as_completed", tasks)
        return self._runner.stream(work, **wait_options(timeout))

    def run_many(
        self,
        requests: Iterable[Request],
        *,
        max_concurrent: int | None = None,
        timeout: float | None = None,
        on_update: Callable[[Task], object] | None = None,
        max_units: Decimal | int | None = None,
    ) -> Iterator[Outcome]:
        """Create a task per request, as slots allow, and yield how each ended, as it ends.

        Creates run at the same time, in threads of their own, and tasks are watched meanwhile.
        After a refusal that holds for the whole account (no units, a refused key) nothing more
        is created; tasks that were created are watched to their end. Every request that was
        taken has one outcome: a task, or the error that says what became of it;
        `NotCreatedError` means that nothing was created for it.

        Args:
            requests: Requests of any endpoints. A request is taken when a slot is free for it;
                while the number of slots is not known, up to 8 are on their way at once. When
                nothing more is created, a collection's other requests end as `NotCreatedError`,
                and an iterator is not read any further.
            max_concurrent: Most tasks that are open or being created; None learns it from the
                server's 1303.
            timeout: Seconds the whole call may take; None sets no limit. A task that has not
                ended then is an outcome with `WaitTimeoutError`, after a last look, and goes on.
                That look, and finding out about a create whose answer was lost, may take longer
                by the client's `timeout` (30 s).
            on_update: Called with the task whenever its status has changed; what it raises is
                logged.
            max_units: Most units that all requests together may cost, by their estimates; the
                first request that does not fit ends the creating. None sets no limit.
        """
        work = operations.run_many(requests, max_concurrent, timeout, max_units, reads_async=False)
        return self._runner.stream(work, **wait_options(None, on_update))

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, Any] | Sequence[Any] | None = None,
        params: Mapping[str, str | int] | None = None,
    ) -> Any:
        """Call what this package does not wrap, signed; return the reply's payload.

        A GET is repeated as `get` is; anything else is sent once.

        Args:
            method: HTTP method.
            path: Path under the base URL, such as `/v1/videos/lip-sync`.
            json: Body.
            params: Query parameters.
        """
        return self._runner.run(operations.request(method, path, json, params))

    def request_raw(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, Any] | Sequence[Any] | None = None,
        params: Mapping[str, str | int] | None = None,
    ) -> Reply:
        """Call once and return status, headers and body as they came; see `request`."""
        return self._runner.run(operations.raw_request(method, path, json, params))

    def close(self) -> None:
        """Close what this client opened. Copies made by `with_options` close with it."""
        if (transport := self._shared.close()) is not None:
            transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class AsyncKling(ClientBase, AsyncDownloads):
    """The async twin of `Kling`: the same names, awaited.

    Example:
        ```python
        async with AsyncKling("AK|SK") as kling:
            task = await kling.text2video.run(prompt="a kitten on the grass", duration=5)
            await kling.download(task.videos[0], "kitten.mp4")
        ```
    """

    _open_transport = staticmethod(async_transport)

    text2video: typed.AsyncTextToVideoResource = resource("text2video")
    image2video: typed.AsyncImageToVideoResource = resource("image2video")
    omni_video: typed.AsyncOmniVideoResource = resource("omni-video")
    multi_image2video: typed.AsyncMultiImageToVideoResource = resource("multi-image2video")
    video_extend: typed.AsyncVideoExtendResource = resource("video-extend")
    image_generation: typed.AsyncImageGenerationResource = resource("image-generation")
    omni_image: typed.AsyncOmniImageGenerationResource = resource("omni-image")
    multi_image2image: typed.AsyncMultiImageToImageResource = resource("multi-image2image")
    image_expand: typed.AsyncImageExpandResource = resource("image-expand")
    virtual_try_on: typed.AsyncVirtualTryOnResource = resource("virtual-try-on")
    motion_control: typed.AsyncMotionControlResource = resource("motion-control")
    effects: typed.AsyncVideoEffectsResource = resource("effects")
    avatar: typed.AsyncAvatarResource = resource("avatar")
    lip_sync: typed.AsyncLipSyncResource = resource("lip-sync")
    advanced_lip_sync: typed.AsyncAdvancedLipSyncResource = resource("advanced-lip-sync")
    identify_face: typed.AsyncIdentifyFaceResource = resource("identify-face")
    text_to_audio: typed.AsyncTextToAudioResource = resource("text-to-audio")
    video_to_audio: typed.AsyncVideoToAudioResource = resource("video-to-audio")
    tts: typed.AsyncTextToSpeechResource = resource("tts")
    voices: typed.AsyncCustomVoiceResource = resource("voices")
    elements: typed.AsyncCustomElementResource = resource("elements")
    ai_multi_shot: typed.AsyncAiMultiShotResource = resource("ai-multi-shot")
    multi_elements: typed.AsyncMultiElementsResource = resource("multi-elements")
    recognize_image: typed.AsyncRecognizeImageResource = resource("recognize-image")

    def __init__(
        self,
        key: str | None = None,
        *,
        access_key: str | None = None,
        secret_key: str | None = None,
        api_key: str | None = None,
        base_url: str | None = None,
        region: Literal["global", "cn"] | None = None,
        http_client: Any = None,
        trust_env: bool = True,
        ssl_context: ssl.SSLContext | None = None,
        clock: Clock | None = None,
        **options: Unpack[OptionOverrides],
    ) -> None:
        """Make a client; see `Kling`. *http_client* may be an `aiohttp.ClientSession` too."""
        settings = settings_from(
            os.environ,
            key,
            access_key,
            secret_key,
            api_key,
            base_url,
            clock,
            options,
            region=region,
        )
        self._connect(settings, http_client, trust_env=trust_env, ssl_context=ssl_context)

    def _set_up(self, settings: ClientSettings, shared: Shared) -> None:
        super()._set_up(settings, shared)
        self._runner = AsyncRunner(settings, shared)

    @property
    def tasks(self) -> AsyncAnyTaskResource:
        """Tasks of any product; see `Kling.tasks`."""
        from kling_sdk.tasks import AsyncAnyTaskResource  # as above

        return AsyncAnyTaskResource(self._runner)

    @property
    def solutions(self) -> AsyncSolutions:
        """Ready-made products, such as a video in which a person presents goods. Beta."""
        from kling_sdk.solutions import AsyncSolutions  # few programs use them

        return AsyncSolutions(self._runner)

    @property
    def account(self) -> AsyncAccountResource:
        """What the account has, and what it was charged; see `Kling.account`."""
        from kling_sdk.account import AsyncAccountResource  # as above

        return AsyncAccountResource(self._runner)

    async def submit(
        self,
        request: Request,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - the twin's parameter; it bounds attempts
        extra_headers: Mapping[str, str] | None = None,
    ) -> Task:
        """Create a task from a request of any endpoint; see `Kling.submit`."""
        options = call_options(timeout=timeout, extra_headers=extra_headers)
        return await self._runner.run(operations.submit(request), **options)

    async def wait_all(
        self,
        tasks: Iterable[Task | str],
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - the twin's parameter; it bounds polls
    ) -> list[Outcome]:
        """Wait for tasks of any endpoints; see `Kling.wait_all`."""
        work = operations.wait_many("wait_all", tasks)
        outcomes = self._runner.stream(work, **wait_options(timeout))
        return sorted([item async for item in outcomes], key=_place)

    def as_completed(
        self, tasks: Iterable[Task | str], *, timeout: float | None = None
    ) -> AsyncIterator[Outcome]:
        """Yield how each task ended, as it ends; see `Kling.as_completed`."""
        work = operations.wait_many("as_completed", tasks)
        return self._runner.stream(work, **wait_options(timeout))

    def run_many(
        self,
        requests: Iterable[Request] | AsyncIterable[Request],
        *,
        max_concurrent: int | None = None,
        timeout: float | None = None,
        on_update: Callable[[Task], object] | None = None,
        max_units: Decimal | int | None = None,
    ) -> AsyncIterator[Outcome]:
        """Create a task per request and yield how each ended; see `Kling.run_many`.

        *requests* may be an async iterable, too; at most one request of it is read ahead.
        Creates and looks are tasks of the running event loop.
        """
        work = operations.run_many(requests, max_concurrent, timeout, max_units, reads_async=True)
        return self._runner.stream(work, **wait_options(None, on_update))

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, Any] | Sequence[Any] | None = None,
        params: Mapping[str, str | int] | None = None,
    ) -> Any:
        """Call what this package does not wrap; see `Kling.request`."""
        return await self._runner.run(operations.request(method, path, json, params))

    async def request_raw(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, Any] | Sequence[Any] | None = None,
        params: Mapping[str, str | int] | None = None,
    ) -> Reply:
        """Call once and return status, headers and body; see `Kling.request_raw`."""
        return await self._runner.run(operations.raw_request(method, path, json, params))

    async def close(self) -> None:
        """Close what this client opened; see `Kling.close`."""
        if (transport := self._shared.close()) is not None:
            await transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


def _place(outcome: Outcome) -> int:
    return outcome.index
