"""Questions with judgements from files: JSONL, BEIR folders, TREC topics and qrels.

`codeindex.evaluation.labels.reading.read_labels` reads them all.
"""
