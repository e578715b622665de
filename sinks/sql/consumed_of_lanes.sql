SELECT topic, partition, lane, topic_id, next_offset FROM consumed WHERE lane = ANY ($1::smallint[])
