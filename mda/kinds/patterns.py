r"""Rules that look for a pattern. `^` and `$` are borders of lines.

All repetitions are bounded, possessive or held to the line's beginning, so that no text makes them slow. What a
match must follow is looked up behind its first character, as texts are quickly searched for a first character.
"""

from mda.kinds.rules import Pattern

_MODIFIERS = r"(?:(?:export|pub|async|static|public|private|protected|inline|constexpr|final|virtual) )*+"
_KEYWORDS = (
    r"(?:def|class|struct|enum|union|interface|namespace|template|typedef|using|func|fn|function|sub|module|import"
    r"|from|package|return|elif|else|try|except|finally|raise|throw|catch|switch|case|default|break|continue|const"
    r"|let|var|my|local|endif|fi|done|esac|end|void|int|char|bool|float|double|unsigned|auto|size_t|require|use"
    r"|assert|yield|if|for|while|with|foreach|unless|until)"
)
_GOES_ON = r"(?=[ \t]*+[(:{;]|[ \t]++[\w\"'$@<*!(.&\[{-]++[^a-z\n]|[ \t]*+$)"
_PLAIN_VALUE = r"(?:\"[^\"\n]*+\"|'[^'\n]*+'|\[.*+|(?:\$\{\w++\}|[^(){};=\n])*+)"
_DATE_TIMES = (
    r"\d{4}[-/]\d\d[-/]\d\d[ T_]|\d\d:\d\d:\d\d|\[?\d\d:\d\d\]|\d\d/\w{3}/\d{4}|[A-Z][a-z]{2} [ \d]\d \d\d:"
    r"|\[? *+\d++\.\d++\]"
)
_LEVELS = r"(?:INFO|DEBUG|WARN|WARNING|ERROR|FATAL|TRACE|CRITICAL)(?!\w)|\[(?:info|debug|warn|warning|error)\]"
_BULLETS = r"(?:[-*•+o·] |\(?(?:\d{1,3}|[a-zA-Z]|[ivx]{1,4})[.)] |\[\d{1,3}\] )"
_FREQUENT = r"(?:the|of|and|to|in|is|for|that|with|on|be|by|or|it|was|are|this|from|not)"
_CELL = r"[^,\n\"'(){}\[\]]"

