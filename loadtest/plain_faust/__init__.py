"""The baseline `plain-faust`: the customs job as a competent Faust user writes it, one record at a time.

The walk: `app.py` takes a record → `reading.py` decodes it → a Faust Table joins order, payment and waybill →
`manifest.py` derives → `rules.py` judges → `ledgers.py` posts → `tax.py` computes → the decision is sent.
Start it with `python -m loadtest.plain_faust`; the environment it reads is described in `__main__.py`.

Settings, and why (stock faust-streaming 0.15.3 and aiokafka; nothing of Faust is replaced or subclassed):

- `processing_guarantee="at_least_once"`, `producer_acks=-1`: exactly_once has open bugs and is slower.
- `cython_optimizations=True` and uvloop: the two cheap gains; the Cython extensions are compiled in.
- `stream_buffer_maxsize=65536`: when the default 4096 is full, Faust sleeps a whole second.
- `broker_max_poll_records=2000`: without a bound one poll fills that buffer and one partition starves the others.
- `broker_commit_every=20000`, `broker_commit_interval=1`: commits are off the record's path; each flushes the producer.
- `producer_linger=0.01`, `producer_max_batch_size=256 KiB`: changelog and decisions leave in batches (linger 0 was
  slower in the one run it had). No compression, as in the run beside it.
- Logging is set up by us: Faust's `loglevel="warning"` sets the root logger to DEBUG for its spinner (`__main__.py`).
- Tables in memory with changelog topics (12 partitions, JSON by orjson where it is installed). The topics are made
  before Faust starts and `topic_allow_declare=False`: two workers that start at once fail otherwise (`changelogs.py`).
  `table_standby_replicas=0`: standbys would read every changelog a second time. With tables there, Faust
  keeps the assignor that puts partition n of all topics on one worker.
- One agent, concurrency 1, over the three topics; `stream.events()`, because tables cannot be written inside `take()`.
- The key is the order's on all three topics, so nothing is repartitioned.

`tidegate capacity --engine plain-faust` compares what it decided with the known answers (`compared.py`) and reports how
many differ, are missing or doubled. What of docs/decisions.md it does NOT do, all of which makes it faster, not slower:

- Section 2: the first document of a kind is used; later ones are counted as duplicates. No changes (appType 2), no
  deletes (appType 3), no fates, no attempt after a REJECT. Digests are not computed.
- Section 3: waybills without ebpCode are counted as strays and dropped.
- Records sent to another partition than their key's meet the rest of their order only if the same worker has both
  partitions, so such an order may stay open for ever.
- Section 4: no clock, no incomplete or closed orders; the join table keeps a mark of every order for ever.
- Section 5: a rule that raises skips the manifest (counted as failed) instead of SYS-02.
- Section 6: quota, weights and numbers are right within one worker only. Persons and numbers cross partitions: doing it right
  takes a repartitioned topic for each of the four ledgers. After a crash or a rebalance they may count a manifest twice.
- Section 8: no receipts, no dead letters (undecodable records are counted), batchSeq is 0, no evidence of findings.
- No PostgreSQL, no exactly-once: a crash may repeat decisions, and table changes, offsets and decisions are not atomic.
  A record can even be lost: in one run of two workers, whose second joined when the first was busy, one of 60,000
  records, a waybill, never reached the join table and its order stayed open. The rebalance is the likely cause, not proven.
- Only plaintext brokers.
"""
