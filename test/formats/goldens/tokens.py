"""What Python's re finds in some texts by patterns of vectorisers. python tokens.py > tokens.json"""

import json
import re

PATTERNS = [
    r"(?u)\b\w\w+\b", r"\w+", r"\b\w+\b", r"(?u)\b\w+\b", r"[a-zA-Z]+", r"\b[a-zA-Z]{3,}\b", r"\S+",
    r"[^\s]+", r"[^\s,.;]+", r"\d+", r"[a-z]{2,4}", r"\w", r"#\w+", r"[\w'-]+", r"\b[A-Z][a-z]*\b",
    r"(?u)\b[\w-]{2,}\b", r"[а-яё]+", r"\w\w\w", r"\W+", r"[0-9a-fA-F]{2}", r"\b\w{1,3}\b", r"a?b+",
]
REFUSED = [
    r"(\w+)-x", r"\w+\s\w+", r"(?i)\w+", r"\w+|\d", r"(a+)+", r"\w+\b", r".+", r"\w+?", r"^\w+", r"\w{1,9999}",
    r"[a-z", r"\p{L}+", r"", r"\b", r"[\b]+", r"\w+$", r"[[:alpha:]]+", r"\1",
]
TEXTS = [
    "Hello, world! It's a well-known fact: 3.14 is not pi.", "naïve café — Straße, Ωmega 東京 42", "",
    "a ab abc abcd abcde", "#tag1 #tag2 no_tag __init__ x1y2", "tabs\tand\nnew lines\u00a0nbsp\u2003em\x1cfs\x85nel",
    "привет мир ёлка Ёж", "١٢٣ ٤٥ 9٣", "e\u0301 cafe\u0301s", "\U0001d4d0\U0001d4d1 \U0001f600 ab", "don't can't I'm -- '-'",
    "ABC Def gHi K", "ababbb aab b bb", "ff00Aa zz 0g", "\ufeffbom \u200bzero",
]

print(json.dumps({
    "refused": REFUSED,
    "found": [
        {"pattern": pattern, "tokens": [re.findall(pattern, text) for text in TEXTS]} for pattern in PATTERNS
    ],
    "texts": TEXTS,
}, separators=(",", ":")))
