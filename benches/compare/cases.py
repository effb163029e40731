"""What users report about such tools, as cases: what goes in, and what must and must not come out."""

import base64
import dataclasses
import re
import urllib.parse

KEY = "sk-live-4f9QzX7bTn"
PEM = "-----BEGIN KEY-----\nMIIEpAIBAAKCAQEA7f9Q\nzX4fpQ9rTb2nV8kLm3Ws\n-----END KEY-----"


@dataclasses.dataclass
class Case:
    """`right` is the output, in which `MASK` stands for one mask or several; the input comes in pieces, with a pause after each."""

    name: str
    values: list
    pieces: list
    right: str
    # None of them may come out.
    leaks: list
    # What has to be out before the input ends, or nothing.
    early: bytes = b""


def encoded(text):
    return base64.b64encode(text.encode()).decode()


# The rest of a group of base64 or of an escape beside a value may go with it or stay.
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
    """In a word or two, what a tool did with a case. `mask` is a regular expression of its mask."""
    leaks = [leak for leak in map(as_bytes, case.leaks) if leak in out]
    one = b"(?:%b)" % mask
    # Lines of one value may be masked each for itself.
    right = as_bytes(case.right).replace(b"MASK", b"%b(?:\\r?\\n?%b)*" % (one, one))
    if leaks:
        return "**leaks**"
    if status != 0:
        return f"fails ({status})"
    if not re.fullmatch(right, out):
        return "**loses text**" if len(out) * 2 < sum(map(len, case.pieces)) else "changes text"
    return "ok" if early else "late"
