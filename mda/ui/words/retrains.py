"""What the pages say of retrains in general."""

ABOUT_SHORT_RETRAINS = (
    "What a short retrain on a part of each step's rows, or with a fresh optimizer, can and cannot show: see "
    "`docs/retrains.md`."
)
