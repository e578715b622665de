SELECT lane, epoch, batch_seq FROM lane WHERE lane = ANY ($1::smallint[])
