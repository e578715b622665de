SELECT lane, epoch, batch_seq, published_seq FROM lane WHERE lane = ANY ($1::smallint[])
