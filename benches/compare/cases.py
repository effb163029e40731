"""Cases from user reports about such tools: the input, and the required or forbidden output."""

import base64
import dataclasses
import re
import urllib.parse

KEY = "sk-live-4f9QzX7bTn"
PEM = "-----BEGIN KEY-----\nMIIEpAIBAAKCAQEA7f9Q\nzX4fpQ9rTb2nV8kLm3Ws\n-----END KEY-----"


@dataclasses.dataclass
class Case:
    """`right` is the output, with `MASK` for one or several masks. A pause follows each piece."""

    name: str
    values: list
    pieces: list
    right: str
    # Forbidden in the output.
    leaks: list
    # Output required before the input ends.
    early: bytes = b""


def encoded(text):
    return base64.b64encode(text.encode()).decode()


# The rest of a base64 group or escape beside a value may be masked with it or stay.
ANY_BASE64 = "[A-Za-z0-9+/=]*"
SPECIAL = 'p@ss w0rd+"X9Q2\\/tail'
IN_JSON = SPECIAL.replace("\\", "\\\\").replace('"', '\\"')
LONG = 4 << 20

CASES = [
    Case("plain", [KEY], [f"key {KEY} end\n"], "key MASK end\n", [KEY[8:]]),
    Case("over two writes", [KEY], [f"key {KEY[:9]}", f"{KEY[9:]} end\n"], "key MASK end\n", [KEY[:9], KEY[9:]]),
    Case(
        "it overlaps itself, over two writes",
        ["sk-live-sk-live-X9Q2"],
        ["a sk-live-sk-live-", "sk-live-X9Q2 b\n"],
        "a sk-live-MASK b\n",
        ["X9Q2"],
    ),
    Case(
        "one begins another",
        ["marlin", "marlin-prod-77"],
        ["a marlin-prod-77 b marlin c\n"],
        "a MASK b MASK c\n",
        ["marlin", "-prod-77"],
    ),
    Case(
        "two overlap",
        ["alpha-bravo", "bravo-charlie"],
        ["a alpha-bravo-charlie b\n"],
        "a MASK b\n",
        ["alpha", "charlie"],
    ),
    Case("several lines", [PEM], [f"a\n{PEM}\nb\n"], "a\nMASK\nb\n", [PEM.split("\n")[1], PEM.split("\n")[2]]),
    Case(
        "several lines, CRLF",
        [PEM],
        ["a\r\n" + PEM.replace("\n", "\r\n") + "\r\nb\r\n"],
        "a\r\nMASK\r\nb\r\n",
        [PEM.split("\n")[1], PEM.split("\n")[2]],
    ),
    Case(
        "base64, with more before it",
        [KEY],
        [f"Basic {encoded('user:' + KEY)} end\n"],
        f"Basic {ANY_BASE64}MASK{ANY_BASE64} end\n",
        [encoded("user:" + KEY)[8:-4]],
    ),
    Case("percent", [SPECIAL], [f"?a={urllib.parse.quote(SPECIAL, safe='')}&b\n"], "\\?a=MASK&b\n", ["w0rd%2B", "%5C%2Ftail"]),
    Case("in JSON", [SPECIAL], [f'{{"a":"{IN_JSON}"}}\n'], '\\{"a":"MASK"\\}\n', ["w0rd", "tail"]),
    Case(
        "not UTF-8",
        [KEY],
        [b"a\nb \xff\xfe\x80 " + KEY.encode() + b" \xc3\nc\n"],
        "a\nb \xff\xfe\x80 MASK \xc3\nc\n",
        [KEY[8:]],
    ),
    Case("no newline at the end", [KEY], [f"a\nkey {KEY} end"], "a\nkey MASK end", [KEY[8:]]),
    Case("CRLF, NUL, empty lines", [KEY], [f"a\r\n\r\n\0\0\n\n{KEY}\r\n"], "a\r\n\r\n\0\0\n\nMASK\r\n", [KEY[8:]]),
    Case("a line of 8 MiB", [KEY], ["x" * LONG + KEY + "y" * LONG + "\n"], f"x{{{LONG}}}MASKy{{{LONG}}}\n", [KEY[8:]]),
    Case("a prompt without newline", [KEY], ["Name: ", "x\n"], "Name: x\n", [], early=b"Name: "),
]


def as_bytes(text):
    return text if isinstance(text, bytes) else text.encode("latin-1")


def verdict(case, mask, status, out, early):
    """A tool's result in a case, in a word or two. `mask` is a regular expression of its mask."""
    leaks = [leak for leak in map(as_bytes, case.leaks) if leak in out]
    one = b"(?:%b)" % mask
    # Each line of a value may have its own mask.
    right = as_bytes(case.right).replace(b"MASK", b"%b(?:\\r?\\n?%b)*" % (one, one))
    if leaks:
        return "**leaks**"
    if status != 0:
        return f"fails ({status})"
    if not re.fullmatch(right, out):
        return "**loses text**" if len(out) * 2 < sum(map(len, case.pieces)) else "changes text"
    return "ok" if early else "late"
