"""The pages on HTTP, made from the OpenAPI documents: one section per operation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final

from tests.site.links import plain_bars
from tests.site.pages import ROOT

_DOCUMENTS: Final = (("openapi.json", "http-kling"), ("relay-openapi.json", "http-relay"))
_MAX_LIST: Final = 12  # values of an enumeration that are shown


def pages() -> Iterator[tuple[str, str]]:
    """Yield the path and the text of each page."""
    for name, page in _DOCUMENTS:
        document = json.loads((ROOT / "docs" / name).read_text("utf-8"))
        yield f"reference/{page}.md", _Document(document, name).text()


class _Document:
    def __init__(self, document: dict[str, Any], name: str) -> None:
        self.document = document
        self.name = name

    def text(self) -> str:
        about = self.document["info"]
        lines = [
            f"# {about['title']}",
            "",
            about["description"].replace("docs/fidelity.md", "[Fidelity](../fidelity.md)"),
            "",
            f"The whole description, with all schemas, is [{self.name}](../{self.name}) (OpenAPI).",
        ]
        for path, item in self.document["paths"].items():
            shared = item.get("parameters", [])
            for method, operation in item.items():
                if method != "parameters":
                    lines += ["", f"## {method.upper()} {path}", "", *self._of(operation, shared)]
        return "\n".join([*lines, *self._statuses()]) + "\n"

    def _of(self, operation: dict[str, Any], shared: list[Any]) -> Iterator[str]:
        yield f"{operation['summary']}."
        if "description" in operation:
            yield f"\n{operation['description']}"
        parameters = [
            self._resolve(parameter) for parameter in [*shared, *operation.get("parameters", [])]
        ]
        if parameters:
            yield "\n| parameter | in | type | meaning |\n|---|---|---|---|"
            for parameter in parameters:
                name = f"`{parameter['name']}`" + (
                    ", required" if parameter.get("required") else ""
                )
                yield _row(
                    name,
                    parameter["in"],
                    self._type(parameter["schema"]),
                    parameter.get("description", ""),
                )
        for content in self._resolve(operation.get("requestBody", {})).get("content", {}).values():
            yield from self._body(content)
        answers = ", ".join(f"[{status}](#{status})" for status in operation["responses"])
        yield f"\nAnswers: {answers}."

    def _statuses(self) -> Iterator[str]:
        """Yield what each status means, at the end: most operations have the same ones."""
        meanings: dict[str, dict[str, None]] = {}
        for item in self.document["paths"].values():
            for method, operation in item.items():
                if method != "parameters":
                    for status, response in operation["responses"].items():
                        text = self._resolve(response)["description"]
                        meanings.setdefault(status, {})[text] = None
        yield "\n## Statuses"
        for status, texts in sorted(meanings.items()):
            yield f"\n### {status} {HTTPStatus(int(status)).phrase} {{ #{status} }}\n"
            yield from (f"- {text}" for text in texts)

    def _body(self, content: dict[str, Any]) -> Iterator[str]:
        schema = self._resolve(content.get("schema", {}))
        required = set(schema.get("required", []))
        if schema.get("properties"):
            yield "\n| field of the body | type | meaning |\n|---|---|---|"
            for name, field in schema["properties"].items():
                label = f"`{name}`" + (", required" if name in required else "")
                yield _row(label, self._type(field), self._resolve(field).get("description", ""))
        for example in content.get("examples", {}).values():
            yield f"\n```json\n{json.dumps(example['value'], indent=2, ensure_ascii=False)}\n```"
            break

    def _type(self, schema: dict[str, Any]) -> str:
        schema = self._resolve(schema)
        if "const" in schema:
            return f"`{json.dumps(schema['const'])}`"
        if "enum" in schema:
            values = [f"`{json.dumps(value)}`" for value in schema["enum"]]
            more = ["..."] if len(values) > _MAX_LIST else []
            return ", ".join(values[:_MAX_LIST] + more)
        for key in ("anyOf", "oneOf"):
            if key in schema:
                return " or ".join(
                    dict.fromkeys(self._type(alternative) for alternative in schema[key])
                )
        kind = schema.get("type", "any")
        name = " or ".join(kind) if isinstance(kind, list) else kind
        if "items" in schema and name == "array":
            return f"array of {self._type(schema['items'])}"
        limits = [
            f"{schema[key]}"
            for key in ("minimum", "maximum")
            if key in schema and "minimum" in schema and "maximum" in schema
        ]
        return f"{name}, {' to '.join(limits)}" if limits else str(name)

    def _resolve(self, schema: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in schema:
            node: Any = self.document
            for part in schema["$ref"].removeprefix("#/").split("/"):
                node = node[part.replace("~1", "/").replace("~0", "~")]
            schema = node
        return schema


def _row(*cells: str) -> str:
    escaped = (" ".join(cell.split()).replace("|", "\\|") for cell in cells)
    return plain_bars(f"| {' | '.join(escaped)} |")
