"""One call in eight languages. What a definition says is quoted as each language quotes, because people run it."""

import json
import pprint
import shlex
from collections.abc import Callable
from typing import Any

from .calls import Call

Writer = Callable[[Call], str]


def curl(call: Call) -> str:
    """A shell command."""
    parts = [f"curl {shlex.quote(call.url)}"]
    if call.method not in ("GET", "POST") or (call.method == "POST" and not call.body and not call.fields):
        parts[0] = f"curl -X {shlex.quote(call.method)} {shlex.quote(call.url)}"
    parts += [f"-H {shlex.quote(f'{name}: {value}')}" for name, value in call.headers]
    parts += [_curl_field(*each) for each in call.fields]
    if call.body:
        parts.append(f"--data-raw {shlex.quote(call.body)}")
    return " \\\n  ".join(parts)


def _curl_field(name: str, value: str, is_file: bool) -> str:
    """One field of a form. `-F` sends a file of the reader's where an @ follows the first =: it is for files only."""
    if not is_file:
        return f"--form-string {shlex.quote(f'{name}={value}')}"
    plain_name = "".join(sign for sign in name if sign not in "=@<;")
    return f"-F {shlex.quote(f'{plain_name}=@FILE')}"


def python(call: Call) -> str:
    """With requests."""
    lines = [
        "import requests",
        "",
        "response = requests.request(",
        f"    {call.method!r},",
        f"    {call.url!r},",
    ]
    headers = [pair for pair in call.headers if not (call.is_json and pair[0] == "Content-Type")]
    if headers:
        lines.append(f"    headers={_indented(pprint.pformat(dict(headers), sort_dicts=False))},")
    if call.is_json:
        lines.append(f"    json={_indented(pprint.pformat(json.loads(call.body), sort_dicts=False))},")
    elif call.body:
        lines.append(f"    data={call.body!r}.encode(),")
    for argument, wanted in (("data", False), ("files", True)):
        if found := {name: value for name, value, is_file in call.fields if is_file is wanted}:
            opened = 'open("FILE", "rb")'
            inner = ", ".join(f"{n!r}: {opened if wanted else repr(v)}" for n, v in found.items())
            lines.append(f"    {argument}={{{inner}}},")
    return "\n".join([*lines, "    timeout=30,", ")", "response.raise_for_status()", "print(response.text)"])


def javascript(call: Call) -> str:
    """With fetch."""
    lines = []
    if call.fields:
        lines = ["const form = new FormData();"]
        lines += [
            f"form.append({_json(n)}, {'file' if is_file else _json(v)});" for n, v, is_file in call.fields
        ]
    lines += [f"const response = await fetch({_json(call.url)}, {{", f"  method: {_json(call.method)},"]
    if call.headers:
        pairs = ", ".join(f"{_json(name)}: {_json(value)}" for name, value in call.headers)
        lines.append(f"  headers: {{ {pairs} }},")
    if call.is_json:
        lines.append(f"  body: JSON.stringify({_indented(json.dumps(json.loads(call.body), indent=2), 2)}),")
    elif call.body or call.fields:
        lines.append(f"  body: {_json(call.body) if call.body else 'form'},")
    return "\n".join([*lines, "});", "console.log(response.status, await response.text());"])


def go(call: Call) -> str:
    """With net/http."""
    body = f"strings.NewReader({_go(call.body)})" if call.body else "nil"
    lines = ["package main", "", "import (", '\t"fmt"', '\t"io"', '\t"net/http"']
    lines += ['\t"strings"'] if call.body else []
    lines += [")", "", "func main() {"]
    lines += [f"\trequest, err := http.NewRequest({_c(call.method)}, {_c(call.url)}, {body})"]
    lines += ["\tif err != nil {", "\t\tpanic(err)", "\t}"]
    lines += [f"\trequest.Header.Set({_c(name)}, {_c(value)})" for name, value in call.headers]
    lines += [
        "\tresponse, err := http.DefaultClient.Do(request)",
        "\tif err != nil {",
        "\t\tpanic(err)",
        "\t}",
    ]
    lines += ["\tdefer response.Body.Close()", "\ttext, _ := io.ReadAll(response.Body)"]
    return "\n".join([*lines, "\tfmt.Println(response.Status, string(text))", "}"])


def java(call: Call) -> str:
    """With java.net.http."""
    body = f"HttpRequest.BodyPublishers.ofString({_java(call.body)})" if call.body else _JAVA_NO_BODY
    lines = ["import java.net.URI;", "import java.net.http.*;", "", "var request = HttpRequest.newBuilder()"]
    lines += [f"    .uri(URI.create({_java(call.url)}))"]
    lines += [f"    .header({_java(name)}, {_java(value)})" for name, value in call.headers]
    lines += [f"    .method({_java(call.method)}, {body})", "    .build();"]
    lines += [
        "var response = HttpClient.newHttpClient()",
        "    .send(request, HttpResponse.BodyHandlers.ofString());",
    ]
    return "\n".join([*lines, 'System.out.println(response.statusCode() + " " + response.body());'])


