"""Names that have led out of other servers' directories."""

TARGETS = ["etc/passwd", "etc/shadow", "proc/self/environ", "root/.ssh/id_rsa", "data/app.db", "secret_key"]
UPS = [
    "../",
    "../../",
    "../../../../../../../../",
    "./../",
    "a/../../",
    "sources/../../",
    "output/../../",
    "..//",
    ".../../",
]

TRAVERSAL = [f"{up}{target}" for up in UPS for target in TARGETS]
ABSOLUTE = [
    f"{root}{target}" for root in ("/", "//", "///", "/./", "C:/", "c:\\", "\\\\host\\share\\") for target in TARGETS
]
BACKSLASHES = [
    *[f"{up}{target}".replace("/", "\\") for up in UPS for target in TARGETS[:3]],
    "a\\b",
    "\\",
    "..\\../etc/passwd",
    "sources\\..\\..\\x",
]
CONTROLS = [f"a{chr(code)}b.txt" for code in [*range(32), *range(127, 160)]]
LINES = ["a\u2028b", "a\u2029b", "a\r\nSet-Cookie: x=y", 'a"\r\nX: y\r\n\r\n<script>']
TURNING = [f"gpj{mark}exe.txt" for mark in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"]
NUL = ["\0", "a\0.txt", "a.txt\0.png", "../\0", "\0/etc/passwd", "sources/a\0"]
DOTS = [
    ".",
    "..",
    "./",
    "../",
    "/",
    "a/..",
    "a/.",
    "a/./b",
    "a//b",
    "a/",
    "/a",
    "a/../b",
    "..a/..",
    " ",
    "a/ /b",
    "\u3000",
]
LONG = ["a" * 256, "é" * 128, "a/" * 128 + "b", "a" * 100_000, "\U0001f600" * 64]
SURROGATES = ["a\ud800", "\udcff.txt"]

REFUSED = [
    *TRAVERSAL,
    *ABSOLUTE,
    *BACKSLASHES,
    *CONTROLS,
    *LINES,
    *TURNING,
    *NUL,
    *DOTS,
    *LONG,
    *SURROGATES,
]

# Look like a way out and are names like any other.
ENCODED = [
    f"{up}{target}"
    for up in ("%2e%2e%2f", "..%2f", "%2e%2e/", "%252e%252e%252f", "..%c0%af", "%uff0e%uff0e/", "..%5c", "&#46;&#46;/")
    for target in TARGETS[:3]
]
ALIKE = [
    f"{dots}{slash}{target}"
    for dots in (
        "\u2024\u2024",
        "\uff0e\uff0e",
        "\u2025",
        "\u2026",
        "\u3002\u3002",
        "\u00b7\u00b7",
        ".\u200b.",
        ".\u034f.",
    )
    for slash in ("/", "\u2215", "\u2044", "\uff0f", "\u29f8", "\ufe68", "\uff3c")
    for target in TARGETS[:1]
]
DEVICES = [
    *(
        "CON",
        "NUL",
        "aux.txt",
        "COM1",
        "LPT1.png",
        "PRN",
        "a:b",
        "a.txt::$DATA",
        "file:",
        "~",
        "~/x",
        "~root/.ssh/id_rsa",
    ),
    *(
        "$HOME",
        "${IFS}x",
        "`id`",
        "$(id)",
        "; rm -rf x",
        "| cat",
        "*",
        "?",
        "[a-z]",
        "-rf",
        "--help",
        "a'b",
        "<b>",
        "%s%n",
    ),
    *("dev/zero", "dev/random", "proc/self/mem", "proc/1/root", "sys/kernel", ".env", ".git/config", ".ssh/id_rsa"),
    *("incoming/x", "files/x", "app.db", "secret_key", "...", "..a", "a..", "a...b", "....", "'; DROP TABLE x; --"),
    *("{{7*7}}", "{0.__class__}", "http:a", "file:etc", "data:text", "\ufeffa", "a\u0301", "\u00e1", "\u212b", "ﬁ"),
]
HARMLESS = [*ENCODED, *ALIKE, *DEVICES]
EVERY = [*REFUSED, *HARMLESS]
