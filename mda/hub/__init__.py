"""Files on a Hugging Face hub: names and revisions, whole files, and parts of files too large to download."""