_JAVA_NO_BODY = "HttpRequest.BodyPublishers.noBody()"


def csharp(call: Call) -> str:
    """With HttpClient."""
    lines = ["using var client = new HttpClient();"]
    method = f"new HttpMethod({_c(call.method)})"
    lines += [f"using var request = new HttpRequestMessage({method}, {_c(call.url)});"]
    if call.body:
        kind = dict(call.headers).get("Content-Type", "text/plain").partition(";")[0]
        lines.append(
            f"request.Content = new StringContent({_c(call.body)}, System.Text.Encoding.UTF8, {_c(kind)});"
        )
    lines += [
        f"request.Headers.TryAddWithoutValidation({_c(name)}, {_c(value)});"
        for name, value in call.headers
        if name != "Content-Type"
    ]
    lines += ["using var response = await client.SendAsync(request);"]
    return "\n".join([*lines, "Console.WriteLine(await response.Content.ReadAsStringAsync());"])


def php(call: Call) -> str:
    """With its curl extension."""
    lines = ["<?php", f"$request = curl_init({_single(call.url)});", "curl_setopt_array($request, ["]
    lines += [f"    CURLOPT_CUSTOMREQUEST => {_single(call.method)},", "    CURLOPT_RETURNTRANSFER => true,"]
    if call.headers:
        lines.append("    CURLOPT_HTTPHEADER => [")
        lines += [f"        {_single(f'{name}: {value}')}," for name, value in call.headers]
        lines.append("    ],")
    if call.body:
        lines.append(f"    CURLOPT_POSTFIELDS => {_single(call.body)},")
    elif call.fields:
        inner = ", ".join(
            f"{_single(n)} => {'new CURLFile(' + _single('FILE') + ')' if is_file else _single(v)}"
            for n, v, is_file in call.fields
        )
        lines.append(f"    CURLOPT_POSTFIELDS => [{inner}],")
    return "\n".join([*lines, "]);", "echo curl_exec($request);"])


def ruby(call: Call) -> str:
    """With net/http."""
    name = "".join(letter for letter in call.method.capitalize() if letter.isalpha())
    lines = ['require "net/http"', "", f"uri = URI({_single(call.url)})"]
    lines += [f"request = Net::HTTP::{name}.new(uri)"]
    lines += [f"request[{_single(key)}] = {_single(value)}" for key, value in call.headers]
    if call.body:
        lines.append(f"request.body = {_single(call.body)}")
    elif call.fields:
        inner = ", ".join(
            f"[{_single(n)}, {'File.open(' + _single('FILE') + ')' if is_file else _single(v)}]"
            for n, v, is_file in call.fields
        )
        lines.append(f'request.set_form([{inner}], "multipart/form-data")')
    lines += ['response = Net::HTTP.start(uri.host, uri.port, use_ssl: uri.scheme == "https") do |http|']
    return "\n".join([*lines, "  http.request(request)", "end", "puts response.body"])


WRITERS: dict[str, tuple[str, Writer]] = {
    "curl": ("curl", curl),
    "python": ("Python", python),
    "javascript": ("JavaScript", javascript),
    "go": ("Go", go),
    "java": ("Java", java),
    "csharp": ("C#", csharp),
    "php": ("PHP", php),
    "ruby": ("Ruby", ruby),
}
# Their standard libraries have no form with files: those of the others do.
WITHOUT_FORMS = frozenset(("go", "java", "csharp"))


def languages(call: Call) -> dict[str, str]:
    """name -> label of the languages that can write the call."""
    return {
        name: label for name, (label, _) in WRITERS.items() if not call.fields or name not in WITHOUT_FORMS
    }


def snippet(call: Call, language: str) -> str:
    """The call in that language."""
    return WRITERS[language][1](call)


def _json(value: Any) -> str:
    return json.dumps(value)


def _c(value: str) -> str:
    """A string of Go, C# and their like. Control characters do not come here but for the line break and the tab."""
    return json.dumps(value, ensure_ascii=False)


def _go(value: str) -> str:
    return _c(value) if "`" in value or "\r" in value else f"`{value}`"


def _java(value: str) -> str:
    """Java reads `\\u` escapes before it reads strings; JSON writes none where no control character is."""
    return _c(value)


def _single(value: str) -> str:
    """A string of PHP and Ruby in which nothing is special but the quote and the backslash."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _indented(text: str, by: int = 4) -> str:
    return text.replace("\n", "\n" + " " * by)
