-- Who owned the lanes before: locked, so that two claims of one lane follow each other.
SELECT lane, owner, transactional_id, released, batch_seq, published_seq
FROM lane WHERE lane = ANY ($1::smallint[]) ORDER BY lane FOR UPDATE
