"""The operator's calls as a table, run over HTTP and from a shell.

The OpenAPI document, the metrics' routes and the checks of parameters are made from the rows.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Final

from kling_mock.relay.domain import errors
from kling_mock.relay.domain.errors import RelayError
from kling_mock.relay.operator import views
from kling_mock.relay.operator.service import OperatorService
from kling_mock.relay.storage.errors import (
    ExistsError,
    InsufficientQuotaError,
    StorageError,
    StorageUnavailableError,
    UnknownError,
)
from kling_mock.relay.storage.text import TEXT_BYTES
from kling_mock.relay.storage.values import (
    MAX_AMOUNT,
    DailyTotals,
    LateReport,
    LedgerEntry,
    Notice,
    NoticeState,
    SlowRecord,
    StoreStatistics,
    StoreSummary,
    VideoRow,
)
from kling_mock.relay.storage.values.services import MAX_SERVICE, SERVICE_PATTERN
from kling_mock.web.errors import ApiError
from kling_mock.web.json_schema import EVERY, Schema, array, closed, flag, integer, text
from kling_mock.web.json_schema import optional as nullable
from kling_mock.web.operations import ApiCall, ApiTable, JsonObject, Parameters

_MAX_INTEGER: Final = 2**53 - 1  # the largest integer that every JSON parser reads exactly


def _page(items: Schema, **more: Schema) -> Schema:
    return closed(data=array(items), **more)


_OVERLAP: Final = 366 * 86_400  # seconds
_STATUS: Final = closed(status=text(enum=[*views.STATUS]))
_QUOTA: Final = integer(0, MAX_AMOUNT, "Whole quota; 500 000 are one US dollar.")
_CHANNEL: Final[Mapping[str, Schema]] = {
    "name": text("Unique.", min_length=1, max_length=100),
    "base_url": text("Base URL of the Kling API.", max_length=255, pattern="^https?://[^ ]+$"),
    "key": text("`AK|SK` or an API key, one per line.", min_length=1, max_length=TEXT_BYTES),
    "model_mapping": {
        "type": ["string", "object"],
        "description": "From requested model to the model sent to Kling; an object, or its JSON.",
    },
    "models": text(
        "Model names that it serves, separated by commas; empty means any.", max_length=TEXT_BYTES
    ),
    "webhook_secrets": text("`whsec_...`, one per line.", max_length=TEXT_BYTES),
    "priority": integer(-(2**31), 2**31 - 1, "Higher priorities are tried first."),
    "weight": integer(0, 2**31 - 1, "Share of the tasks among channels of one priority."),
    "status": text(enum=[*views.STATUS]),
    "type": integer(0, 2**31 - 1, "one-api's number of the provider; 41 is Kling."),
    "service": text(
        "Label of the upstream, the same for all channels of one service; empty is the host of"
        " base_url.",
        max_length=MAX_SERVICE,
        pattern=SERVICE_PATTERN,
    ),
}
_YES: Final = {"yes": flag("Whether to change it even if open tasks need its present settings.")}
_KEPT: Final = {409: "The name is taken, or open tasks need the channel's present settings."}
_BEFORE: Final = {"before": integer(0, _MAX_INTEGER, "Only entries with a smaller id.")}
_NAME_TAKEN: Final = {409: "The name is taken."}
_DELETED: Final = {"deleted": text("Whether deleted ones are listed.", enum=["true", "false"])}

CALLS: Final[ApiTable[OperatorService]] = ApiTable(
    (
        ApiCall(
            "GET",
            "/users",
            OperatorService.list_users,
            "List users, a hundred at a time",
            _page(views.LISTED_USER, next_after=nullable(integer())),
            query={"after": integer(0, _MAX_INTEGER, "Only users with a larger id.")} | _DELETED,
        ),
        ApiCall(
            "POST",
            "/users",
            OperatorService.add_user,
            "Add a user",
            views.USER,
            body=closed(("quota",), username=text(min_length=1, max_length=100), quota=_QUOTA),
            errors=_NAME_TAKEN,
        ),
        ApiCall(
            "GET", "/users/{id}", OperatorService.get_user, "Get a user by id or name", views.USER
        ),
        ApiCall(
            "DELETE",
            "/users/{id}",
            OperatorService.delete_user,
            "Delete a user permanently; its charges stay in the ledger",
            views.USER,
        ),
        ApiCall(
            "POST",
            "/users/{id}/status",
            OperatorService.set_user_status,
            "Enable or disable a user",
            views.USER,
            body=_STATUS,
        ),
        ApiCall(
            "POST",
            "/users/{id}/old_numbers",
            OperatorService.bind_user,
            "Make a user the owner of an old program's rows that name a number, too",
            views.USER,
            body=closed(number=integer(1, _MAX_INTEGER)),
            errors={409: "The number is another user's."},
        ),
        ApiCall(
            "POST",
            "/disowned_numbers",
            OperatorService.disown_number,
            "Declare that an old program's rows that name a number are nobody's",
            closed(number=integer()),
            body=closed(number=integer(1, _MAX_INTEGER)),
        ),
        ApiCall(
            "POST",
            "/users/{id}/credit",
            OperatorService.credit,
            "Top up a user, once per reference",
            views.schema_of(LedgerEntry),
            body=closed(
                ("note",),
                amount=integer(-MAX_AMOUNT, MAX_AMOUNT, "Quota; a negative amount is deducted."),
                reference=text("Unique.", max_length=200, pattern="^[!-~]+$"),
                note=text(max_length=255),
            ),
            errors={
                402: "The balance is smaller than the deduction.",
                409: "The reference belongs to another credit.",
            },
        ),
        ApiCall(
            "POST",
            "/users/{id}/webhook_secret",
            OperatorService.rotate_webhook_secret,
            "Rotate the secret that signs a user's webhooks",
            views.SECRET,
            body=closed(
                EVERY,
                overlap_seconds=integer(
                    0, _OVERLAP, "Seconds for which the previous one signs too; default one day."
                ),
            ),
            errors={409: "It was rotated at the same moment, or the name is another's id."},
        ),
        ApiCall(
            "GET",
            "/users/{id}/ledger",
            OperatorService.list_ledger,
            "List a user's ledger entries, newest first",
            _page(views.schema_of(LedgerEntry)),
            query=_BEFORE,
        ),
        ApiCall(
            "GET",
            "/users/{id}/tokens",
            OperatorService.list_tokens,
            "List a user's tokens",
            _page(views.TOKEN),
            query=_DELETED,
        ),
        ApiCall(
            "POST",
            "/users/{id}/tokens",
            OperatorService.add_token,
            "Add a token; no later call shows it",
            views.NEW_TOKEN,
            body=closed(
                EVERY,
                name=text(max_length=100),
                remain_quota=nullable(_QUOTA),
                expires_at=nullable(integer(0, _MAX_INTEGER, "Unix seconds.")),
            ),
        ),
        ApiCall(
            "POST",
            "/tokens/{id}/status",
            OperatorService.set_token_status,
            "Enable or disable a token",
            views.TOKEN,
            body=_STATUS,
        ),
        ApiCall(
            "POST",
            "/tokens/{id}/quota",
            OperatorService.set_token_quota,
            "Limit what a token may spend; null means as much as its user",
            views.TOKEN,
            body=closed(remain_quota=nullable(_QUOTA)),
            errors={402: "The quota is smaller than the amount that is held of it."},
        ),
        ApiCall(
            "DELETE",
            "/tokens/{id}",
            OperatorService.delete_token,
            "Delete a token permanently",
            views.TOKEN,
        ),
        ApiCall(
            "GET",
            "/channels",
            OperatorService.list_channels,
            "List channels",
            _page(views.LISTED_CHANNEL),
            query=_DELETED,
        ),
        ApiCall(
            "POST",
            "/channels",
            OperatorService.add_channel,
            "Add a channel",
            views.CHANNEL,
            body=closed([*_CHANNEL][3:], **_CHANNEL),
            errors=_NAME_TAKEN,
        ),
        ApiCall(
            "PUT",
            "/channels/{id}",
            OperatorService.replace_channel,
            "Replace all settings of a channel",
            views.CHANNEL,
            body=closed([*[*_CHANNEL][3:], "yes"], **_CHANNEL, **_YES),
            errors=_KEPT,
        ),
        ApiCall(
            "PATCH",
            "/channels/{id}",
            OperatorService.change_channel,
            "Change some settings of a channel",
            views.CHANNEL,
            body=closed(EVERY, **_CHANNEL, **_YES),
            errors=_KEPT,
        ),
        ApiCall(
            "DELETE",
            "/channels/{id}",
            OperatorService.delete_channel,
            "Delete a channel; its open tasks are still read through it",
            views.CHANNEL,
        ),
        ApiCall(
            "GET",
            "/tasks/{id}",
            OperatorService.get_task,
            "Get a task's row",
            views.schema_of(VideoRow),
        ),
        ApiCall(
            "GET",
            "/reports",
            OperatorService.list_reports,
            "List reported results that were not applied, newest first",
            _page(views.schema_of(LateReport)),
            query=_BEFORE,
        ),
        ApiCall(
            "GET",
            "/notices",
            OperatorService.list_notices,
            "List webhooks to users, newest first",
            _page(views.schema_of(Notice)),
            query={"state": text(enum=[*NoticeState])} | _BEFORE,
        ),
        ApiCall(
            "POST",
            "/notices/{id}/replay",
            OperatorService.replay_notice,
            "Send a webhook to a user again",
            views.schema_of(Notice),
        ),
        ApiCall(
            "GET",
            "/receivers",
            OperatorService.list_receivers,
            "List receivers of webhooks that fail or are disabled, a hundred at a time",
            _page(views.RECEIVER, next_after=nullable(integer())),
            query={"after": integer(0, _MAX_INTEGER, "Only receivers with a larger id.")},
        ),
        ApiCall(
            "POST",
            "/receivers/{id}/status",
            OperatorService.set_receiver_status,
            "Enable a receiver and send what was kept back, or disable it",
            views.RECEIVER,
            body=_STATUS,
        ),
        ApiCall(
            "GET",
            "/reconcile",
            OperatorService.reconcile,
            "Compare balances with the ledger",
            _page(views.RECONCILIATION),
            query={"user_id": integer(0, _MAX_INTEGER)},
        ),
        ApiCall(
            "POST",
            "/reconcile",
            OperatorService.repair,
            "Show the changes that would repair the tables, or make them",
            _page(views.REPAIR),
            body=closed(
                EVERY,
                release_deleted=flag(
                    "Whether holds of open tasks whose rows were deleted are released."
                ),
                yes=flag("Whether to make the changes; otherwise nothing is changed."),
            ),
        ),
        ApiCall(
            "GET",
            "/stats",
            OperatorService.get_stats,
            "Get totals per day, stuck tasks and slow statements",
            _page(
                views.schema_of(DailyTotals),
                stuck=array(views.STUCK),
                slow=views.schema_of(SlowRecord),
                process=views.schema_of(StoreStatistics),
            ),
            query={
                "days": integer(0, 36_500, "Days to look back; default 7."),
                "stuck_after": integer(0, _MAX_INTEGER, "Age in seconds; default 3600."),
            },
        ),
        ApiCall(
            "GET",
            "/overview",
            OperatorService.get_overview,
            "Get counts of tasks, webhooks and reports",
            views.schema_of(StoreSummary),
        ),
    )
)

_KINDS: Final = {404: errors.NOT_FOUND, 405: errors.WRONG_METHOD}


@contextmanager
def relay_errors() -> Generator[None]:
    """Turn a refusal by the table or the store into a `RelayError`.

    `StorageUnavailableError` passes: the caller decides whether to try again.
    """
    try:
        yield
    except ApiError as error:
        raise RelayError(_KINDS.get(error.status, errors.INVALID), error.message) from None
    except UnknownError as error:
        raise RelayError(errors.NOT_FOUND, str(error)) from None
    except ExistsError as error:
        raise RelayError(errors.TAKEN, str(error)) from None
    except InsufficientQuotaError as error:
        raise RelayError(errors.NO_QUOTA, str(error)) from None
    except StorageUnavailableError:
        raise
    except (StorageError, ValueError) as error:
        raise RelayError(errors.INVALID, str(error)) from None


async def run(service: OperatorService, name: str, parameters: Parameters) -> JsonObject:
    """Run a call by its name, as a shell does.

    Args:
        service: Runs the call.
        name: The call's name.
        parameters: The parameters of its path, its query and its body.

    Raises:
        RelayError: It was refused.
        StorageUnavailableError: The database cannot be used.
    """
    call = CALLS[name]
    path = {key: parameters[key] for key in call.path_parameters}
    query = [(key, parameters[key]) for key in call.query if key in parameters]
    body = {key: value for key, value in parameters.items() if key not in path}
    with relay_errors():
        return await call.run(service, path, query, body)
