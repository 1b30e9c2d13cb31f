"""The words of the tables in docs/client.md, in the languages that the page is in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple


class Words(NamedTuple):
    """The words and marks of one language.

    Attributes:
        endpoint_columns: The heads of the table of endpoints.
        no_models: For an endpoint that has none to choose.
        method: For a call that is a method of another endpoint's resource.
        model_columns: The heads of the table of models.
        states: What was seen of a model (`Availability.state`), with a place for the date.
        default: For the model that is taken if none is named.
        no_modes: For a model without modes.
        alternative: What stands between lengths that depend on the mode.
        as_long_as: The length of a result, by what it is as long as (`InputLength.what`).
        picture: The length of a result that has none.
        span: A range of seconds.
        nothing: For a model that takes no further parameter.
        separator: What stands between the items of a list.
        brackets: What stands around a remark.
    """

    endpoint_columns: tuple[str, ...]
    no_models: str
    method: str
    model_columns: tuple[str, ...]
    states: Mapping[str, str]
    default: str
    no_modes: str
    alternative: str
    as_long_as: Mapping[str, str]
    picture: str
    span: str
    nothing: str
    separator: str
    brackets: tuple[str, str]

    def listed(self, items: Iterable[str]) -> str:
        """Return a list in a cell."""
        return self.separator.join(items)

    def in_brackets(self, remark: str) -> str:
        """Return a remark as it follows a name."""
        return f"{self.brackets[0]}{remark}{self.brackets[1]}"


_SEEN_REFUSED: Final = "retired: the server was seen refusing it"

#: By the end of the page's name.
WORDS: Final[Mapping[str, Words]] = {
    ".md": Words(
        endpoint_columns=("resource", "request class", "path", "known models"),
        no_models="none to choose",
        method="a method",
        model_columns=(
            "model",
            "resource",
            "modes or resolutions",
            "seconds",
            "takes, beside the prompt or picture",
        ),
        states={_SEEN_REFUSED: f"{_SEEN_REFUSED}, {{}}"},
        default="default",
        no_modes="none",
        alternative=" or ",
        as_long_as={"video": "as its video", "sound": "as its sound", "speech": "as its speech"},
        picture="a picture",
        span="{} to {}",
        nothing="nothing",
        separator=", ",
        brackets=(" (", ")"),
    ),
    ".zh-CN.md": Words(
        endpoint_columns=("资源", "请求类", "路径", "已知模型"),
        no_models="无可选模型",
        method="方法",
        model_columns=("模型", "资源", "模式或分辨率", "秒数", "提示词或图片之外的参数"),
        states={_SEEN_REFUSED: "已下线，{} 实测被服务器拒绝"},
        default="默认",
        no_modes="无",
        alternative=" 或 ",
        as_long_as={"video": "与其视频相同", "sound": "与其声音相同", "speech": "与其语音相同"},
        picture="图片",
        span="{} 到 {}",
        nothing="无",
        separator="、",
        brackets=("（", "）"),
    ),
}


def table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a table in Markdown."""
    lines = [f"| {' | '.join(cells)} |" for cells in (columns, *rows)]
    return "\n".join([lines[0], "|---" * len(columns) + "|", *lines[1:]])