PATTERNS: tuple[Pattern, ...] = (
    Pattern(
        "prose",
        "joined words",
        0.6,
        4,
        rf"[a-z],? {_FREQUENT} [a-z]",
        "one of the most frequent English words, with words in small letters on both sides",
    ),
    Pattern(
        "prose",
        "end of a sentence",
        0.5,
        2,
        r"[.!?](?<=[a-z)].)(?:[\"')]? ++[A-Z\"'(]|$)",
        "a word, a full stop, and then a capital or the end of the line",
    ),
    Pattern(
        "code",
        "statement",
        1.5,
        1,
        r"^[ \t]*+" + _MODIFIERS + _KEYWORDS + _GOES_ON,
        "a line that begins with a keyword of a common language and goes on as programs do",
    ),
    Pattern("code", "semicolon", 2, 1, r";(?<=[\w)\]}'\"].)[ \t]*+$", "a semicolon at the end of a line"),
    Pattern(
        "code", "open end", 1, 1, r"[{(\\]$(?<!\\\\)", "an opening bracket or a backslash at the end of a line"
    ),
    Pattern("code", "comma", 0.5, 1, r",$", "a comma at the end of a line"),
    Pattern(
        "code", "brackets together", 0.5, 4, r"[)\]}][;,.)\]]|[({\[][({\[)'\"]", "brackets with nothing between"
    ),
    Pattern("code", "style", 1, 3, r"[{;][ \t]*+[\w-]++ ?:[^;{}\n]{1,60}[;}]", "a property of a style sheet"),
    Pattern(
        "code",
        "closing bracket",
        1,
        1,
        r"^[ \t]*+[)}\]]++[;,]?(?: else.*+)?$",
        "closing brackets alone on a line",
    ),
    Pattern(
        "code",
        "directive",
        3,
        1,
        r"^[ \t]*+#[ \t]*+(?:include|define|if|ifdef|ifndef|endif|pragma|else|undef|!)\b",
        "a line for the C preprocessor",
    ),
    Pattern("code", "call", 0.7, 3, r"[a-z_]\w\((?![a-z]\))", "a name and a parenthesis with no space between"),
    Pattern(
        "code",
        "operator",
        0.7,
        3,
        r"==|!=|&&|\|\||->|=>|\w::\w|[+*/|-]=|:=|\+\+|<<|<=|>=",
        "an operator of two characters",
    ),
    Pattern(
        "code",
        "assignment",
        1,
        1,
        r"^[ \t]*+[\w.\[\]\"'$@>-]++ ?[+-]?=(?![=>])",
        "a name and an equals sign at the beginning of a line",
    ),
    Pattern("code", "compound name", 0.5, 3, r"[a-z]_[a-z]|\b[a-z]++[A-Z]", "a name such as one_two or oneTwo"),
    Pattern(
        "code",
        "comment",
        1,
        1,
        r"^(?:\t++|    )*+ \*(?: |$)|^[ \t]*+(?://|/\*|\*/|# |\"\"\"|;;|--[ ])",
        "a line that begins as comments do",
    ),
    Pattern("code", "fence", 1, 1, r"^```[ \t]*+\w*+$", "the border of a block of code in Markdown"),
    Pattern(
        "code", "prompt", 2, 1, r"^[ \t]*+(?:>>>|\$|In \[\d++\]:) ", "a line typed to an interpreter or a shell"
    ),
    Pattern("code", "variable", 0.7, 3, r"[$@%]\{?[a-zA-Z_]\w", "a name after $, @ or %"),
    Pattern("code", "object", 0.7, 3, r"(?:self|this)\.[a-z_]", "a part of self or this"),
    Pattern("code", "indent", 0.5, 1, r"^(?: {4}|\t)[ \t]*+[^ \t\n]", "a line set in by four spaces or a tab"),
    Pattern(
        "latex", "command", 1, 4, r"\\(?<![\\'\"].)(?:[a-zA-Z]{3,}+|[a-z]{2}\b)(?!\\)", "a backslash and a word"
    ),
    Pattern(
        "latex",
        "environment",
        3,
        1,
        r"\\(?:begin|end|documentclass|usepackage|section|subsection|cite|ref|label)\{",
        "a beginning, an end, a title, a reference",
    ),
    Pattern(
        "latex",
        "formula",
        1,
        3,
        r"\$[^$\n]{1,80}[\\^_=+][^$\n]{0,80}\$",
        "dollars around something with a backslash or ^ _ = +",
    ),
    Pattern("latex", "index", 0.7, 3, r"[_^](?<=[\w})].)\{", "a group that is raised or lowered"),
    Pattern("latex", "end of a row", 2, 1, r"\\\\[ \t]*+$", "two backslashes at the end of a line"),
    Pattern(
        "markup",
        "tag",
        1,
        4,
        r"</?[a-zA-Z][\w:.-]*+(?:\s[^<>=]{0,100}+=[^<>]{0,400}+)?\s?/?>|<!--|<[!?][a-zA-Z]",
        "a tag in pointed brackets",
    ),
    Pattern("markup", "closing tag", 1, 2, r"</[a-zA-Z][\w:.-]*+>|/>", "the end of an element"),
    Pattern(
        "markup",
        "attribute",
        0.7,
        3,
        r"=\"(?<=\w..)",
        "a name, an equals sign and a quotation mark, with no space between",
    ),
    Pattern("markup", "entity", 1, 2, r"&(?:[a-z]{2,6}|#\w{2,5});", "a character by its name"),
    Pattern(
        "markup",
        "path",
        1,
        4,
        r"[mlhvcsqt](?<!\w.) ?-?\d*+\.?\d++[ ,]-?\d",
        "a letter and numbers, by which SVG draws a line",
    ),
    Pattern(
        "key-value",
        "quoted key",
        2.5,
        2,
        r"[\"'][^\"'\n]{1,60}+[\"']\s?: ?[\"'\[{\dtfn-]",
        "a key in quotation marks, a colon, a value",
    ),
    Pattern(
        "key-value",
        "quoted entry",
        1.3,
        1,
        r"^[ \t]*+\"[^\"\n]{0,200}+\",?$",
        "a value in quotation marks alone on a line",
    ),
    Pattern("key-value", "section", 3, 1, r"^\[\[?[\w.: \"'-]++\]\]?[ \t]*+$", "a name alone in square brackets"),
    Pattern(
        "key-value",
        "setting",
        2,
        1,
        rf"^(?:- )?[\w./-]++(?:\[\w++\])? ?= ?{_PLAIN_VALUE}[ \t]*+(?:#.*+)?$",
        "a key, an equals sign and a plain value, and nothing else on the line",
    ),
    Pattern(
        "key-value",
        "field",
        1.5,
        1,
        r"^[ \t]*+(?:- )?[A-Za-z][\w.-]*+: ++\S|^[ \t]*+[a-z_]\w*+:[ \t]*+$",
        "a key and a colon at the beginning of a line",
    ),
    Pattern("key-value", "bracket", 1, 1, r"^[ \t]*+[\]}\[{][\]}]?,?[ \t]*+$", "a bracket alone on a line"),
    Pattern(
        "table",
        "two cells",
        1.5,
        1,
        rf"^{_CELL}{{1,60}}+, ?[-\d.]{_CELL}{{0,60}}+$",
        "a short line with one comma and a number after it",
    ),
    Pattern(
        "table",
        "ruled line",
        2,
        1,
        r"^[ \t]*+[|+]?[:=-]{2,80}+(?:[|+]| ++)[|+:= -]*+$",
        "a line of dashes in several parts",
    ),
    Pattern(
        "log",
        "time",
        3,
        1,
        rf"^[\[(<]?(?:[\w.-]++ - - \[)?(?:{_DATE_TIMES})",
        "a date and time, or a time in brackets, at the beginning of a line",
    ),
    Pattern(
        "log",
        "time later",
        2,
        1,
        r"^[^\n\d]{1,30}+\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d",
        "a date and time after the first words of a line",
    ),
    Pattern("log", "level", 1, 1, _LEVELS, "a level of importance in capitals or brackets"),
    Pattern(
        "log",
        "trace",
        3,
        1,
        r"^[ \t]*+(?:at [\w.$<>]++\(|Traceback \(most|File \"[^\"\n]{1,200}\", line \d)",
        "a line of a stack trace",
    ),
    Pattern("log", "request", 2, 1, r"\"(?:GET|POST|PUT|HEAD|DELETE) /", "a request to a web server"),
    Pattern(
        "list",
        "bullet",
        4,
        1,
        rf"^(?!(?:\t++|    )*+ \*|[ \t]*+- [a-z_]++: )[ \t]*+{_BULLETS}[ \t]*+\S",
        "a bullet, a number or a letter before the text",
    ),
    Pattern("list", "address", 2, 1, r"@(?<=\w.)[\w-]++\.\w", "a mail address"),
    Pattern(
        "numbers",
        "sum",
        1,
        3,
        r"[ +*^=](?:(?<=\d[+*^=])[-(]?\d|(?<=[\d)] )[-+*/=^] [-(]?\d)",
        "an operator between numbers",
    ),
)
