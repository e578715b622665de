SELECT lane, batch_seq FROM lane ORDER BY lane
