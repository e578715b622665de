SELECT DISTINCT lane, waits_for FROM held WHERE lane = ANY ($1::smallint[])
