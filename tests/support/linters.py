"""The checks of kube-linter, kube-score and Polaris that annotations of our objects turn off. The
linters themselves run in .github/workflows/ci.yml."""

import re

PATTERNS = (
    re.compile(r"(?:ignore-check\.)?kube-linter\.io/(.*)"),
    re.compile(r"polaris\.fairwinds\.com/(.*)-exempt"),
)


def exemptions(annotations):
    names = annotations.get("kube-score/ignore", "").split(",")
    for pattern in PATTERNS:
        found = [(pattern.fullmatch(key), value) for key, value in annotations.items()]
        names += [match[1] for match, value in found if match and value != "false"]
    return {name.strip() for name in names} - {""}


def documented(docs):
    """The names in the first column of the table of exemptions."""
    section = docs.split("## Exemptions from the linters' rules\n")[1].split("\n## ")[0]
    first_columns = re.findall(r"^\| (`.*?) \|", section, re.M)
    return set(re.findall("`(.*?)`", " ".join(first_columns)))
