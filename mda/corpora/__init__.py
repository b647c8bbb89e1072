"""Where a study's rows come from: the generated demo corpus, and files of token ids or text."""
