"""An OpenAPI document, which checks real responses and remembers them."""

import decimal
import json
import pathlib
import re

import jsonschema

ROOT = pathlib.Path(__file__).parents[2]
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")

# Headers that HTTP itself defines for every response: no document repeats them.
HTTP_HEADERS = {"connection", "content-length", "content-type", "date", "transfer-encoding"}


class Document:
    def __init__(self, name):
        self.name = name
        self.path = ROOT / name / "openapi.json"
        self.content = json.loads(self.path.read_bytes())
        self.seen = set()  # (method, path, status), or ("", "", status) if no operation handled it

    def operations(self):
        """(method, path, operation) of each."""
        for path, item in self.content["paths"].items():
            for method in METHODS:
                if method in item:
                    yield method, path, item[method]

    def documented(self):
        """What `seen` can have."""
        for method, path, operation in self.operations():
            for status in operation["responses"]:
                if status != "default":
                    yield method, path, int(status)
        for status in self.other_statuses():
            yield "", "", status

    def other_statuses(self):
        """Those of requests that no operation handles."""
        content = self.content["components"]["responses"]["NotServed"]["content"]
        schema = content["application/problem+json"]["schema"]
        return schema["allOf"][1]["properties"]["status"]["enum"]

    def find_operation(self, method, target):
        """(path, operation), or (None, None). An equal path wins if it has the method."""
        target = target.split("?")[0]
        paths = self.content["paths"]
        for path in sorted(paths, key=lambda path: path != target):
            pattern = re.escape(path).replace(r"\{id\}", "[A-Za-z0-9._-]{1,64}")
            if method in paths[path] and re.fullmatch(pattern, target):
                return path, paths[path][method]
        return None, None

    def errors(self, schema, value):
        # With the components next to it, references are found in every version of jsonschema.
        root = {**schema, "components": self.content["components"]}
        validator = jsonschema.Draft202012Validator(root)
        return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]

    def request_errors(self, method, path, body):
        content = self.content["paths"][path][method]["requestBody"]["content"]
        return self.errors(content["application/json"]["schema"], json.loads(body))

    def check(self, method, target, response):
        """Returns what differs from the document."""
        path, operation = self.find_operation(method.lower(), target)
        described = operation and operation["responses"].get(str(response.status))
        if described:
            self.seen.add((method.lower(), path, response.status))
        else:
            described = {"$ref": "#/components/responses/NotServed"}
            self.seen.add(("", "", response.status))
        described = self.resolve(described)
        return [
            *self.check_headers(described.get("headers", {}), response.headers),
            *self.check_body(described.get("content", {}), method, response),
        ]

    def resolve(self, node):
        while "$ref" in node:
            found = self.content
            for part in node["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            node = found
        return node

    def check_headers(self, described, headers):
        for name in set(headers) - HTTP_HEADERS - {name.lower() for name in described}:
            yield f"the header {name} is not documented"
        for name, node in described.items():
            header = self.resolve(node)
            schema = self.resolve(header["schema"])
            value = headers.get(name.lower())
            if value is None:
                if header.get("required"):
                    yield f"the header {name} is missing"
                continue
            if schema.get("type") == "integer" and value.isdigit():
                value = int(value)
            yield from (f"{name}: {error}" for error in self.errors(schema, value))

    def check_body(self, content, method, response):
        media_type = response.headers.get("content-type", "").split(";")[0]
        if media_type not in content and (content or media_type):
            yield f'the type "{media_type}" is not documented'
            return
        if method == "HEAD" or not content:
            if response.body:
                yield "there is a body"
            return
        schema = content[media_type]["schema"]
        text = response.body.decode()
        if media_type.endswith("json"):
            body = json.loads(text, parse_float=decimal.Decimal)
            yield from self.errors(schema, body)
            if media_type == "application/problem+json" and body["status"] != response.status:
                yield f"the problem has the status {body['status']}"
        else:
            yield from self.errors(schema, text)
            yield from self.check_events(schema.get("x-events", {}), text)

    def check_events(self, schemas, text):
        if not schemas:
            return
        events = [event for event in text.split("\n\n") if event.strip(":\n")]
        for event in events:
            match = re.fullmatch(r"event: (\w+)\ndata: (.*)", event)
            if not match or match[1] not in schemas:
                yield f"not an event of the document: {event}"
                continue
            yield from self.errors(schemas[match[1]], json.loads(match[2]))
        if not events or not events[-1].startswith("event: end\n"):
            yield "the last event is not the end"
