"""Accounts: their limits, units, keys and webhook secrets."""

from __future__ import annotations

from typing import Any, get_args

from kling_mock.admin.context import AdminContext
from kling_mock.admin.views import ACCOUNT, SETTINGS, show_account
from kling_mock.controls.accounts import AccountHandle
from kling_mock.controls.settings import read_denied, read_networks
from kling_mock.kling.model.accounts import RateLimit
from kling_mock.kling.model.plan import PackType
from kling_mock.web.errors import ApiError
from kling_mock.web.json_schema import EVERY, array, closed, encode, flag, integer, number, text
from kling_mock.web.operations import ApiCall, Parameters

_NEW_ACCOUNT = closed(account=text(), access_key=text(), secret_key=text(), api_key=text())
_NAME = "^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$"


def _show(handle: AccountHandle) -> dict[str, Any]:
    return handle.on(lambda account, world: show_account(account, world.clock.now()))


def list_accounts(context: AdminContext, _parameters: Parameters) -> dict[str, Any]:
    """Return all accounts."""
    accounts = context.accounts
    return {"data": [_show(accounts[name]) for name in accounts]}


def add_account(context: AdminContext, parameters: Parameters) -> dict[str, Any]:
    """Make an account; only this reply has its keys."""
    accounts, name = context.accounts, parameters["account"]
    if name in accounts:
        raise ApiError(409, "account_exists", f"There is an account {name!r} already.")
    return encode(_NEW_ACCOUNT, accounts.add(name), account=name)


def get_account(context: AdminContext, parameters: Parameters) -> dict[str, Any]:
    """Return one account."""
    return _show(context.accounts[parameters["account"]])


def set_account(context: AdminContext, parameters: Parameters) -> dict[str, Any]:
    """Change settings of an account; if one is invalid, none is changed."""
    handle = context.accounts[parameters["account"]]
    settings = {name: parameters[name] for name in SETTINGS if name in parameters}
    # These two can still be refused; the schema has checked the rest.
    read_denied(settings.get("denied", ()))
    read_networks(settings.get("allowed_ips"))
    limit = settings.get("rate_limit")
    if limit is not None:
        settings["rate_limit"] = RateLimit(**limit)
    for name, value in settings.items():
        setattr(handle, name, value)
    return _show(handle)


def add_pack(context: AdminContext, parameters: Parameters) -> dict[str, Any]:
    """Give an account one more resource pack."""
    settings = {name: value for name, value in parameters.items() if name != "account"}
    return {"pack_id": context.accounts[parameters["account"]].add_pack(**settings)}


def add_key_pair(context: AdminContext, parameters: Parameters) -> dict[str, Any]:
    """Give an account one more key pair."""
    return context.accounts[parameters["account"]].add_key_pair()._asdict()


def add_api_key(context: AdminContext, parameters: Parameters) -> dict[str, Any]:
    """Give an account one more API key."""
    return {"api_key": context.accounts[parameters["account"]].add_api_key()}


def set_key(context: AdminContext, parameters: Parameters) -> dict[str, Any]:
    """Refuse a key from now on, or accept it again."""
    handle = context.accounts[parameters["account"]]
    (handle.enable_key if parameters["active"] else handle.disable_key)(parameters["key"])
    return _show(handle)


def add_webhook_secret(context: AdminContext, parameters: Parameters) -> dict[str, Any]:
    """Sign callbacks with a new secret."""
    handle = context.accounts[parameters["account"]]
    emergency = parameters.get("emergency", False)
    return {"secret": handle.add_webhook_secret(parameters.get("secret"), emergency=emergency)}


def clear_webhook_secrets(context: AdminContext, parameters: Parameters) -> dict[str, Any]:
    """Stop signing callbacks."""
    handle = context.accounts[parameters["account"]]
    handle.clear_webhook_secrets()
    return _show(handle)


_PACK = closed(
    ("name", "slots", "begins_in", "lasts", "type"),
    units=number(0, 10**12, "Units in it."),
    name=text("Its name; if left out, one in the vendor's form is made.", max_length=200),
    slots=integer(0, 10**9, "Slots that it allows; if left out, there is no limit."),
    begins_in=number(0, 10**9, "Seconds until it is valid."),
    lasts=number(0, 10**9, "Seconds for which it is then valid; if left out, it does not expire."),
    type=text("What it pays for; default `video`.", enum=get_args(PackType)),
)
_ACCOUNT = "/accounts/{account}"

CALLS: tuple[ApiCall[AdminContext], ...] = (
    ApiCall("GET", "/accounts", list_accounts, "List accounts", closed(data=array(ACCOUNT))),
    ApiCall(
        "POST",
        "/accounts",
        add_account,
        "Make an account; no later call shows its secrets",
        _NEW_ACCOUNT,
        closed(account=text("Its name.", pattern=_NAME)),
        status=201,
        errors={409: "There is an account of this name."},
        examples={"acme": {"account": "acme"}},
    ),
    ApiCall("GET", _ACCOUNT, get_account, "Read an account; `default` is always there", ACCOUNT),
    ApiCall(
        "PATCH",
        _ACCOUNT,
        set_account,
        "Change settings of an account; if one is invalid, none is changed",
        ACCOUNT,
        closed(EVERY, **SETTINGS),
        examples={
            "slots": {"slots": 2},
            "arrears": {"in_arrears": True, "units": 10},
            "rate": {"rate_limit": {"requests": 5, "seconds": 1, "retry_after": True}},
        },
    ),
    ApiCall(
        "POST",
        f"{_ACCOUNT}/packs",
        add_pack,
        "Give an account one more resource pack",
        closed(pack_id=text()),
        _PACK,
        status=201,
        examples={"month": {"units": 100, "slots": 5, "lasts": 2592000}},
    ),
    ApiCall(
        "POST",
        f"{_ACCOUNT}/key-pairs",
        add_key_pair,
        "Give an account one more key pair; no later call shows its secret",
        closed(access_key=text(), secret_key=text()),
        status=201,
    ),
    ApiCall(
        "POST",
        f"{_ACCOUNT}/api-keys",
        add_api_key,
        "Give an account one more API key; no later call shows it",
        closed(api_key=text()),
        status=201,
    ),
    ApiCall(
        "PATCH",
        f"{_ACCOUNT}/keys",
        set_key,
        "Refuse an access key or API key from now on, or accept it again",
        ACCOUNT,
        closed(key=text("The access key or API key.", max_length=200), active=flag()),
    ),
    ApiCall(
        "POST",
        f"{_ACCOUNT}/webhook-secrets",
        add_webhook_secret,
        "Sign callbacks with a new secret from now on; an older one also signs for 7 days",
        closed(secret=text()),
        closed(
            EVERY,
            secret=text(
                "`whsec_` and base64 of 24 to 64 bytes; if left out, one is made.", max_length=200
            ),
            emergency=flag("Whether the older one ends at once."),
        ),
        status=201,
    ),
    ApiCall(
        "DELETE",
        f"{_ACCOUNT}/webhook-secrets",
        clear_webhook_secrets,
        "Stop signing callbacks",
        ACCOUNT,
    ),
)
