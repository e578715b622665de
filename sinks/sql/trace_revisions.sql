SELECT r.revision, r.outcome, r.return_status, r.revised_at, r.decision_id, r.registry_version, r.lane, r.batch_seq,
    l.published_seq >= r.batch_seq AS published
FROM revision r JOIN lane l USING (lane) WHERE r.manifest_id = $1 ORDER BY r.revision
