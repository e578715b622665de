DELETE FROM partition_pause WHERE ($1::text IS NULL OR topic = $1) AND ($2::smallint IS NULL OR partition = $2)
    AND code <> ALL ($3::text[])
RETURNING topic, partition
