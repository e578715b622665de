SELECT DISTINCT lane, guarantor_code FROM held WHERE lane = ANY ($1::smallint[])
